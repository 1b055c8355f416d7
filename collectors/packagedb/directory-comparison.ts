// Compares a folder with what is known of its files, and tells what differs.

import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { checkFile } from '../host/opened-file.ts';
import { readBootNs } from '../linux/libc.ts';
import { unpackDirectory } from '../packages/tools.ts';
import { settleMs } from './change-queue.ts';
import type { ChangeReporter } from './change-reporter.ts';
import type { Comparison } from './comparison.ts';
import { notSeen } from './file-writer.ts';
import {
  differenceOf,
  type Found,
  isOwnedByRoot,
  listNames,
  ownDifference,
  previousOf,
  readState,
  withRenames,
} from './listing.ts';
import type { ListingSaver } from './listing-saver.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectories } from './watched-directories.ts';
import { maxKnownFiles, pathOf, placeOf, type WatchedDirectory } from './watched-directory.ts';

export interface DirectoryComparisonOptions {
  directories: Pick<WatchedDirectories, 'atPath' | 'rescanSoon' | 'syncUnpackDirectory'>;
  tasks: WatchTasks;
  listings: Pick<ListingSaver, 'remember'>;
  reporter: Pick<ChangeReporter, 'report'>;
  /** A change of the file is about to be told. */
  waits(at: WatchedDirectory, name: string): boolean;
  /** Takes in what the kernel has to say of all that has happened until now; false: it says ever more. */
  drainKernelQueue(): Promise<boolean>;
  /** Too much happens right now: it is to be done once more. */
  compareAgain(at: WatchedDirectory): void;
  onFault(what: string): void;
}

export interface DirectoryComparison {
  /** Looks at every file. Throws what opendir(3) and lstat(2) throw. */
  compare(at: WatchedDirectory, directory: string, how: Comparison): Promise<void>;
  /** Looks at some names; to be called in turn (`serially`). */
  reconcile(at: WatchedDirectory, directory: string, names: readonly string[], how: Comparison): Promise<void>;
}

const namesAtATime = 64;

export function createDirectoryComparison(options: DirectoryComparisonOptions): DirectoryComparison {
  const { directories, tasks, listings, waits } = options;

  /** Takes files down as they are, unless their change is about to be told. */
  const rememberFresh = async (at: WatchedDirectory, directory: string, names: readonly string[]): Promise<void> => {
    const states = names.map((name) => readState(directory, name));
    await options.drainKernelQueue();
    for (const [i, name] of names.entries()) {
      const state = states[i];
      if (state === undefined || at.known.has(name) || !at.accepts(name) || waits(at, name)) continue;
      listings.remember(at, name, state);
    }
  };

  const reportFound = async (
    at: WatchedDirectory,
    { name, before, difference, from }: Found,
    { found, writer = notSeen }: Comparison,
  ): Promise<void> => {
    const path = pathOf(at, name);
    const isGone = difference.action === 'deletion';
    const { opened, unseen } = isGone ? { opened: undefined, unseen: undefined } : checkFile(path, name);
    await options.reporter.report(at, {
      action: difference.action,
      actionInferredFrom: difference.inferredFrom,
      path,
      atNs: readBootNs(),
      opened,
      unseen,
      writer,
      details: {
        ...(from === undefined ? {} : { original_path: pathOf(at, from) }),
        ...(before === undefined || difference.changed.length === 0
          ? {}
          : { changed: difference.changed, previous: previousOf(before, difference.changed) }),
      },
      found,
    });
  };

  /** Now that nobody else touches what is known. */
  const reconcile: DirectoryComparison['reconcile'] = async (at, directory, names, how) => {
    // Of a folder that has been replaced meanwhile everything would differ.
    if (at.place?.path !== directory || placeOf(at.directory.path)?.identity !== at.place.identity) {
      directories.rescanSoon();
      return;
    }
    const states = names.map((name) => readState(directory, name));
    if (!(await options.drainKernelQueue())) {
      options.compareAgain(at);
      return;
    }
    const found: Found[] = [];
    for (const [i, name] of names.entries()) {
      if (waits(at, name) || !at.accepts(name)) continue;
      const after = states[i];
      const before = at.known.get(name);
      if (before === after) continue;
      if (before === undefined && at.directory.namePrefix !== undefined && !isOwnedByRoot(after)) continue;
      const difference = name === '.' ? ownDifference(before, after) : differenceOf(before, after, at.copied);
      listings.remember(at, name, after);
      if (after === undefined) at.gone.add(name);
      if (difference !== undefined) found.push({ name, before, after, difference });
    }
    for (const one of withRenames(found)) {
      await reportFound(at, one, how);
      // What is in it is told by its own watch.
      if (one.name === unpackDirectory && one.after !== undefined)
        directories.syncUnpackDirectory(at, one.name, undefined);
    }
  };

  const compare: DirectoryComparison['compare'] = async (at, directory, how) => {
    const candidates: string[] = ['.'];
    let met = at.known.has('.') ? 1 : 0;
    let unknown = 0;
    let total = 1;
    const stopped = (): boolean => tasks.closed || at.place?.path !== directory;
    const takeDown = (names: readonly string[]): Promise<void> =>
      tasks.serially('a folder could not be listed', () => rememberFresh(at, directory, names));
    if (how.silent) await takeDown(['.']);
    for await (const names of listNames(directory, at.directory.namePrefix)) {
      if (stopped()) return;
      const fresh: string[] = [];
      for (const name of names) {
        // A folder that is watched itself speaks for itself.
        if (directories.atPath(`${directory}/${name}`)) continue;
        total++;
        const before = at.known.get(name);
        if (before !== undefined) met++;
        const state = readState(directory, name);
        if (state === undefined || state === before) continue;
        // Nobody knows who it was; a scriptlet is root's.
        if (before === undefined && at.directory.namePrefix !== undefined && !isOwnedByRoot(state)) continue;
        if (how.silent) fresh.push(name);
        else if (before !== undefined || ++unknown + at.known.size <= maxKnownFiles) candidates.push(name);
      }
      if (how.silent) await takeDown(fresh);
    }
    const uncounted = Math.max(0, total - maxKnownFiles);
    if (uncounted > 0 && at.uncounted === 0) {
      options.onFault(`${directory} has more than ${maxKnownFiles} files: those over it are counted, not compared`);
    }
    at.uncounted = uncounted;
    if (met < at.known.size) {
      let seen = 0;
      for (const name of [...at.known.keys()]) {
        if (++seen % namesAtATime === 0) await setImmediate();
        if (stopped()) return;
        if (readState(directory, name) === undefined) candidates.push(name);
      }
    }
    if (how.silent) return;
    // What the kernel has to say of these goes first.
    await sleep(settleMs);
    for (let i = 0; i < candidates.length && !stopped(); i += namesAtATime) {
      const some = candidates.slice(i, i + namesAtATime);
      await tasks.serially('a difference could not be told', () => reconcile(at, directory, some, how));
    }
    if (!stopped()) at.copied = false;
  };

  return { compare, reconcile };
}
