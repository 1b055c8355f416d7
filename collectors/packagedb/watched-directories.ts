// The watched directories: which of them exist, where their paths lead, and which unpack directories appear in them.

import type { HealthAction } from '../event/health-event.ts';
import { unpackDirectory } from '../packages/tools.ts';
import type { ChangeSources } from './change-sources.ts';
import type { Comparison, ComparisonSchedule } from './comparison-schedule.ts';
import type { DirectoryLocation, DirectoryToWatch } from './directory-to-watch.ts';
import type { FileWriter } from './file-writer.ts';
import { knownFile, readState } from './listing.ts';
import type { WatchTasks } from './watch-tasks.ts';
import {
  type Listings,
  locateDirectory,
  pathOf,
  type WatchedDirectory,
  type WatchedName,
} from './watched-directory.ts';

/** The parts of the watch that are called when a directory appears, disappears or is replaced. */
export interface WatchedDirectoriesDeps {
  tasks: WatchTasks;
  listings: Pick<Listings, 'open' | 'forget'>;
  sources: Pick<ChangeSources, 'mark' | 'updateHints'>;
  schedule: Pick<ComparisonSchedule, 'now'>;
  onNotice(action: HealthAction, reason: string): void;
}

/** The directories that are watched at present. */
export interface WatchedDirectories {
  readonly all: readonly WatchedDirectory[];
  /** Finds a directory by its path without links. */
  findByPath(path: string): WatchedDirectory | undefined;
  /** Finds a directory by its key in fanotify events. */
  withKey(key: string): WatchedDirectory | undefined;
  /** Whether the directory at the path, without links, is reported as its own and not as a name in its parent. */
  isSeparate(path: string): boolean;
  /** The watched parent and the name of a directory that is reported as a name in its parent. */
  inParent(watched: WatchedDirectory): WatchedName | undefined;
  /** Locates directories again: all, or the next ones in turn. */
  check(): void;
  /** Locates directories again in a later turn of the event loop, at least `watched`. */
  checkSoon(watched?: WatchedDirectory): void;
  /**
   * Must be called when a directory of that name may have been created or removed. Returns the directory if it is
   * watched from now on. `maker`: the process that created it, if known.
   */
  checkBelow(parent: WatchedDirectory, name: string, maker?: () => FileWriter): WatchedDirectory | undefined;
  /** Must be called when a comparison finds a directory, or a link, of that name. */
  foundBelow(parent: WatchedDirectory, name: string, comparison: Comparison): void;
}

/**
 * The given directories, and the unpack directories of dpkg while they exist. Loads the stored listings of the
 * directories. No directory is located or watched before the first `check`.
 */
