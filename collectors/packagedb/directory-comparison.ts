// Compares a directory with the recorded states of its files, and reports the differences.

import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { checkFile } from '../host/opened-file.ts';
import { unpackDirectory } from '../packages/tools.ts';
import { settleMs } from './change-queue.ts';
import { burstOverMs, type Comparison } from './comparison-schedule.ts';
import { changedFields, type Difference, differencesOf } from './differences.ts';
import { notSeen } from './file-writer.ts';
import { type FileState, isOwnedByRoot, listNames, readState } from './listing.ts';
import type { PendingChanges } from './pending-changes.ts';
import type { WatchCore } from './watch-core.ts';
import type { WatchedDirectories } from './watched-directories.ts';
import { locateDirectory, maxKnownFiles, pathOf, type WatchedDirectory } from './watched-directory.ts';

/** The other watched directories, which are left out of a listing, and the changes that are about to be reported. */
export interface DirectoryComparisonDeps {
  directories: Pick<WatchedDirectories, 'findByPath' | 'checkSoon' | 'checkBelow'>;
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

  const compareNames: DirectoryComparison['compareNames'] = async (watched, path, names, comparison) => {
    // If another directory has replaced the watched one, every file would differ: check the path first.
    if (
      watched.location?.path !== path ||
      locateDirectory(watched.directory.path)?.identity !== watched.location.identity
    ) {
      directories.checkSoon();
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
    const before = new Map([...changed.keys()].map((name) => [name, watched.known.get(name)]));
    for (const [name, state] of changed) {
      watched.record(name, state);
      if (state === undefined) watched.reportedDeletions.add(name);
    }
    for (const difference of differencesOf(before, changed, watched.copied)) {
      await report(watched, difference, comparison);
      // The unpack directory is watched itself, and its files are reported by that watch.
      if (difference.name === unpackDirectory && difference.now !== undefined) {
        directories.checkBelow(watched, unpackDirectory);
      }
    }
  };

  /** Lists the names in the directory in batches, without directories that are watched themselves. */
  async function* listOwnNames(watched: WatchedDirectory, path: string): AsyncGenerator<string[]> {
    for await (const names of listNames(path, watched.directory.namePrefix)) {
      if (isStale(watched, path)) return;
      yield names.filter((name) => directories.findByPath(`${path}/${name}`) === undefined);
    }
  }

  const countBeyondBound = (watched: WatchedDirectory, path: string, files: number): void => {
    const uncounted = Math.max(0, files - maxKnownFiles);
    if (uncounted > 0 && watched.uncounted === 0) {
      tasks.fault(`${path} has more than ${maxKnownFiles} files: those over it are counted, not compared`);
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
    if (!isStale(watched, path)) countBeyondBound(watched, path, files);
  };

  /** Names whose files differ from their recorded states. Files beyond `maxKnownFiles` are not compared. */
  const listDifferent = async (watched: WatchedDirectory, path: string): Promise<string[]> => {
    const { known } = watched;
    const different = ['.'];
    let files = 1;
    let knownFiles = known.has('.') ? 1 : 0;
    let room = maxKnownFiles - known.size;
    const isDifferent = (name: string): boolean => {
      const state = readState(path, name);
      if (state === undefined || state === known.get(name) || !isWatchedFile(watched, name, state)) return false;
      return known.has(name) || room-- > 0;
    };
    for await (const names of listOwnNames(watched, path)) {
      files += names.length;
      knownFiles += names.filter((name) => known.has(name)).length;
      different.push(...names.filter(isDifferent));
    }
    if (isStale(watched, path)) return [];
    countBeyondBound(watched, path, files);
    return knownFiles < known.size ? [...different, ...(await listGone(watched, path))] : different;
  };

  const listGone = async (watched: WatchedDirectory, path: string): Promise<string[]> => {
    const gone: string[] = [];
    for (const [i, name] of [...watched.known.keys()].entries()) {
      if (i % namesAtATime === namesAtATime - 1) await setImmediate();
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
    const different = await listDifferent(watched, path);
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
