// The watched directories of a plan: they are found from the root directory down, watched as they appear, and forgotten
// when they are gone.

import path from 'node:path';
import type { Comparison } from '../packagedb/comparison-schedule.ts';
import type { WatchedDirectories, WatchedDirectoriesDeps } from '../packagedb/watched-directories.ts';
import { locate, pathOf, type WatchedDirectory } from '../packagedb/watched-directory.ts';
import type { Mounts } from './mounts.ts';
import type { PlannedDirectory } from './path-plan.ts';

/** Every directory is located again in this number of calls of `check`, or at once when a mount has changed. */
const roundsToCheckAll = 20;
/** Directories that are located in one turn of the event loop. */
const checksAtATime = 32;

/** The directories, and those that are not watched because there are too many. */
export interface PathDirectories extends WatchedDirectories {
  /** Number of directories beyond the bound. */
  readonly skipped: number;
}

/** The plan, and the bound of the directories. */
export interface PathDirectoriesOptions {
  root: PlannedDirectory;
  maxDirectories: number;
  /** The first comparison of the directories that are there at the start. */
  firstComparison: Comparison;
  mounts: Pick<Mounts, 'version'>;
}

/**
 * Creates the directories; the first `check` finds them, by a comparison of each. A directory that is reached on two
 * ways, as by a mount of its own parent, is watched once.
 */
export function createPathDirectories(
  { root, maxDirectories, firstComparison, mounts }: PathDirectoriesOptions,
  { tasks, listings, sources, schedule }: WatchedDirectoriesDeps,
): PathDirectories {
  const byPath = new Map<string, WatchedDirectory>();
  const byIdentity = new Map<string, WatchedDirectory>();
  const byKey = new Map<string, WatchedDirectory>();
  const skipped = new Set<string>();

  const watch = (watched: WatchedDirectory, comparison: Comparison): void => {
    sources.mark(watched);
    const { location, key } = watched;
    if (location !== undefined) byIdentity.set(location.identity, watched);
    if (key !== undefined) byKey.set(key, watched);
    schedule.now(watched, comparison);
  };
  const leave = (watched: WatchedDirectory): void => {
    const { location, key } = watched;
    if (location !== undefined && byIdentity.get(location.identity) === watched) byIdentity.delete(location.identity);
    if (key !== undefined && byKey.get(key) === watched) byKey.delete(key);
    watched.location = undefined;
    watched.key = undefined;
  };

  const drop = (watched: WatchedDirectory): void => {
    const inside = `${pathOf(watched, '.')}/`;
    leave(watched);
    byPath.delete(watched.directory.path);
    listings.forget(watched);
    for (const inner of [...byPath.values()]) {
      if (inner.directory.path.startsWith(inside) && byPath.has(inner.directory.path)) checkOne(inner);
    }
  };

  const checkOne = (watched: WatchedDirectory): void => {
    const before = watched.location;
    const location = locate(watched.directory);
    if (location?.identity === before?.identity && location?.path === before?.path) return;
    leave(watched);
    const isElsewhere = location !== undefined && byIdentity.has(location.identity);
    if (location === undefined || isElsewhere) {
      watched.location = before;
      drop(watched);
      return;
    }
    watched.location = location;
    watch(watched, { found: 'comparison' });
  };

  /** The watched directory of that identity, unless it is gone from the path at which it was watched. */
  const stillAt = (identity: string): WatchedDirectory | undefined => {
    const known = byIdentity.get(identity);
    if (known !== undefined) checkOne(known);
    return byIdentity.get(identity);
  };

  const add = (directory: PlannedDirectory, comparison: Comparison): WatchedDirectory | undefined => {
    const location = locate(directory);
    if (location === undefined || stillAt(location.identity) !== undefined) return undefined;
    if (byPath.size >= maxDirectories) {
      if (skipped.size === 0) tasks.fault('too many directories in watched paths: some are not watched');
      if (skipped.size < maxDirectories) skipped.add(directory.path);
      return undefined;
    }
    skipped.delete(directory.path);
    const watched = listings.open(directory);
    watched.location = location;
    byPath.set(directory.path, watched);
    watch(watched, comparison);
    return watched;
  };

  /** Returns the directory if it is watched from now on. */
  const checkName = (parent: WatchedDirectory, name: string, comparison: Comparison): WatchedDirectory | undefined => {
    const { location } = parent;
    // All directories of this watch are planned ones.
    const directory = location && (parent.directory as PlannedDirectory).below(location.path, name);
    if (directory === undefined) return undefined;
    const known = byPath.get(directory.path);
    if (known !== undefined) checkOne(known);
    return byPath.has(directory.path) ? undefined : add(directory, comparison);
  };

  const findByPath = (found: string): WatchedDirectory | undefined =>
    byPath.values().find(({ location }) => location?.path === found);

  const guarded = (directory: string, check: () => void): void => {
    try {
      check();
    } catch (error) {
      tasks.fault(`${directory} could not be checked`, error);
    }
  };

  let version = mounts.version();
  let round: WatchedDirectory[] = [];
  const check = (): void => {
    if (!byPath.has(root.path)) guarded(root.path, () => void add(root, firstComparison));
    if (version !== mounts.version()) {
      version = mounts.version();
      checkSoon();
      return;
    }
    if (round.length === 0) round = [...byPath.values()];
    for (const watched of round.splice(0, Math.ceil(byPath.size / roundsToCheckAll))) {
      if (byPath.get(watched.directory.path) === watched) guarded(watched.directory.path, () => checkOne(watched));
    }
  };

  const due = new Set<WatchedDirectory>();
  const checkDue = tasks.soon(0, () => {
    for (const watched of [...due].slice(0, checksAtATime)) {
      due.delete(watched);
      if (byPath.get(watched.directory.path) === watched) guarded(watched.directory.path, () => checkOne(watched));
    }
    if (due.size > 0) checkDue();
  });

  const checkSoon = (watched?: WatchedDirectory): void => {
    for (const each of watched === undefined ? byPath.values() : [watched]) due.add(each);
    if (due.size > 0) checkDue();
  };

  return {
    get all() {
      return [...byPath.values()];
    },
    get skipped() {
      return skipped.size;
    },
    findByPath,
    isSeparate: () => false,
    inParent({ directory }) {
      const parent = findByPath(path.dirname(directory.path));
      const name = path.basename(directory.path);
      return parent?.accepts(name) ? { watched: parent, name } : undefined;
    },
    withKey: (key) => byKey.get(key),
    check,
    checkSoon,
    checkBelow: (parent, name, maker) =>
      checkName(parent, name, { found: 'new_directory', ...(maker && { writer: maker }) }),
    foundBelow(parent, name, comparison) {
      guarded(pathOf(parent, name), () => void checkName(parent, name, comparison));
    },
  };
}
