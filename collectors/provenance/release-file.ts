// Parses the Release files of repositories: what they say of themselves, the digests of their package lists, and who
// has signed them. apt has verified the signature; nothing here does.

import { signatureKeys } from './signature-keys.ts';

/** A package list as a Release file has it. */
interface ListedIndex {
  /** SHA-256 in lower-case hexadecimal digits. */
  sha256: string;
  sizeBytes: number;
}

/** One Release file. A field is undefined if the file does not have it. */
export interface ReleaseFile {
  suite: string | undefined;
  origin: string | undefined;
  label: string | undefined;
  /** The suite by the field of that name only: pins call it archive. */
  archive: string | undefined;
  codename: string | undefined;
  version: string | undefined;
  /** The priority that apt gives its versions without a pin; see apt_preferences(5). */
  priority: number;
  /** By path below the directory of the Release file: `main/binary-amd64/Packages`. */
  indexes: ReadonlyMap<string, ListedIndex>;
  isSigned: boolean;
  /** Fingerprints or ids of the keys, as the signatures name them. */
  keys: readonly string[];
}

/** Maximum length of a field of the event, in UTF-16 units. */
const maxFieldChars = 256;
/** Maximum number of package lists of one repository: one for each component, architecture and compression. */
const maxIndexes = 16_384;

/** The priority of a repository whose Release file says nothing of it. */
export const defaultPriority = 500;

const indexPath = /(?:^|\/)Packages(?:\.\w+)?$/;
const indexLine = /^\s+([0-9a-f]{64})\s+(\d{1,15})\s+(\S+)\s*$/i;

/** Parses an InRelease file, which is signed as a whole, with the text within the signature only. */
export function parseInRelease(text: string): ReleaseFile {
  // An empty line ends the headers of the signature.
  const headers = text.startsWith(messageStart) ? /\r?\n\r?\n/.exec(text) : null;
  const end = text.indexOf(`\n${signatureStart}`);
  if (headers === null || end < headers.index) return parseRelease(text, undefined);
  const signed = text.slice(headers.index + headers[0].length, end + 1).replaceAll(/^- /gm, '');
  return parseRelease(signed, Buffer.from(text.slice(end + 1)));
}

const messageStart = '-----BEGIN PGP SIGNED MESSAGE-----';
const signatureStart = '-----BEGIN PGP SIGNATURE-----';

/** Parses a Release file. `signature`: its Release.gpg; undefined: no such file. */
export function parseRelease(text: string, signature: Buffer | undefined): ReleaseFile {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:[ \\t]*(.*)$`, 'mi').exec(text)?.[1]?.trim().slice(0, maxFieldChars) || undefined;
  const keys = signature === undefined ? [] : signatureKeys(signature);
  return {
    suite: field('Suite') ?? field('Codename'),
    origin: field('Origin'),
    label: field('Label'),
    archive: field('Suite'),
    codename: field('Codename'),
    version: field('Version'),
    priority: priorityOf(field('NotAutomatic'), field('ButAutomaticUpgrades')),
    indexes: indexesIn(text),
    isSigned: keys.length > 0,
    keys,
  };
}

const priorityOf = (notAutomatic: string | undefined, butUpgrades: string | undefined): number => {
  if (notAutomatic?.toLowerCase() !== 'yes') return defaultPriority;
  return butUpgrades?.toLowerCase() === 'yes' ? 100 : 1;
};

function indexesIn(text: string): ReadonlyMap<string, ListedIndex> {
  const indexes = new Map<string, ListedIndex>();
  const start = /^SHA256:[ \t]*\r?\n/im.exec(text);
  if (start === null) return indexes;
  for (let position = start.index + start[0].length; position < text.length && indexes.size < maxIndexes; ) {
    const end = text.indexOf('\n', position);
    const line = text.slice(position, end < 0 ? undefined : end);
    if (!/^[ \t]/.test(line)) break;
    const [, sha256, size, file] = indexLine.exec(line) ?? [];
    if (sha256 !== undefined && file !== undefined && indexPath.test(file))
      indexes.set(file, { sha256: sha256.toLowerCase(), sizeBytes: Number(size) });
    if (end < 0) break;
    position = end + 1;
  }
  return indexes;
}
