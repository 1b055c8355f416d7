// The folders under watch: which of them are there, where they lead, and which come up in them.

import type { HealthAction } from '../event/health-event.ts';
import { unpackDirectory } from '../packages/tools.ts';
import type { Comparison } from './comparison.ts';
import { asMaker, type FileWriters, type WriterSeen } from './file-writer.ts';
import { knownFile, type ListingMemory, readState } from './listing.ts';
import type { PackageDirectory } from './package-directories.ts';
import type { WatchTasks } from './watch-tasks.ts';
import {
  type DirectoryLocation,
  pathOf,
  placeOf,
  type WatchedDirectory,
  watchedDirectory,
} from './watched-directory.ts';

export interface WatchedDirectoriesOptions {
  directories: readonly PackageDirectory[];
  memory: ListingMemory;
  writers: FileWriters;
  tasks: WatchTasks;
  /** One has a place, or another than before: it is to be marked before anything is read. */
  onPlaced(at: WatchedDirectory): void;
  /** It is marked, and to be compared with what is known of it. */
  onFound(at: WatchedDirectory, how: Comparison): void;
  /** dpkg has made the folder that it unpacks into; `maker` as far as that is known. */
  onUnpackDirectory(at: WatchedDirectory, maker: WriterSeen | undefined): void;
  /** All were looked at. */
  onScanned(): void;
  onNotice(action: HealthAction, reason: string): void;
  onFault(what: string, error: unknown): void;
}

export interface WatchedDirectories {
  readonly all: readonly WatchedDirectory[];
  /** By its path without links. */
  atPath(path: string): WatchedDirectory | undefined;
  /** As the kernel's events name it. */
  withKey(key: string): WatchedDirectory | undefined;
  /** Looks where each is now. */
  check(): void;
  /** The same, in a moment. */
  rescanSoon(): void;
  /** A folder came or went in a watched one: the one that dpkg unpacks into is followed at once. */
  syncUnpackDirectory(at: WatchedDirectory, name: string, maker: WriterSeen | undefined): void;
}

export function createWatchedDirectories(options: WatchedDirectoriesOptions): WatchedDirectories {
  const { memory, writers, tasks, onNotice } = options;
  let all: WatchedDirectory[] = options.directories.map((directory) => watchedDirectory(directory, memory));
  /** Each was looked at once. */
  let started = false;

  const atPath = (path: string): WatchedDirectory | undefined => all.findLast(({ place }) => place?.path === path);

  const leave = (at: WatchedDirectory): void => {
    at.key = undefined;
    at.place = undefined;
  };

  const isAt = ({ place }: WatchedDirectory, other: DirectoryLocation): boolean => place?.identity === other.identity;

  const checkNow = (at: WatchedDirectory, maker: WriterSeen | undefined): void => {
    const { directory } = at;
    const place = placeOf(directory.path);
    // One that looks at some names only, or comes and goes, does not do another's work.
    const twin =
      place &&
      all.find(
        (other) => other !== at && !other.directory.temporary && !other.directory.namePrefix && isAt(other, place),
      )?.place;
    if (twin !== undefined) {
      const wasApart = !directory.temporary && (at.place !== undefined || (!started && at.known.has('.')));
      leave(at);
      if (wasApart) {
        const reason = `${directory.path} is another folder than before: it is now the same as ${twin.path}`;
        onNotice('package-folder-replaced', reason);
        at.saidMissing = directory.expected;
      } else if (at.sameAs === undefined) at.saidMissing = false;
      at.sameAs = twin.path;
      return;
    }
    at.sameAs = undefined;
    if (place?.identity === at.place?.identity && place?.path === at.place?.path) {
      if (place === undefined) missing(at, false);
      return;
    }
    const before = at.place;
    leave(at);
    if (place === undefined) {
      missing(at, before !== undefined);
      return;
    }
    at.place = place;
    options.onPlaced(at);
    const led =
      before === undefined || before.path === place.path
        ? ''
        : `: it leads to ${place.path}, no longer to ${before.path}`;
    const replaced = !directory.temporary && isReplaced(at, place.path);
    if (replaced) {
      const since = started ? '' : ', since the agent was off';
      onNotice('package-folder-replaced', `${directory.path} is another folder than before${since}${led}`);
    } else if (at.saidMissing) onNotice('package-folder-found', `${directory.path} is there again`);
    at.saidMissing = false;
    at.copied = replaced;
    options.onFound(at, firstScan(at, maker));
  };

  const firstScan = (at: WatchedDirectory, maker: WriterSeen | undefined): Comparison => {
    if (at.directory.temporary) {
      if (!started || at.directory.namePrefix !== undefined) return { silent: true };
      at.known.clear();
      const writer = maker && (() => asMaker(writers.resolve(maker)));
      return { found: 'new_directory', ...(writer && { writer }) };
    }
    if (started) return { found: 'comparison' };
    return at.known.has('.') ? { found: 'offline_diff' } : { silent: true };
  };

  const missing = (at: WatchedDirectory, wasThere: boolean): void => {
    const { directory } = at;
    if (directory.temporary) {
      if (directory.namePrefix === undefined) all = all.filter((other) => other !== at);
      return;
    }
    if (at.saidMissing || !(wasThere || (directory.expected && !started))) return;
    at.saidMissing = true;
    onNotice('package-folder-missing', `${directory.path} is missing; it is watched once it is there`);
  };

  const syncUnpackDirectory = (at: WatchedDirectory, name: string, maker: WriterSeen | undefined): void => {
    const path = pathOf(at, name);
    const known = atPath(path);
    if (known !== undefined) {
      checkNow(known, maker);
      return;
    }
    if (name !== unpackDirectory || at.directory.temporary) {
      if (all.some(({ place }) => place === undefined)) rescanSoon();
      return;
    }
    const added = watchedDirectory({ path, manager: at.directory.manager, expected: false, temporary: true }, memory);
    all.push(added);
    checkNow(added, maker);
    options.onUnpackDirectory(added, maker);
  };

  /** A folder that cannot be read keeps none of the others from being watched; at the next look it is tried from the start. */
  const guarded = (at: WatchedDirectory, check: () => void): void => {
    try {
      check();
    } catch (error) {
      leave(at);
      options.onFault(`${at.directory.path} could not be looked at`, error);
    }
  };

  const check = (): void => {
    for (const at of [...all]) guarded(at, () => checkNow(at, undefined));
    for (const at of [...all]) {
      if (at.place && !at.directory.temporary) guarded(at, () => syncUnpackDirectory(at, unpackDirectory, undefined));
    }
    started = true;
    options.onScanned();
  };

  const rescanSoon = tasks.soon(0, check);

  return {
    get all() {
      return all;
    },
    atPath,
    withKey: (key) => all.findLast((at) => at.key === key),
    check,
    rescanSoon,
    syncUnpackDirectory,
  };
}

/** As far as is known. An inode number that is used again cannot be told from the old one; its files' can. */
function isReplaced(at: WatchedDirectory, directory: string): boolean {
  const known = at.known.get('.');
  const now = readState(directory, '.');
  return known !== undefined && now !== undefined && knownFile('', known).ino !== knownFile('', now).ino;
}
