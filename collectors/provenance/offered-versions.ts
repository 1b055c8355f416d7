// The versions of the installed packages that the distribution offers, with the suites that offer them, by apt's package lists.

import type { UnobservedReason } from '../event/reasons.ts';
import type { ListedPackage } from '../packages/listed-package.ts';
import type { ListFiles } from './read-lists.ts';
import { defaultPriority } from './release-file.ts';
import { fieldOf, isSameArchitecture, openSuites, type SuiteList } from './suite-lists.ts';

/** A component of a suite, as pins of apt name it. Undefined: its Release file does not say. */
export interface SuitePart {
  /** Site and suite: `security.example.org/debian-security stable-security`. */
  name: string;
  suite: string | undefined;
  isSecurity: boolean;
  /** Host of its address; '' of a local directory. */
  host: string;
  archive: string | undefined;
  codename: string | undefined;
  origin: string | undefined;
  label: string | undefined;
  version: string | undefined;
  component: string | undefined;
  architecture: string | undefined;
  /** The priority of its versions without a pin. */
  priority: number;
}

/** An installed package that the distribution offers. */
export interface OfferedPackage {
  name: string;
  architecture: string;
  /** Name of the source package. */
  source: string;
  /** The installed version. */
  version: string;
  /** The offered versions. */
  offered: ReadonlyMap<string, ReadonlySet<SuitePart>>;
}

/** The suites of the distributions that have security updates; `unobserved`: why others may be missing. */
export interface OfferedVersions {
  parts: readonly SuitePart[];
  packages: readonly OfferedPackage[];
  unobserved: UnobservedReason | undefined;
}

/** `directory`: that of apt's lists. Never rejects. */
export async function findOfferedVersions(
  installed: readonly Pick<ListedPackage, 'name' | 'architecture' | 'version'>[],
  directory: string,
  files: ListFiles,
): Promise<OfferedVersions> {
  const suites = openSuites(directory, files);
  const lists = await suites.lists();
  const origins = new Set(lists.flatMap(({ isSecurity, release }) => (isSecurity ? [release?.origin] : [])));
  const byName = new Map<string, CollectedPackage[]>();
  for (const { name, architecture, version } of installed) {
    const one = { name, architecture, version, source: name, offered: new Map<string, Set<SuitePart>>() };
    byName.set(name, [...(byName.get(name) ?? []), one]);
  }
  const parts: SuitePart[] = [];
  // What another vendor offers is no update of the distribution.
  for (const one of lists.filter(({ release }) => origins.has(release?.origin))) {
    const part = partOf(one);
    parts.push(part);
    await suites.read(one.list, (stanza) => {
      for (const known of byName.get(fieldOf(stanza, 'Package')) ?? []) {
        if (!isSameArchitecture(known.architecture, fieldOf(stanza, 'Architecture'))) continue;
        const version = ownText(fieldOf(stanza, 'Version'));
        known.source = ownText(fieldOf(stanza, 'Source')) || known.name;
        known.offered.set(version, (known.offered.get(version) ?? new Set<SuitePart>()).add(part));
      }
    });
  }
  const packages = [...byName.values()].flat().filter(({ offered }) => offered.size > 0);
  return { parts, packages, unobserved: suites.unobserved };
}

interface CollectedPackage extends OfferedPackage {
  offered: Map<string, Set<SuitePart>>;
}

/** Copies a substring: in V8 it keeps the whole text in memory. */
const ownText = (part: string): string => Buffer.from(part.slice(0, maxChars)).toString();
const maxChars = 255;

/** `binary-amd64` in the path of a list. */
const listArchitecture = /(?:^|\/)binary-([a-z0-9-]+)\//;

function partOf({ list, release, isSecurity }: SuiteList): SuitePart {
  const { site, component, path } = list;
  return {
    name: `${site} ${release?.suite ?? ''}`.trim(),
    suite: release?.suite,
    isSecurity,
    host: site.split('/', 1)[0]?.replace(/:\d*$/, '') ?? '',
    archive: release?.archive,
    codename: release?.codename,
    origin: release?.origin,
    label: release?.label,
    version: release?.version,
    component,
    architecture: listArchitecture.exec(path)?.[1],
    priority: release?.priority ?? defaultPriority,
  };
}