export function createWatchedDirectories(
  directories: readonly DirectoryToWatch[],
  { tasks, listings, sources, schedule, onNotice }: WatchedDirectoriesDeps,
): WatchedDirectories {
  let all: WatchedDirectory[] = directories.map(listings.open);
  /** Whether each directory was checked at least once. */
  let started = false;

  const findByPath = (path: string): WatchedDirectory | undefined =>
    all.findLast(({ location }) => location?.path === path);

  /**
   * Finds a watched directory that is the same one under another path. Excludes those that are temporary or have a name
   * prefix.
   */
  const findDuplicate = (watched: WatchedDirectory, { identity }: DirectoryLocation): DirectoryLocation | undefined =>
    all.find(
      ({ directory, location }, i) =>
        all[i] !== watched && !directory.temporary && !directory.namePrefix && location?.identity === identity,
    )?.location;

  const becomeDuplicate = (watched: WatchedDirectory, duplicate: DirectoryLocation): void => {
    const { directory } = watched;
    const wasSeparate =
      !directory.temporary && (watched.location !== undefined || (!started && watched.known.has('.')));
    leave(watched);
    if (wasSeparate) {
      const reason = `${directory.path} is another directory than before: it is now the same as ${duplicate.path}`;
      onNotice('package-directory-replaced', reason);
      watched.reportedMissing = directory.expected;
    } else if (watched.duplicateOf === undefined) watched.reportedMissing = false;
    watched.duplicateOf = duplicate.path;
  };

  const becomeMissing = (watched: WatchedDirectory, existed: boolean): void => {
    const { directory } = watched;
    if (directory.temporary) {
      if (directory.namePrefix === undefined) all = all.filter((other) => other !== watched);
      return;
    }
    if (watched.reportedMissing || !(existed || (directory.expected && !started))) return;
    watched.reportedMissing = true;
    onNotice('package-directory-missing', `${directory.path} is missing; it is watched once it is there`);
  };

  const firstComparison = ({ directory, known }: WatchedDirectory, maker?: () => FileWriter): Comparison => {
    if (directory.temporary) {
      if (!started || directory.namePrefix !== undefined) return { silent: true };
      known.clear();
      return { found: 'new_directory', ...(maker && { writer: maker }) };
    }
    if (started) return { found: 'comparison' };
    return known.has('.') ? { found: 'offline_diff' } : { silent: true };
  };

  const becomeWatched = (watched: WatchedDirectory, location: DirectoryLocation, maker?: () => FileWriter): void => {
    const { directory } = watched;
    const before = watched.location;
    watched.location = location;
    sources.mark(watched);
    const replaced = !directory.temporary && isReplaced(watched, location.path);
    if (replaced) {
      const since = started ? '' : ', since the agent was off';
      const moved = before !== undefined && before.path !== location.path;
      const led = moved ? `: it leads to ${location.path}, no longer to ${before.path}` : '';
      onNotice('package-directory-replaced', `${directory.path} is another directory than before${since}${led}`);
    } else if (watched.reportedMissing) onNotice('package-directory-found', `${directory.path} is there again`);
    watched.reportedMissing = false;
    watched.copied = replaced;
    schedule.now(watched, firstComparison(watched, maker));
  };

  const checkOne = (watched: WatchedDirectory, maker?: () => FileWriter): void => {
    const location = locateDirectory(watched.directory.path);
    const duplicate = location && findDuplicate(watched, location);
    if (duplicate !== undefined) {
      becomeDuplicate(watched, duplicate);
      return;
    }
    watched.duplicateOf = undefined;
    const before = watched.location;
    const isSame = location?.identity === before?.identity && location?.path === before?.path;
    if (isSame && location !== undefined) return;
    watched.key = undefined;
    if (location === undefined) {
      watched.location = undefined;
      becomeMissing(watched, before !== undefined);
    } else becomeWatched(watched, location, maker);
  };

  const checkBelow: WatchedDirectories['checkBelow'] = (parent, name, maker) => {
    const path = pathOf(parent, name);
    const known = findByPath(path);
    if (known !== undefined) {
      checkOne(known, maker);
      return undefined;
    }
    if (name !== unpackDirectory || parent.directory.temporary) {
      if (all.some(({ location }) => location === undefined)) checkSoon();
      return undefined;
    }
    const added = listings.open({ path, manager: parent.directory.manager, expected: false, temporary: true });
    all.push(added);
    checkOne(added, maker);
    if (added.noFanotify !== undefined) sources.updateHints(all);
    return added;
  };

  /** Catches errors, so that a directory that cannot be read does not affect the others. Its next check starts over. */
  const guarded = (watched: WatchedDirectory, check: () => void): void => {
    try {
      check();
    } catch (error) {
      leave(watched);
      tasks.fault(`${watched.directory.path} could not be checked`, error);
    }
  };

  const check = (): void => {
    for (const watched of [...all]) guarded(watched, () => checkOne(watched));
    for (const watched of [...all]) {
      if (!watched.location || watched.directory.temporary) continue;
      // There is seldom one, and those that are known were checked.
      if (locateDirectory(pathOf(watched, unpackDirectory)) === undefined) continue;
      guarded(watched, () => checkBelow(watched, unpackDirectory));
    }
    started = true;
    sources.updateHints(all);
  };

  const checkSoon = tasks.soon(0, check);

  return {
    get all() {
      return all;
    },
    findByPath,
    isSeparate: (path) => findByPath(path) !== undefined,
    inParent: () => undefined,
    withKey: (key) => all.findLast((watched) => watched.key === key),
    check,
    checkSoon,
    checkBelow,
    foundBelow(parent, name) {
      if (name === unpackDirectory) checkBelow(parent, name);
    },
  };
}

function leave(watched: WatchedDirectory): void {
  watched.key = undefined;
  watched.location = undefined;
}

/**
 * Whether another directory has replaced the known one. A new directory with the inode number of the old one is not
 * noticed, but its files are.
 */
function isReplaced(watched: WatchedDirectory, path: string): boolean {
  const known = watched.known.get('.');
  const now = readState(path, '.');
  return known !== undefined && now !== undefined && knownFile('', known).ino !== knownFile('', now).ino;
}
