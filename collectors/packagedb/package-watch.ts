// Watches package databases: tells what happens to each of their files, live where the kernel says it, else by comparison.

import { setImmediate } from 'node:timers/promises';
import { errorMessage } from '../error-message.ts';
import type { HealthAction } from '../event/health-event.ts';
import type { HostContext } from '../host/host-context.ts';
import { readBootNs } from '../linux/libc.ts';
import { unpackDirectory } from '../packages/tools.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { takeEvery } from '../take-steps.ts';
import { boundsOf } from './change-bounds.ts';
import { settleMs } from './change-queue.ts';
import { createChangeReporter } from './change-reporter.ts';
import { burstOverMs, createComparisonSchedule } from './comparison-schedule.ts';
import { createDirectoryComparison } from './directory-comparison.ts';
import { watchDirectoryHints } from './directory-hints.ts';
import { FanotifyUnavailable, type FanotifyWatcher, openFanotify } from './fanotify.ts';
import type { FileChange } from './file-event.ts';
import { createFileWriters } from './file-writer.ts';
import type { ListingMemory } from './listing.ts';
import { createListingSaver } from './listing-saver.ts';
import { createLiveChanges } from './live-changes.ts';
import type { PackageDirectory } from './package-directories.ts';
import { openWatchTasks } from './watch-tasks.ts';
import { createWatchedDirectories } from './watched-directories.ts';
import type { WatchedDirectory } from './watched-directory.ts';

export interface PackageWatchOptions {
  directories: readonly PackageDirectory[];
  memory: ListingMemory;
  table: ProcessTable;
  context: Pick<HostContext, 'host'>;
  /**
   * Gets the changes in their order, and closes their files. Resolves when the change is judged; it may be called again
   * before that, up to a bound. The listing that has the change in it is saved once `commit` was called after that.
   */
  onChange(change: FileChange): void | Promise<void>;
  /** A file was opened since it has changed; its change is reported some time later. */
  onOpened?(path: string): void;
  /** A folder is missing or was replaced, events were lost. */
  onNotice(action: HealthAction, reason: string, count?: number): void;
  /** Called before listings are saved: the changes judged until now are to be on disk first. */
  commit(): void;
  onFault(what: string, error?: unknown): void;
  /** In the place of the kernel's; throws FanotifyUnavailable where there is none. */
  openFanotify?: typeof openFanotify;
}

/** What `status` shows of the watch. */
export interface PackageWatchReport {
  /** `reason`: why it is not fanotify. `files`: those known one by one. */
  folders: { path: string; real_path?: string; by: 'fanotify' | 'chokidar'; reason?: string; files: number }[];
  /** Folders that should be there. */
  missing: string[];
  /** Events told. */
  told: number;
  /** Changes that were not told since there were too many. */
  untold: number;
  /** Changes of other users' files in folders that everybody may write to: they are not told. */
  ignored: number;
  /** Files that are not known one by one, since their folder has too many. */
  uncounted: number;
}

export interface PackageWatch {
  report(): PackageWatchReport;
  /** Saves every listing once more: the memory has forgotten them. */
  saveAgain(): void;
  /** Tells what is known until now, and saves it. */
  stop(): Promise<void>;
}

const checkEveryMs = 2000;
/** More than the kernel's queue holds. */
const maxDrainTurns = 16;
/** A writer that is concluded has run since this long before. */
const inferNs = 2e9;
const reopenAfterMs = 5000;

