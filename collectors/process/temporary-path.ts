// Decides whether the path of a script identifies it. Deployment tools put a script under a name that is new each time
// (terraform, packer, Jenkins, Ansible, CI runners): such a script is known by its content.

import { isInDpkgDirectory } from '../packages/tools.ts';

/** Directories whose files packages install, or that the system itself fills: their paths identify a file. */
const packagedDirectory = /^\/(?:usr\/(?!local\/)|bin\/|sbin\/|lib\w*\/)/;

/** Directories for files of the moment. */
const volatileDirectory = /^\/(?:dev\/shm|(?:var\/)?run)(?=\/)/;

/** The name of a temporary directory, in any spelling: `tmp`, `.temp`, `_temp`, `buildTmp`, `job@tmp`, `ansible-tmp-1670.2-3`; also Python's. */
const temporaryName =
  /^tmp[a-z0-9_]{8}$|(?:(?<![A-Za-z])te?mp(?:orary|s|files?|dirs?|fs)?|(?<![A-Z])Te?mp(?:orary|s)?)(?![a-z])|(?<![A-Za-z])TE?MP(?![A-Za-z])/;

/** The parts of a name that are random or count runs. */
const changingParts: readonly RegExp[] = [
  // UUID
  /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi,
  // A hash, or the id of a cloud instance: with a digit, so that no word is one.
  /(?<![0-9a-z])(?=[a-f]*\d)[0-9a-f]{8,}(?![0-9a-z])/gi,
  // A time, a process, a counter
  /\d{6,}/g,
  // Python's tempfile, in place of a file
  /(?<=^tmp)[a-z0-9_]{8}(?=\.|$)/g,
];

/** Number of places where a small letter, a capital and a digit follow each other. The capital of a first letter does not count. */
const mixtureOf = (word: string): number =>
  word
    .slice(1)
    .replaceAll(/[a-z]+/g, 'a')
    .replaceAll(/[A-Z]+/g, 'A')
    .replaceAll(/\d+/g, '0').length - 1;

/** Whether letters and digits alternate as in no name or version: `8QK3Z2L1A`. */
const isRandom = (word: string): boolean =>
  word.length >= 8 && (word.match(/[A-Za-z]\d|\d[A-Za-z]/g) ?? []).length >= 3;

/** A directory whose subdirectories are numbered: the Azure agent's downloads of scripts. */
const numbered = '/var/lib/waagent/';

const withStars = (name: string): string =>
  changingParts
    .reduce((text, part) => text.replaceAll(part, '*'), name)
    .replaceAll(/[A-Za-z0-9]+/g, (word) => (isRandom(word) ? '*' : word))
    // mktemp(1): `name.XXXXXX`
    .replace(/(?<=\.)[A-Za-z0-9]{6,12}$/, (word) => (mixtureOf(word) >= 2 ? '*' : word));

/**
 * The path with `*` for the parts that change with each run, if it does not identify the file; undefined if it does.
 * Nothing below a temporary directory counts: `/tmp/*`.
 */
export function temporaryPath(file: string): string | undefined {
  if (!file.startsWith('/') || packagedDirectory.test(file) || isInDpkgDirectory(file)) return undefined;
  const volatile = volatileDirectory.exec(file)?.[0];
  if (volatile !== undefined) return `${volatile}/*`;
  const parts = file.split('/').slice(1);
  const names = file.startsWith(numbered) ? parts.map((part) => (/^\d+$/.test(part) ? '*' : part)) : parts;
  const temporary = names.slice(0, -1).findIndex((name) => temporaryName.test(name));
  if (temporary >= 0) {
    const directories = names.slice(0, temporary).map(withStars);
    // What follows the word in the directory's own name changes too: `ansible-tmp-1670000000.12-34-5678`.
    const own = withStars(names[temporary] ?? '').replace(/(?<=tmp|temp)[^A-Za-z].*$/i, '*');
    return ['', ...directories, own, '*'].join('/');
  }
  const stable = ['', ...names.map(withStars)].join('/');
  return stable === file ? undefined : stable;
}

/**
 * Scripts with data of the run within: Ansible packs the arguments of a module, and a time, into the file. Their content
 * identifies them even less than their path.
 */
const holdsData = /\/AnsiballZ_\w+\.py$/;

/** Whether the content of the script must be known to identify it. */
export const isKnownByContent = (file: string): boolean => temporaryPath(file) !== undefined && !holdsData.test(file);

/** Hexadecimal digits of the hash in a term. */
const termDigits = 16;
const hashEnd = / \(sha256 [0-9a-f]{16}\)$/;

/** A script in the form that is compared: what is left of its path, and its content. */
export const scriptTerm = (file: string, sha256: string): string =>
  `${temporaryPath(file) ?? file} (sha256 ${sha256.slice(0, termDigits)})`;

/** The path in such a term; undefined: the text is no such term. A file can have a name of that form. */
export const pathOfScriptTerm = (text: string): string | undefined =>
  hashEnd.test(text) ? text.replace(hashEnd, '') : undefined;
