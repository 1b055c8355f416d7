// Watches package databases and reports each change of a file.

import type { DirectoryToWatch } from './directory-to-watch.ts';
import {
  type ChangeCounts,
  type DirectoryWatch,
  type DirectoryWatchDeps,
  openDirectoryWatch,
} from './directory-watch.ts';
import { createWatchedDirectories } from './watched-directories.ts';
import type { WatchedDirectory } from './watched-directory.ts';

/** The state of the watch for `status`. */
export interface PackageWatchReport extends ChangeCounts {
  /** `reason`: why fanotify is not used. `files`: number of files whose state is recorded. */
  directories: { path: string; real_path?: string; by: 'fanotify' | 'chokidar'; reason?: string; files: number }[];
  /** Expected directories that do not exist. */
  missing: string[];
  /** Number of files whose state is not recorded because their directory has too many. */
  uncounted: number;
}

/** The running watch of all package directories. */
export interface PackageWatch extends Pick<DirectoryWatch, 'saveAgain' | 'stop'> {
  report(): PackageWatchReport;
}

const checkEveryMs = 2000;
/** Enough for some thousand changes on an idle host. */
const flushMs = 1000;

/** Opens the watch and begins to compare each directory. */
export function openPackageWatch(
  packageDirectories: readonly DirectoryToWatch[],
  deps: DirectoryWatchDeps,
): PackageWatch {
  const watch = openDirectoryWatch(
    {
      directories: (parts) => createWatchedDirectories(packageDirectories, parts),
      checkEveryMs,
      comparesAfterEvents: true,
      hints: true,
      flushMs,
    },
    deps,
  );
  const { directories } = watch;
  return {
    report: () => ({
      directories: directories.all.flatMap(reportOf),
      missing: directories.all.flatMap(({ directory, location, reportedMissing }) =>
        reportedMissing && location === undefined ? [directory.path] : [],
      ),
      ...watch.counts(),
      uncounted: directories.all.reduce((sum, { uncounted }) => sum + uncounted, 0),
    }),
    saveAgain: watch.saveAgain,
    stop: watch.stop,
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
