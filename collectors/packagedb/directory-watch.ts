// Watches a group of directories and reports each change of a file: at once where fanotify works, otherwise by
// comparison. The watches of package databases and of other paths are groups of their own.

import type { HealthAction } from '../event/health-event.ts';
import type { HostContext } from '../host/host-context.ts';
import { isOwnFault } from '../host/read-faults.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { takeEvery } from '../take-steps.ts';
import { createChangeReporter } from './change-reporter.ts';
import { createChangeSources } from './change-sources.ts';
import { createComparisonSchedule, type ScheduleOptions } from './comparison-schedule.ts';
import { createDirectoryComparison, type DirectoryComparison } from './directory-comparison.ts';
import type { DirectoryToWatch } from './directory-to-watch.ts';
import type { openFanotify } from './fanotify.ts';
import { createFanotifyChanges } from './fanotify-changes.ts';
import type { ReadBounds } from './fanotify-group.ts';
import type { FileChange } from './file-event.ts';
import { createFileWriters } from './file-writer.ts';
import { createHintedChanges } from './hinted-changes.ts';
import type { ListingMemory } from './listing.ts';
import { createPendingChanges } from './pending-changes.ts';
import { createPendingReports } from './pending-reports.ts';
import type { WatchCore } from './watch-core.ts';
import { openWatchTasks } from './watch-tasks.ts';
import type { WatchedDirectories, WatchedDirectoriesDeps } from './watched-directories.ts';
import { openListings } from './watched-directory.ts';
import { fileTurns } from './work-turns.ts';

/** The receiver of changes and notices. */
interface WatchReceiver {
  /**
   * Receives the changes in their order, and closes their files. Resolves when the change is judged; the next calls, up
   * to a bound, may come before that. The listing with the change is saved only after a `commit` that follows.
   */
  onChange(change: FileChange, directory: DirectoryToWatch): void | Promise<void>;
  /** Called when a changed file was opened; its change is reported some time later. */
  onOpened?(path: string): void;
  /** Called when a directory is missing, was found again or replaced, or changes were lost. */
  onNotice(action: HealthAction, reason: string, count?: number): void;
  onFault(fault: string, error?: unknown): void;
  /** Called before listings are saved: must write the changes judged so far to disk. */
  commit(): void;
}

/** The objects that the watch uses, and the receiver of its results. The watch closes none of them. */
export interface DirectoryWatchDeps {
  memory: ListingMemory;
  table: ProcessTable;
  context: Pick<HostContext, 'host'>;
  receiver: WatchReceiver;
  /** Tests replace it; throws FanotifyUnavailable. */
  openFanotify?: typeof openFanotify;
}

/** What distinguishes one watch from another. */
export interface WatchProfile {
  /** Returns the directories; the watch calls their `check` at once and then every `checkEveryMs`. */
  directories(deps: WatchedDirectoriesDeps): WatchedDirectories;
  checkEveryMs: number;
  schedule?: ScheduleOptions;
  /** Whether a directory is compared after its events. Otherwise only after an overflow, and now and then. */
  comparesAfterEvents: boolean;
  /** Whether inotify gives hints where fanotify does not work. Without them changes are found by comparison only. */
  hints: boolean;
  reads?: ReadBounds;
  /** How long the end reads events, and how long it reports changes; those that remain are found at the next start. */
  flushMs: number;
}

/** The numbers of changes since the start. */
export interface ChangeCounts {
  /** Number of changes that were reported. */
  reported: number;
  /** Number of changes that exceeded the bounds. */
  dropped: number;
  /**
   * Number of changes by users other than root, of their own files, in directories where any user may write. They are
   * not reported.
   */
  ignored: number;
}

/** The running watch of a group of directories. */
export interface DirectoryWatch {
  directories: WatchedDirectories;
  counts(): ChangeCounts;
  /** Resolves when no comparison is running. */
  compared(): Promise<unknown>;
  /** Saves the states recorded so far. */
  save(): Promise<void>;
  /** Saves all listings again. Must be called after the store has lost them. */
  saveAgain(): void;
  /** Reports the changes that wait, saves the listings and ends the watch. */
  stop(): Promise<void>;
}

