// Finds out whether an installed package brought a program or script, for those that package tools run or that give
// other users the rights of root.

import path from 'node:path';
import { type Answer, ask, known } from '../answer.ts';
import { isSystemPath } from '../hooks/system-paths.ts';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import type { Host } from '../host/host.ts';
import { reportOwnFault, tryRead } from '../host/read-faults.ts';
import { digestOf } from '../host/read-file.ts';
import type { RegularFile } from '../host/regular-file.ts';
import { temporaryPath } from '../process/temporary-path.ts';
import { type FileOwnersOptions, openFileOwners } from './file-owners.ts';
import { listedNames } from './listed-files.ts';
import { isInDpkgDirectory } from './tools.ts';

/** The result of a check. */
export interface CheckedProgram {
  path: string;
  /** Undefined: the package databases could not be read, or too many programs were checked at once. */
  isOwned: boolean | undefined;
  /** SHA-256 of the content, only if the path does not identify the file. Absent also if it could not be read. */
  sha256?: string;
}

/** The checks of programs and scripts. */
export interface UnownedPrograms {
  /** The file is opened at once and read in the background. Must not be called for files that `isGenerated` accepts. */
  check(file: string): Answer<CheckedProgram>;
}

/** Directories in which no package puts programs, and files without a name. */
const personal = /^\/(?:(?:tmp|var\/tmp|dev|run|home|root)\/|memfd:)/;
/** Programs that snapd runs in its own place, and scripts that debconf takes out of archives before their installation. */
const generated = /^\/(?:snap\/(?:snapd|core\d*)\/\d+|var\/cache\/debconf\/tmp\.ci)\//;

/** How long an answer holds: packages come and go. */
const heldMs = 10_000;
/** The same for a file that a package brought, which the package manager removes with the package. */
const ownedMs = 86_400_000;
const maxHeld = 256;
/** Maximum number of checks that wait for each other; each may hold a file open. */
const maxAsked = 64;
/** A larger program is known by its path. */
const maxBytes = 64 * 1024 * 1024;

/**
 * Whether the file may be one that no package brought. Directories of the system count as filled by packages only, and
 * the scripts of packages have rules of their own. Reads nothing.
 */
export const mayBeUnowned = (file: string): boolean =>
  file.startsWith('/') && !isSystemPath(file) && !isInDpkgDirectory(file) && !isGenerated(file);

/** Whether package tools put the file there without a package that lists it. */
export const isGenerated = (file: string): boolean => generated.test(file);

/** Reads nothing before the first `check`. `places`: the places of the package databases; tests use others. */
export function openUnownedPrograms(host: Host, places: Omit<FileOwnersOptions, 'directories'> = {}): UnownedPrograms {
  const answers = new Map<string, { sinceMs: number; answer: Answer<CheckedProgram> }>();
  let asked = 0;
  let last: Promise<unknown> = Promise.resolve();

  // The lists of all packages are read for each question: questions are rare, and the lists of a directory can be long.
  const isOwned = async (file: string): Promise<boolean | undefined> => {
    if (personal.test(file)) return false;
    const directories = new Set(listedNames(file).map((name) => path.dirname(name)));
    const owners = openFileOwners(host, { ...places, directories });
    const owner = await owners.find(file, undefined);
    return owner && owner.state !== 'none';
  };
  const digest = async (file: RegularFile): Promise<string | undefined> => {
    try {
      return await digestOf(file, 'sha256', maxBytes);
    } catch (error) {
      reportOwnFault(error);
      return undefined;
    }
  };
  const find = async (file: string, opened: RegularFile | undefined): Promise<CheckedProgram> => {
    try {
      const owned = await isOwned(file);
      const sha256 = opened && (await digest(opened));
      return { path: file, isOwned: owned, ...(sha256 !== undefined && { sha256 }) };
    } finally {
      opened?.close();
      asked--;
    }
  };

  return {
    check(file) {
      const stat = tryRead(() => host.stat(file));
      const key = `${stat === undefined ? '' : contentIdentity(stat)} ${file}`;
      const nowMs = host.clock.monotonicMs();
      const before = answers.get(key);
      const isHeld = nowMs - (before?.sinceMs ?? 0) < (before?.answer.value?.isOwned ? ownedMs : heldMs);
      if (before !== undefined && isHeld) return before.answer;
      if (asked >= maxAsked) return known<CheckedProgram>({ path: file, isOwned: undefined });
      const opened = temporaryPath(file) === undefined ? undefined : tryRead(() => host.open(file));
      asked++;
      // One at a time: a file system that does not answer then blocks only one of Node's few threads.
      const found = last.then(() => find(file, opened));
      last = found.catch(() => {});
      const answer = ask(found);
      if (answers.size >= maxHeld) answers.clear();
      // A file that changed a moment ago may change again without another change time.
      if (stat === undefined || isAtRest(stat, host.clock.nowMs())) {
        answers.set(key, { sinceMs: nowMs, answer });
      }
      return answer;
    },
  };
}
