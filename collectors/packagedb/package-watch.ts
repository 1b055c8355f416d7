// Watches package databases: tells what happens to each of their files, live where the kernel says it, else by comparison.

import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../error-message.ts';
import type { StepparentEvent } from '../event/event.ts';
import type { SensorAction } from '../event/health-event.ts';
import type { HostContext } from '../host/host-context.ts';
import type { FileContent } from '../host/opened-file.ts';
import { readBootNs } from '../linux/libc.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { takeEvery } from '../take-steps.ts';
import { boundsOf } from './change-bounds.ts';
import { settleMs } from './change-queue.ts';
import { createChangeTeller } from './change-reporter.ts';
import { byComparison } from './comparison.ts';
import { burstOverMs, createComparisonSchedule } from './comparison-schedule.ts';
import { createFolderComparison } from './directory-comparison.ts';
import { watchFolderHints } from './directory-hints.ts';
import { FanotifyUnavailable, type FanotifyWatcher, openFanotify } from './fanotify.ts';
import { createFileWriters } from './file-writer.ts';
import type { ListingMemory } from './listing.ts';
import { createListingSaver } from './listing-saver.ts';
import { createLiveChanges } from './live-changes.ts';
import { type PackageFolder, unpackFolder } from './package-directories.ts';
import { openWatchTasks } from './watch-tasks.ts';
import { createWatchedFolders } from './watched-directories.ts';
import type { WatchedFolder } from './watched-directory.ts';

