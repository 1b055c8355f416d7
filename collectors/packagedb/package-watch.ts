// Watches package databases and reports each change of a file: at once where fanotify works, otherwise by comparison.

import type { HealthAction } from '../event/health-event.ts';
import type { HostContext } from '../host/host-context.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { takeEvery } from '../take-steps.ts';
import { createChangeReporter } from './change-reporter.ts';
import { createChangeSources } from './change-sources.ts';
import { createComparisonSchedule } from './comparison-schedule.ts';
import { createDirectoryComparison, type DirectoryComparison } from './directory-comparison.ts';
import type { openFanotify } from './fanotify.ts';
import { createFanotifyChanges } from './fanotify-changes.ts';
import type { FileChange } from './file-event.ts';
import { createFileWriters } from './file-writer.ts';
import { createHintedChanges } from './hinted-changes.ts';
import type { ListingMemory } from './listing.ts';
import type { PackageDirectory } from './package-directories.ts';
import { createPendingChanges } from './pending-changes.ts';
import { createPendingReports } from './pending-reports.ts';
import type { WatchCore } from './watch-core.ts';
import { openWatchTasks } from './watch-tasks.ts';
import { createWatchedDirectories } from './watched-directories.ts';
import { openListings, type WatchedDirectory } from './watched-directory.ts';

/** The receiver of changes and notices. */
interface PackageWatchReceiver {
  /**
   * Receives the changes in their order, and closes their files. Resolves when the change is judged; the next calls, up
   * to a bound, may come before that. The listing with the change is saved only after a `commit` that follows.
   */
  onChange(change: FileChange): void | Promise<void>;
  /** Called when a changed file was opened; its change is reported some time later. */
  onOpened?(path: string): void;
  /** Called when a directory is missing, was found again or replaced, or changes were lost. */
  onNotice(action: HealthAction, reason: string, count?: number): void;
  onFault(fault: string, error?: unknown): void;
  /** Called before listings are saved: must write the changes judged so far to disk. */
  commit(): void;
}

/** The objects that the watch uses, and the receiver of its results. The watch closes none of them. */
export interface PackageWatchDeps {
  memory: ListingMemory;
  table: ProcessTable;
  context: Pick<HostContext, 'host'>;
  receiver: PackageWatchReceiver;
  /** Tests replace it; throws FanotifyUnavailable. */
  openFanotify?: typeof openFanotify;
}

/** The state of the watch for `status`. */
export interface PackageWatchReport {
  /** `reason`: why fanotify is not used. `files`: number of files whose state is recorded. */
  directories: { path: string; real_path?: string; by: 'fanotify' | 'chokidar'; reason?: string; files: number }[];
  /** Expected directories that do not exist. */
  missing: string[];
  /** Number of changes that were reported. */
  reported: number;
  /** Number of changes that were dropped because they exceeded the bounds. */
  dropped: number;
  /**
   * Number of changes by users other than root, of their own files, in directories where any user may write. They are
   * not reported.
   */
  ignored: number;
  /** Number of files whose state is not recorded because their directory has too many. */
  uncounted: number;
}

/** The running watch of all package directories. */
export interface PackageWatch {
  report(): PackageWatchReport;
  /** Saves all listings again. Must be called after the store has lost them. */
  saveAgain(): void;
  /** Reports the changes that wait, saves the listings and ends the watch. */
  stop(): Promise<void>;
}

const checkEveryMs = 2000;

/** Opens the watch and begins to compare each directory. */
export function openPackageWatch(
  packageDirectories: readonly PackageDirectory[],
  { memory, table, context, receiver, openFanotify }: PackageWatchDeps,
): PackageWatch {
  const { onChange, onNotice } = receiver;
  const { clock } = context.host;
  const tasks = openWatchTasks(clock, receiver.onFault);
  const reporter = createChangeReporter({ tasks, onChange, onNotice });
  const sources = createChangeSources(tasks, openFanotify);
  const schedule = createComparisonSchedule(tasks);
  const listings = openListings({
    memory,
    tasks,
    async beforeSave() {
      await reporter.judged();
      receiver.commit();
    },
  });
  const directories = createWatchedDirectories(packageDirectories, { tasks, listings, sources, schedule, onNotice });
  const pending = createPendingChanges({
    clock,
    onOpened: (path) => receiver.onOpened?.(path),
  });
  const core: WatchCore = { tasks, writers: createFileWriters(table, clock), reporter, sources, schedule };
  const reports = createPendingReports(core, pending);
  const fanotify = createFanotifyChanges(core, { directories, pending, reports });
  const comparison = createDirectoryComparison(core, { directories, pending });
  const hinted = createHintedChanges(core, { directories, comparison });

  const compare: DirectoryComparison['compare'] = async (watched, path, options) => {
    try {
      await comparison.compare(watched, path, options);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') directories.checkSoon();
      else tasks.fault(`${path} could not be listed`, error);
    }
  };
  const compareAllSoon = (): void => {
    for (const watched of directories.all) schedule.soon(watched);
  };

  schedule.start(compare);
  sources.start({
    onEvent: fanotify.handleEvent,
    onOverflow() {
      onNotice('file-events-lost', "the kernel's queue of file events overflowed");
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
  tasks.every(checkEveryMs, directories.check);

  return {
    report: () => ({
      directories: directories.all.flatMap(reportOf),
      missing: directories.all.flatMap(({ directory, location, reportedMissing }) =>
        reportedMissing && location === undefined ? [directory.path] : [],
      ),
      reported: reporter.reported,
      dropped: reporter.dropped,
      ignored: reports.ignored,
      uncounted: directories.all.reduce((sum, { uncounted }) => sum + uncounted, 0),
    }),
    saveAgain: listings.saveAgain,
    stop: () =>
      takeEvery([
        ['last events', sources.drainQueue],
        ['timers', () => tasks.close()],
        ['comparisons', () => schedule.ended()],
        ['last renames', fanotify.flush],
        ['last changes', reports.flush],
        ['changes not reported', () => reporter.reportDropped()],
        ['listings', () => listings.save()],
        ['sources', () => sources.close()],
      ]),
  };
}

function reportOf({ directory, location, noFanotify, known }: WatchedDirectory): PackageWatchReport['directories'] {
  if (location === undefined) return [];
  return [
    {
      path: directory.path + (directory.namePrefix === undefined ? '' : `/${directory.namePrefix}*`),
      ...(location.path === directory.path ? {} : { real_path: location.path }),
      by: noFanotify === undefined ? 'fanotify' : 'chokidar',
      ...(noFanotify === undefined ? {} : { reason: noFanotify }),
      files: known.size - (known.has('.') ? 1 : 0),
    },
  ];
}
