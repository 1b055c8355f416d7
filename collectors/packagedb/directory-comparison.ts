// Compares a directory with the recorded states of its files, and reports the differences.

import { setTimeout as sleep } from 'node:timers/promises';
import { checkFile } from '../host/opened-file.ts';
import { settleMs } from './change-queue.ts';
import { burstOverMs, type Comparison } from './comparison-schedule.ts';
import { changedFields, type Difference, differencesOf } from './differences.ts';
import { notSeen } from './file-writer.ts';
import { type FileState, isOwnedByRoot, listNames, mayBeDirectory, readState } from './listing.ts';
import type { PendingChanges } from './pending-changes.ts';
import type { WatchCore } from './watch-core.ts';
import type { WatchedDirectories } from './watched-directories.ts';
import { locate, maxKnownFiles, pathOf, type WatchedDirectory } from './watched-directory.ts';
import { fileTurns } from './work-turns.ts';

/** The other watched directories, which are left out of a listing, and the changes that are about to be reported. */
export interface DirectoryComparisonDeps {
  directories: Pick<WatchedDirectories, 'isSeparate' | 'checkSoon' | 'foundBelow'>;
  pending: Pick<PendingChanges, 'has'>;
}

/** Finds changes by the states of the files, reports them and updates the recorded states. */
export interface DirectoryComparison {
  /**
   * Compares every file of the directory, whose path without links is `path`. Throws the errors of opendir(3) and
   * lstat(2).
   */
  compare(watched: WatchedDirectory, path: string, comparison: Comparison): Promise<void>;
  /** Compares some names. Must be called in a serial task (`serially`). */
  compareNames(
    watched: WatchedDirectory,
    path: string,
    names: readonly string[],
    comparison: Comparison,
  ): Promise<void>;
}

const namesAtATime = 64;

