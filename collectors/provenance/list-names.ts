// The names of apt's package lists and Release files: a URI without its scheme, with `_` for `/` (URItoFileName).

/** One package list by its file name. */
export interface ListName {
  /** File name in the directory of the lists. */
  name: string;
  /** Whether the file is compressed: its name has a suffix. */
  isCompressed: boolean;
  /** File names of the Release files that may have its digest, without `InRelease` or `Release`. */
  releasePrefix: string;
  /** Path of the list below the directory of that Release file: `main/binary-amd64/Packages`. */
  path: string;
  /** The address of the repository without its scheme: `deb.example.org/debian`. */
  site: string;
  /** The component; undefined of a flat repository. */
  component: string | undefined;
}

const listName = /^(?:(.*)_)?Packages(\.(?:lz4|gz|xz|zst|bz2|lzma))?$/;
const inSuite = /^(.*?)_?dists_(.*)$/;
/** `main_binary-amd64`, of a component with `/`: `updates_main_binary-amd64`. */
const inComponent = /^(?:(.*)_)?binary-[a-z0-9-]+$/;
const releaseName = /^(.*_)?(InRelease|Release)$/;

/**
 * The package lists among the names of files. The names of Release files in the same directory show where the path of a
 * list begins: its own name does not.
 */
export function packageLists(names: readonly string[]): ListName[] {
  const prefixes = new Set(
    names.flatMap((name) => (releaseName.test(name) ? [releaseName.exec(name)?.[1] ?? ''] : [])),
  );
  return names.flatMap((name) => {
    const match = listName.exec(name);
    if (match === null) return [];
    const [, directory = '', suffix = ''] = match;
    const plain = name.slice(0, name.length - suffix.length);
    const releasePrefix = prefixOf(plain, prefixes);
    const below = plain.slice(releasePrefix.length);
    const [, site = directory] = inSuite.exec(directory) ?? [];
    const component = inComponent.exec(below.slice(0, -'_Packages'.length))?.[1];
    return [
      {
        name,
        isCompressed: suffix !== '',
        releasePrefix,
        path: pathOf(below),
        site: pathOf(site).replace(/\/\.$/, ''),
        component: component === undefined ? undefined : pathOf(component),
      },
    ];
  });
}

/** The longest beginning of the name that a Release file has too; without one, the name up to the list itself. */
function prefixOf(plain: string, prefixes: ReadonlySet<string>): string {
  const parts = plain.split('_');
  for (let count = parts.length - 1; count > 0; count--) {
    const prefix = parts
      .slice(0, count)
      .map((part) => `${part}_`)
      .join('');
    if (prefixes.has(prefix)) return prefix;
  }
  return plain.slice(0, -'Packages'.length);
}

/** apt writes some characters as `%` and two digits, `_` among them. */
const pathOf = (name: string): string =>
  name
    .replaceAll('_', '/')
    .replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
