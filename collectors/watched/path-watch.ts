// Watches files outside of the package databases that make programs run. It has a fanotify group, queues and bounds of
// its own, so that a storm of changes in these paths neither delays nor drops changes of package databases.

import path from 'node:path';
import type { ChangeBounds, DirectoryToWatch } from '../packagedb/directory-to-watch.ts';
import {
  type ChangeCounts,
  type DirectoryWatch,
  type DirectoryWatchDeps,
  openDirectoryWatch,
} from '../packagedb/directory-watch.ts';
import type { ReadBounds } from '../packagedb/fanotify-group.ts';
import type { FileChange } from '../packagedb/file-event.ts';
import { isRegularFile } from '../packagedb/listing.ts';
import { pathOf } from '../packagedb/watched-directory.ts';
import type { Mount, Mounts } from './mounts.ts';
import { createPathDirectories, type PathDirectories } from './path-directories.ts';
import { type PathLabel, type PlannedDirectory, planPaths } from './path-plan.ts';
import type { WatchedPath } from './watched-paths.ts';

/** A file that is watched, or was. */
export interface WatchedFile extends Pick<PathLabel, 'isSecret'> {
  path: string;
}

/** A change of a watched file. `details.watched` has its kind. */
export interface WatchedChange extends FileChange {
  isSecret: boolean;
}

/** The paths of one group, and its bounds. */
export interface PathWatchOptions {
  paths: readonly WatchedPath[];
  /** `system`: directories in which only root writes. `users`: home directories, whose owners may fill them. */
  group: 'system' | 'users';
  /** The list of paths is the same as in the last run, so that a file without a recorded state is new. */
  isSameList: boolean;
}

/** As for a watch of package databases, with another receiver of the changes. */
export interface PathWatchDeps extends Omit<DirectoryWatchDeps, 'receiver'> {
  receiver: Omit<DirectoryWatchDeps['receiver'], 'onChange' | 'onOpened'> & {
    onChange(change: WatchedChange): void | Promise<void>;
    /** Called once, when all directories that are there at the start have been compared. */
    onFound(): void;
  };
  mounts: Mounts;
  /** How often mounts and some directories are looked at (default: 30 s). */
  checkEveryMs?: number;
}

/** The state of the watch for `status`. */
export interface PathWatchReport extends Pick<ChangeCounts, 'reported' | 'dropped'> {
  group: PathWatchOptions['group'];
  directories: number;
  /** Number of files whose state is recorded. */
  files: number;
  /** Why fanotify does not watch all directories, each reason with the number of directories. */
  not_by_fanotify: { reason: string; directories: number }[];
  /** Number of directories and files that are not watched because there are too many. */
  skipped_directories: number;
  uncounted: number;
  /** File systems below the paths that are not of this host and are not entered, at most 32. */
  not_entered: Mount[];
}

/** The running watch of one group of paths. */
export interface PathWatch extends Pick<DirectoryWatch, 'save' | 'saveAgain' | 'stop'> {
  report(): PathWatchReport;
  /** The paths of the directories that are watched now. */
  directories(): string[];
  /** The regular files that are watched now, in no order. */
  files(): Generator<WatchedFile>;
}

const compareEveryMs = 15 * 60_000;
const maxCompareShare = 1 / 50;
const maxNotEntered = 32;
const flushMs = 500;

/** A storm takes at most some per cent of a core. */
const reads: ReadBounds = {
  readBytes: 2 * 1024,
  drainReads: 2,
  readsAtOnce: 400,
  readsPerSecond: 40,
  stormPauseMs: 25,
  mayLose: true,
};

const groups: Readonly<
  Record<PathWatchOptions['group'], { bounds: ChangeBounds; maxDirectories: number; maxFiles: number }>
> = {
  system: {
    bounds: {
      burst: 4000,
      perSecond: 40,
      waiting: 1024,
      open: 64,
      reason: 'rate limit: changes to watched files are found by comparison, without their process',
      isCompared: true,
    },
    maxDirectories: 1024,
    maxFiles: 30_000,
  },
  users: {
    bounds: {
      burst: 500,
      perSecond: 10,
      waiting: 256,
      open: 32,
      reason: "rate limit: changes to watched files of users' homes are found by comparison, without their process",
      isCompared: true,
    },
    maxDirectories: 1024,
    maxFiles: 10_000,
  },
};

/** Opens the watch of one group, and begins to look for its directories. */
export function openPathWatch(
  { paths, group, isSameList }: PathWatchOptions,
  { receiver, mounts, checkEveryMs = 30_000, ...deps }: PathWatchDeps,
): PathWatch {
  const { bounds, maxDirectories, maxFiles } = groups[group];
  const root = planPaths(paths, {
    bounds,
    room: { left: maxFiles },
    locate: mounts.locate,
    mayLook: (path) => !mounts.isForeign(path),
  });
  let directories: PathDirectories | undefined;
  const watch = openDirectoryWatch(
    {
      directories(parts) {
        const firstComparison = { found: 'offline_diff', recordsNew: !isSameList } as const;
        directories = createPathDirectories({ root, maxDirectories, firstComparison, mounts }, parts);
        return directories;
      },
      checkEveryMs,
      schedule: { everyMs: compareEveryMs, maxShare: maxCompareShare },
      comparesAfterEvents: false,
      hints: false,
      reads,
      flushMs,
    },
    {
      ...deps,
      receiver: {
        ...receiver,
        onChange: (change, directory) => receiver.onChange(labelled(change, directory)),
      },
    },
  );
  void watch.compared().then(receiver.onFound);

  return {
    report() {
      const { all } = watch.directories;
      const { reported, dropped } = watch.counts();
      const byReason = Map.groupBy(all, ({ noFanotify }) => noFanotify);
      return {
        group,
        directories: all.length,
        files: all.reduce((sum, { known }) => sum + known.size, 0),
        not_by_fanotify: [...byReason].flatMap(([reason, affected]) =>
          reason === undefined ? [] : [{ reason, directories: affected.length }],
        ),
        skipped_directories: directories?.skipped ?? 0,
        uncounted: all.reduce((sum, { uncounted }) => sum + uncounted, 0),
        not_entered: mounts
          .foreign()
          .filter(({ path }) => isPlanned(root, path))
          .slice(0, maxNotEntered),
        reported,
        dropped,
      };
    },
    directories: () => watch.directories.all.map(({ directory }) => directory.path),
    *files() {
      for (const watched of watch.directories.all) {
        for (const [name, state] of [...watched.known]) {
          if (!isRegularFile(state)) continue;
          const { isSecret } = (watched.directory as PlannedDirectory).labelOf(name);
          yield { path: pathOf(watched, name), isSecret };
        }
      }
    },
    save: watch.save,
    saveAgain: watch.saveAgain,
    stop: watch.stop,
  };
}

function labelled(change: FileChange, directory: DirectoryToWatch): WatchedChange {
  const { kind, isSecret, syntax } = (directory as PlannedDirectory).labelOf(path.basename(change.path));
  return { ...change, details: { ...change.details, watched: kind, ...(syntax && { syntax }) }, isSecret };
}

/** Whether the path is watched, or on the way to a watched one. */
function isPlanned(root: PlannedDirectory, file: string): boolean {
  let directory: PlannedDirectory | undefined = root;
  const names = file.split('/').filter((name) => name !== '');
  for (const name of names.slice(0, -1)) directory = directory?.below(directory.path, name);
  const last = names.at(-1);
  return last === undefined || directory?.has(last) === true;
}