export interface PackageWatchOptions {
  folders: readonly PackageFolder[];
  memory: ListingMemory;
  table: ProcessTable;
  context: HostContext;
  /** `content`: of a script that came or changed, and of the control file beside it. */
  onEvent(event: StepparentEvent, content: FileContent | undefined): void;
  /** A file has changed; its event comes some time later. */
  onHeard?(path: string): void;
  /** A folder is missing or was replaced, events were lost. */
  onNotice(action: SensorAction, reason: string, count?: number): void;
  /** Called before listings are saved: what was told before is to be on disk first. */
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

const lookEveryMs = 2000;
/** More than the kernel's queue holds. */
const maxDrainTurns = 16;
/** A writer that is concluded has run since this long before. */
const inferNs = 2e9;
const reopenAfterMs = 5000;

export function openPackageWatch(options: PackageWatchOptions): PackageWatch {
  const { memory, table, context, onNotice, onFault } = options;
  const tasks = openWatchTasks(onFault);
  const writers = createFileWriters(table);
  const teller = createChangeTeller({ table, context, tasks, onEvent: options.onEvent, onNotice });

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
      noFanotify = messageOf(error);
      if (!(error instanceof FanotifyUnavailable)) onFault('the reader of file events could not be opened', error);
    }
  };
  const mark = (at: WatchedFolder): void => {
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
      at.hintedBecause = messageOf(error);
    }
  };
  const reopen = (): void => {
    const old = fanotify;
    fanotify = undefined;
    void old?.close().catch((error: unknown) => onFault('the reader of file events could not be closed', error));
    open();
    for (const at of folders.all) {
      mark(at);
      schedule.soon(at);
    }
    updateHints();
  };
  const drain = (): boolean => fanotify?.drain() !== false;
  const hearAll = async (): Promise<boolean> => {
    for (let turns = 0; turns < maxDrainTurns; turns++) {
      if (drain()) return true;
      await setImmediate();
    }
    return false;
  };

  // -- The folders, what happens in them, and what is found by comparison.
  const folders = createWatchedFolders({
    folders: options.folders,
    memory,
    writers,
    tasks,
    onPlaced: mark,
    onFound: (at, how) => schedule.now(at, how),
    onUnpackFolder(at, maker) {
      if (at.hintedBecause !== undefined) updateHints();
      else if (maker !== undefined) live.offerListed(at, maker);
    },
    onLooked: () => updateHints(),
    onNotice,
    onFault,
  });
  const listings = createListingSaver({ folders: () => folders.all, tasks, commit: options.commit, onFault });
  const live = createLiveChanges({
    folders,
    writers,
    tasks,
    listings,
    teller,
    bootEpochMs: () => context.bootEpochMs(),
    drain,
    compareSoon: (at) => schedule.soon(at),
    ...(options.onHeard && { onLooked: options.onHeard }),
    compareAfterEvent: (at) => compareAfterEvent(at),
    onOverflow() {
      onNotice('file-events-lost', "the kernel's queue of file events overflowed");
      for (const at of folders.all) schedule.soon(at);
    },
    onFault,
  });
  const comparison = createFolderComparison({
    folders,
    tasks,
    listings,
    teller,
    waits: live.waits,
    hearAll,
    compareAgain: (at) => schedule.in(at, burstOverMs),
    onFault,
  });
  const schedule = createComparisonSchedule({
    tasks,
    isWatched: (at) => folders.all.includes(at),
    async compare(at, folder, how) {
      try {
        await comparison.compare(at, folder, how);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') folders.lookSoon();
        else onFault(`${folder} could not be listed`, error);
      }
    },
  });
  /** What the kernel or inotify did not tell among many is found soon. */
  const compareAfterEvent = (at: WatchedFolder): void => {
    if (!at.folder.temporary) schedule.soon(at);
  };

  // -- Hints, where there is no fanotify.
  const hints = new Map<WatchedFolder, { names: Set<string>; sinceNs: number }>();
  const onHint = (folder: string, name: string): void => {
    const at = folders.atPath(folder);
    if (at === undefined || at.hintedBecause === undefined || !at.accepts(name)) return;
    const waiting = hints.get(at) ?? { names: new Set(), sinceNs: readBootNs() };
    if (!hints.has(at)) {
      hints.set(at, waiting);
      tasks.later(settleMs, () => {
        hints.delete(at);
        const names = [...waiting.names];
        const writer = () => writers.infer(at.folder.manager, waiting.sinceNs - inferNs);
        void tasks.serially('a difference could not be told', () =>
          comparison.reconcile(at, folder, names, { writer }),
        );
      });
    }
    if (waiting.names.size < boundsOf(at).waiting) waiting.names.add(name);
    else schedule.soon(at);
    // Its own events say nothing of who: what comes up below it is watched in the same way.
    if (name === unpackFolder) folders.lookBelow(at, name, undefined);
    compareAfterEvent(at);
  };
  const folderHints = watchFolderHints({
    onHint,
    onReady(folder) {
      const at = folders.atPath(folder);
      if (at !== undefined) schedule.now(at, { found: byComparison }, 0);
    },
    onFault,
  });
  const updateHints = (): void => {
    folderHints.update(
      folders.all.flatMap(({ folder: { namePrefix }, place, hintedBecause }) =>
        place && hintedBecause !== undefined ? [{ ...place, namePrefix }] : [],
      ),
    );
  };

  open();
  folders.look();
  tasks.every(lookEveryMs, folders.look);

  return {
    report: () => ({
      folders: folders.all.flatMap(({ folder, place, hintedBecause, known }) =>
        place === undefined
          ? []
          : [
              {
                path: folder.path + (folder.namePrefix === undefined ? '' : `/${folder.namePrefix}*`),
                ...(place.path === folder.path ? {} : { real_path: place.path }),
                by: hintedBecause === undefined ? ('fanotify' as const) : ('chokidar' as const),
                ...(hintedBecause === undefined ? {} : { reason: hintedBecause }),
                files: known.size - (known.has('.') ? 1 : 0),
              },
            ],
      ),
      missing: folders.all.flatMap(({ folder, place, saidMissing }) =>
        saidMissing && place === undefined ? [folder.path] : [],
      ),
      told: teller.told,
      untold: teller.untold,
      ignored: live.ignored,
      uncounted: folders.all.reduce((sum, { uncounted }) => sum + uncounted, 0),
    }),
    saveAgain: listings.saveAgain,
    stop: () =>
      takeEvery([
        ['last events', hearAll],
        ['timers', () => tasks.close()],
        ['comparisons', () => schedule.ended()],
        ['last changes', () => live.tellRest()],
        ['changes not reported', () => teller.sayUntold()],
        ['listings', () => listings.save()],
        ['inotify', () => folderHints.close()],
        ['fanotify', () => fanotify?.close()],
      ]),
  };
}
