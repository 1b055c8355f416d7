// Decides whether the path of a script identifies it. Deployment tools put a script under a name that is new each time
// (terraform, packer, Jenkins, Ansible, CI runners): such a script is known by its content.

import { isLasting, markRandomParts, namesOfPath, temporaryName, volatileDirectory, withStars } from './folded-path.ts';

/** Python's tempfile, in place of a file. */
const pythonName = /(?<=^tmp)[a-z0-9_]{8}(?=\.|$)/;

const stableName = (name: string): string => withStars(markRandomParts(name.replace(pythonName, '*')));

/**
 * The path with `*` for the parts that change with each run, if it does not identify the file; undefined if it does.
 * Nothing below a temporary directory counts: `/tmp/*`.
 */
export function temporaryPath(file: string): string | undefined {
  if (isLasting(file)) return undefined;
  const volatile = volatileDirectory.exec(file)?.[0];
  if (volatile !== undefined) return `${volatile}/*`;
  const names = namesOfPath(file);
  const temporary = names.slice(0, -1).findIndex((name) => temporaryName.test(name));
  if (temporary >= 0) {
    const directories = names.slice(0, temporary).map(stableName);
    // What follows the word in the directory's own name changes too: `ansible-tmp-1670000000.12-34-5678`.
    const own = stableName(names[temporary] ?? '').replace(/(?<=tmp|temp)[^A-Za-z].*$/i, '*');
    return ['', ...directories, own, '*'].join('/');
  }
  const stable = ['', ...names.map(stableName)].join('/');
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