/** Creates a comparison. It keeps no state itself: the recorded states are in each `WatchedDirectory`. */
export function createDirectoryComparison(
  { tasks, reporter, sources, schedule }: WatchCore,
  { directories, pending }: DirectoryComparisonDeps,
): DirectoryComparison {
  /** Whether the path no longer leads to the directory, or the watch ends. */
  const isStale = (watched: WatchedDirectory, path: string): boolean => tasks.closed || watched.location?.path !== path;

  /**
   * Whether the file is watched. In a directory of scriptlets a new file counts only if root owns it, as root owns
   * scriptlets.
   */
  const isWatchedFile = (watched: WatchedDirectory, name: string, state: FileState | undefined): boolean =>
    watched.accepts(name) &&
    (watched.known.has(name) || watched.directory.namePrefix === undefined || isOwnedByRoot(state));

  /** Records new files as they are, except those whose change is about to be reported. */
  const recordNew = async (watched: WatchedDirectory, path: string, names: readonly string[]): Promise<void> => {
    const states = names.map((name) => readState(path, name));
    await sources.drainQueue();
    for (const [i, name] of names.entries()) {
      const state = states[i];
      if (state === undefined || watched.known.has(name) || !isWatchedFile(watched, name, state)) continue;
      if (!pending.has({ watched, name })) watched.record(name, state);
    }
  };

  const report = async (
    watched: WatchedDirectory,
    { name, before, difference, originalName }: Difference,
    { found, writer = notSeen }: Comparison,
  ): Promise<void> => {
    const path = pathOf(watched, name);
    const isGone = difference.action === 'deletion';
    const { opened, unseen } = isGone ? { opened: undefined, unseen: undefined } : checkFile(path, name);
    await reporter.report(watched, {
      action: difference.action,
      actionInferredFrom: difference.inferredFrom,
      path,
      atNs: tasks.clock.bootNs(),
      opened,
      unseen,
      writer,
      details: {
        ...(originalName === undefined ? {} : { original_path: pathOf(watched, originalName) }),
        ...(before === undefined || difference.changed.length === 0 ? {} : changedFields(before, difference)),
      },
      found,
    });
  };

  /** Number of differences that may be reported now. */
  const availableFor = (watched: WatchedDirectory, { recordsNew }: Comparison): number =>
    recordsNew ? Number.POSITIVE_INFINITY : reporter.available(watched);

  const compareNames: DirectoryComparison['compareNames'] = async (watched, path, names, comparison) => {
    await fileTurns.next();
    // If another directory has replaced the watched one, every file would differ: check the path first.
    if (watched.location?.path !== path || locate(watched.directory)?.identity !== watched.location.identity) {
      directories.checkSoon(watched);
      return;
    }
    const states = names.map((name) => readState(path, name));
    // Handle the kernel's events first: they name the writer, and a difference does not.
    if (!(await sources.drainQueue())) {
      schedule.in(watched, burstOverMs);
      return;
    }
    const changed = new Map(
      names.flatMap((name, i): [string, FileState | undefined][] => {
        const state = states[i];
        const isSame = state === watched.known.get(name);
        return isSame || pending.has({ watched, name }) || !isWatchedFile(watched, name, state) ? [] : [[name, state]];
      }),
    );
    const available = availableFor(watched, comparison);
    if (changed.size > available) {
      for (const name of [...changed.keys()].slice(available)) changed.delete(name);
      schedule.soon(watched);
    }
    const before = new Map([...changed.keys()].map((name) => [name, watched.known.get(name)]));
    for (const [name, state] of changed) {
      watched.record(name, state);
      if (state === undefined) watched.reportedDeletions.add(name);
    }
    for (const difference of differencesOf(before, changed, watched.copied)) {
      const isRecorded = comparison.recordsNew && difference.difference.action === 'creation';
      if (!isRecorded) await report(watched, difference, comparison);
      if (difference.now !== undefined && mayBeDirectory(difference.now)) {
        directories.foundBelow(watched, difference.name, comparison);
      }
    }
  };

  /** Lists the watched names in the directory in batches, without directories that are watched separately. */
  async function* listOwnNames(watched: WatchedDirectory, path: string): AsyncGenerator<string[]> {
    const { names: all, namePrefix } = watched.directory;
    for await (const names of all === undefined ? listNames(path, namePrefix) : [all]) {
      await fileTurns.next();
      if (isStale(watched, path)) return;
      yield names.filter((name) => watched.accepts(name) && !directories.isSeparate(`${path}/${name}`));
    }
  }

  const countBeyondBound = (watched: WatchedDirectory, path: string, uncounted: number): void => {
    if (uncounted > 0 && watched.uncounted === 0) {
      tasks.fault(
        watched.directory.room === undefined
          ? `${path} has more than ${maxKnownFiles} files: those over it are counted, not compared`
          : 'too many files in watched paths: some are counted, not compared',
      );
    }
    watched.uncounted = uncounted;
  };

  const recordAll = async (watched: WatchedDirectory, path: string): Promise<void> => {
    const record = (names: readonly string[]): Promise<void> =>
      tasks.serially('a directory could not be listed', () => recordNew(watched, path, names));
    await record(['.']);
    let files = 1;
    for await (const names of listOwnNames(watched, path)) {
      files += names.length;
      await record(names);
    }
    const uncounted = watched.room() > 0 ? 0 : Math.max(0, files - watched.known.size);
    if (!isStale(watched, path)) countBeyondBound(watched, path, uncounted);
  };

  /** Names whose files differ from their recorded states. Files beyond `maxKnownFiles` are not compared. */
  const listDifferent = async (watched: WatchedDirectory, path: string, comparison: Comparison): Promise<string[]> => {
    const { known } = watched;
    const different = ['.'];
    let uncounted = 0;
    let knownFiles = known.has('.') ? 1 : 0;
    let room = watched.room();
    let available = availableFor(watched, comparison);
    const isDifferent = (name: string): boolean => {
      const isNew = !known.has(name);
      if (isNew && room <= 0) uncounted++;
      if (isNew && (room <= 0 || available <= 0)) return false;
      const state = readState(path, name);
      if (state === undefined) return false;
      if (mayBeDirectory(state)) directories.foundBelow(watched, name, comparison);
      if (state === known.get(name) || !isWatchedFile(watched, name, state)) return false;
      if (isNew) room--;
      available--;
      return available >= 0;
    };
    for await (const names of listOwnNames(watched, path)) {
      knownFiles += names.filter((name) => known.has(name)).length;
      different.push(...names.filter(isDifferent));
    }
    if (isStale(watched, path)) return [];
    countBeyondBound(watched, path, uncounted);
    if (available <= 0) schedule.soon(watched);
    return knownFiles < known.size ? [...different, ...(await listGone(watched, path))] : different;
  };

  const listGone = async (watched: WatchedDirectory, path: string): Promise<string[]> => {
    const gone: string[] = [];
    for (const [i, name] of [...watched.known.keys()].entries()) {
      if (i % namesAtATime === 0) await fileTurns.next();
      if (isStale(watched, path)) return [];
      if (readState(path, name) === undefined) gone.push(name);
    }
    return gone;
  };

  const compare: DirectoryComparison['compare'] = async (watched, path, comparison) => {
    if (comparison.silent) {
      await recordAll(watched, path);
      return;
    }
    const different = await listDifferent(watched, path, comparison);
    if (isStale(watched, path)) return;
    // Wait for the kernel's events of these files, which have priority.
    await sleep(settleMs);
    for (let start = 0; start < different.length && !isStale(watched, path); start += namesAtATime) {
      const names = different.slice(start, start + namesAtATime);
      await tasks.serially('a difference could not be reported', () => compareNames(watched, path, names, comparison));
    }
    if (!isStale(watched, path)) watched.copied = false;
  };

  return { compare, compareNames };
}