/** In a storm the queue overflows again and again. */
const overflowNoticeEveryMs = 10_000;

/** Opens the watch and begins to compare each directory. */
export function openDirectoryWatch(
  profile: WatchProfile,
  { memory, table, context, receiver, openFanotify }: DirectoryWatchDeps,
): DirectoryWatch {
  const { onChange, onNotice } = receiver;
  const { clock } = context.host;
  const tasks = openWatchTasks(clock, receiver.onFault);
  const provider = profile.hints ? 'chokidar' : 'stepparent';
  const reporter = createChangeReporter({ tasks, provider, onChange, onNotice });
  const sources = createChangeSources(tasks, { open: openFanotify, bounds: profile.reads, hints: profile.hints });
  const schedule = createComparisonSchedule(tasks, profile.schedule);
  const listings = openListings({
    memory,
    tasks,
    async beforeSave() {
      await reporter.judged();
      receiver.commit();
    },
  });
  const directories = profile.directories({ tasks, listings, sources, schedule, onNotice });
  const pending = createPendingChanges({
    clock,
    onOpened: (path) => receiver.onOpened?.(path),
  });
  const core: WatchCore = { tasks, writers: createFileWriters(table, clock), reporter, sources, schedule };
  const reports = createPendingReports(core, pending);
  const { comparesAfterEvents } = profile;
  const fanotify = createFanotifyChanges(core, { directories, pending, reports, comparesAfterEvents });
  const comparison = createDirectoryComparison(core, { directories, pending });
  const hinted = createHintedChanges(core, { directories, comparison });

  const compare: DirectoryComparison['compare'] = async (watched, path, options) => {
    try {
      await comparison.compare(watched, path, options);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') directories.checkSoon(watched);
      // Without descriptors it is the same fault for each of some hundred directories.
      else tasks.fault(isOwnFault(error) ? 'directories could not be listed' : `${path} could not be listed`, error);
    }
  };
  const compareAllSoon = (): void => {
    for (const watched of directories.all) schedule.soon(watched);
  };
  let overflowNoticeMs = Number.NEGATIVE_INFINITY;
  const noticeOverflow = (): void => {
    const nowMs = clock.monotonicMs();
    if (nowMs - overflowNoticeMs < overflowNoticeEveryMs) return;
    overflowNoticeMs = nowMs;
    onNotice('file-events-lost', "the kernel's queue of file events overflowed");
  };

  /** At the end: the kernel's queue has more events than there was time for. */
  let hasMore = false;
  schedule.start(compare);
  sources.start({
    onEvent: fanotify.handleEvent,
    onOverflow() {
      noticeOverflow();
      compareAllSoon();
    },
    onReopened() {
      for (const watched of directories.all) sources.mark(watched);
      sources.updateHints(directories.all);
      compareAllSoon();
    },
    onHint: hinted.handleHint,
    onHintsReady(path) {
      const watched = directories.findByPath(path);
      if (watched !== undefined) schedule.now(watched, { found: 'comparison' }, 0);
    },
  });
  directories.check();
  tasks.every(profile.checkEveryMs, directories.check);

  return {
    directories,
    counts: () => ({ reported: reporter.reported, dropped: reporter.dropped, ignored: reports.ignored }),
    compared: () => schedule.ended(),
    save: listings.save,
    saveAgain: listings.saveAgain,
    stop: () =>
      fileTurns.withoutRest(() =>
        takeEvery([
          [
            'last events',
            async () => {
              hasMore = !(await sources.drainQueue(profile.flushMs));
            },
          ],
          ['timers', () => tasks.close()],
          // Comparisons wait for the report that is running.
          ['time of reports', () => reports.endIn(profile.flushMs)],
          ['comparisons', () => schedule.ended()],
          ['last renames', fanotify.flush],
          ['last changes', () => reports.flush(hasMore)],
          ['changes not reported', () => reporter.reportDropped()],
          ['listings', () => listings.save()],
          ['sources', () => sources.close()],
        ]),
      ),
  };
}
