// Turns inotify hints into changes: compares the names of a burst with their recorded states, and infers a writer.

import { unpackDirectory } from '../packages/tools.ts';
import { settleMs } from './change-queue.ts';
import { boundsOf } from './change-reporter.ts';
import type { DirectoryComparison } from './directory-comparison.ts';
import type { WatchCore } from './watch-core.ts';
import type { WatchedDirectories } from './watched-directories.ts';
import type { WatchedDirectory } from './watched-directory.ts';

/** The parts of the watch that locate a hint, and that compare the names of a burst. */
export interface HintedChangesDeps {
  directories: Pick<WatchedDirectories, 'findByPath' | 'checkBelow'>;
  comparison: Pick<DirectoryComparison, 'compareNames'>;
}

/** Receives the hints of all directories that fanotify does not watch. */
export interface HintedChanges {
  /** Handles a hint that the name in the directory `path` may have changed. */
  handleHint(path: string, name: string): void;
}

/** How long before the first hint a package manager may have ended and still count as the writer. */
const inferNs = 2e9;

/** The names with hints since `sinceNs`. */
interface Burst {
  names: Set<string>;
  sinceNs: number;
}

/** Creates the handler of hints. It collects the hints of a directory for `settleMs`, and then compares their names. */
export function createHintedChanges(
  { tasks, writers, schedule }: WatchCore,
  { directories, comparison }: HintedChangesDeps,
): HintedChanges {
  const bursts = new Map<WatchedDirectory, Burst>();

  const beginBurst = (watched: WatchedDirectory, path: string): Burst => {
    const burst: Burst = { names: new Set(), sinceNs: tasks.clock.bootNs() };
    bursts.set(watched, burst);
    tasks.later(settleMs, () => {
      bursts.delete(watched);
      const writer = () => writers.infer(watched.directory.manager, burst.sinceNs - inferNs);
      void tasks.serially('a difference could not be reported', () =>
        comparison.compareNames(watched, path, [...burst.names], { writer }),
      );
    });
    return burst;
  };

  return {
    handleHint(path, name) {
      const watched = directories.findByPath(path);
      if (watched === undefined || watched.noFanotify === undefined || !watched.accepts(name)) return;
      const { names } = bursts.get(watched) ?? beginBurst(watched, path);
      if (names.size < boundsOf(watched).waiting) names.add(name);
      else schedule.soon(watched);
      // Hints name no process, so that the creator of the directory is not known.
      if (name === unpackDirectory) directories.checkBelow(watched, name);
      if (!watched.directory.temporary) schedule.soon(watched);
    },
  };
}