export function openPackageWatch(options: PackageWatchOptions): PackageWatch {
  const { memory, table, context, onNotice, onFault } = options;
  const tasks = openWatchTasks(onFault);
  const writers = createFileWriters(table, context.host.clock);
  const reporter = createChangeReporter({ tasks, onChange: options.onChange, onNotice, onFault });

  // -- fanotify, opened again where it ends.
  let fanotify: FanotifyWatcher | undefined;
  let noFanotify = '';
  const open = (): void => {
    try {
      fanotify = (options.openFanotify ?? openFanotify)({
        onEvent: (event) => live.onEvent(event),
        onFault,
        onStopped(error) {
          onFault('the reader of file events stopped', error);
          tasks.later(reopenAfterMs, reopen);
        },
      });
    } catch (error) {
      // Whatever it is, inotify is there instead.
      noFanotify = errorMessage(error);
      if (!(error instanceof FanotifyUnavailable)) onFault('the reader of file events could not be opened', error);
    }
  };
  const mark = (at: WatchedDirectory): void => {
    at.key = undefined;
    at.hintedBecause = noFanotify;
    if (fanotify === undefined || at.place === undefined) return;
    try {
      const { key, identity } = fanotify.mark(at.place.path);
      at.key = key;
      // What was really marked counts, should the name lead elsewhere since.
      at.place = { ...at.place, identity };
      at.hintedBecause = undefined;
    } catch (error) {
      at.hintedBecause = errorMessage(error);
    }
  };
  const reopen = (): void => {
    const old = fanotify;
    fanotify = undefined;
    void old?.close().catch((error: unknown) => onFault('the reader of file events could not be closed', error));
    open();
    for (const at of directories.all) {
      mark(at);
      schedule.soon(at);
    }
    updateHints();
  };
  const drain = (): boolean => fanotify?.drain() !== false;
  const drainKernelQueue = async (): Promise<boolean> => {
    for (let turns = 0; turns < maxDrainTurns; turns++) {
      if (drain()) return true;
      await setImmediate();
    }
    return false;
  };

  // -- The folders, what happens in them, and what is found by comparison.
  const directories = createWatchedDirectories({
    directories: options.directories,
    memory,
    writers,
    tasks,
    onPlaced: mark,
    onFound: (at, how) => schedule.now(at, how),
    onUnpackDirectory(at, maker) {
      if (at.hintedBecause !== undefined) updateHints();
      else if (maker !== undefined) live.offerListed(at, maker);
    },
    onScanned: () => updateHints(),
    onNotice,
    onFault,
  });
  const listings = createListingSaver({
    directories: () => directories.all,
    tasks,
    async beforeSave() {
      await reporter.judged();
      options.commit();
    },
    onFault,
  });
  const live = createLiveChanges({
    directories,
    writers,
    tasks,
    listings,
    reporter,
    bootEpochMs: context.host.clock.bootEpochMs,
    drain,
    compareSoon: (at) => schedule.soon(at),
    ...(options.onOpened && { onOpened: options.onOpened }),
    compareAfterEvent: (at) => compareAfterEvent(at),
    onOverflow() {
      onNotice('file-events-lost', "the kernel's queue of file events overflowed");
      for (const at of directories.all) schedule.soon(at);
    },
    onFault,
  });
  const comparison = createDirectoryComparison({
    directories,
    tasks,
    listings,
    reporter,
    waits: live.waits,
    drainKernelQueue,
    compareAgain: (at) => schedule.in(at, burstOverMs),
    onFault,
  });
  const schedule = createComparisonSchedule({
    tasks,
    isWatched: (at) => directories.all.includes(at),
    async compare(at, directory, how) {
      try {
        await comparison.compare(at, directory, how);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') directories.rescanSoon();
        else onFault(`${directory} could not be listed`, error);
      }
    },
  });
  /** What the kernel or inotify did not tell among many is found soon. */
  const compareAfterEvent = (at: WatchedDirectory): void => {
    if (!at.directory.temporary) schedule.soon(at);
  };

  // -- Hints, where there is no fanotify.
  const hints = new Map<WatchedDirectory, { names: Set<string>; sinceNs: number }>();
  const onHint = (directory: string, name: string): void => {
    const at = directories.atPath(directory);
    if (at === undefined || at.hintedBecause === undefined || !at.accepts(name)) return;
    const waiting = hints.get(at) ?? { names: new Set(), sinceNs: readBootNs() };
    if (!hints.has(at)) {
      hints.set(at, waiting);
      tasks.later(settleMs, () => {
        hints.delete(at);
        const names = [...waiting.names];
        const writer = () => writers.infer(at.directory.manager, waiting.sinceNs - inferNs);
        void tasks.serially('a difference could not be told', () =>
          comparison.reconcile(at, directory, names, { writer }),
        );
      });
    }
    if (waiting.names.size < boundsOf(at).waiting) waiting.names.add(name);
    else schedule.soon(at);
    // Its own events say nothing of who: what comes up below it is watched in the same way.
    if (name === unpackDirectory) directories.syncUnpackDirectory(at, name, undefined);
    compareAfterEvent(at);
  };
  const directoryHints = watchDirectoryHints({
    onHint,
    onReady(directory) {
      const at = directories.atPath(directory);
      if (at !== undefined) schedule.now(at, { found: 'comparison' }, 0);
    },
    onFault,
  });
  const updateHints = (): void => {
    directoryHints.update(
      directories.all.flatMap(({ directory: { namePrefix }, place, hintedBecause }) =>
        place && hintedBecause !== undefined ? [{ ...place, namePrefix }] : [],
      ),
    );
  };

  open();
  directories.check();
  tasks.every(checkEveryMs, directories.check);

  return {
    report: () => ({
      folders: directories.all.flatMap(({ directory, place, hintedBecause, known }) =>
        place === undefined
          ? []
          : [
              {
                path: directory.path + (directory.namePrefix === undefined ? '' : `/${directory.namePrefix}*`),
                ...(place.path === directory.path ? {} : { real_path: place.path }),
                by: hintedBecause === undefined ? ('fanotify' as const) : ('chokidar' as const),
                ...(hintedBecause === undefined ? {} : { reason: hintedBecause }),
                files: known.size - (known.has('.') ? 1 : 0),
              },
            ],
      ),
      missing: directories.all.flatMap(({ directory, place, saidMissing }) =>
        saidMissing && place === undefined ? [directory.path] : [],
      ),
      told: reporter.reported,
      untold: reporter.dropped,
      ignored: live.ignored,
      uncounted: directories.all.reduce((sum, { uncounted }) => sum + uncounted, 0),
    }),
    saveAgain: listings.saveAgain,
    stop: () =>
      takeEvery([
        ['last events', drainKernelQueue],
        ['timers', () => tasks.close()],
        ['comparisons', () => schedule.ended()],
        ['last changes', () => live.flush()],
        ['changes not reported', () => reporter.reportDropped()],
        ['listings', () => listings.save()],
        ['inotify', () => directoryHints.close()],
        ['fanotify', () => fanotify?.close()],
      ]),
  };
}
