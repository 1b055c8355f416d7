// The folders under watch: which of them are there, where they lead, and which come up in them.

import type { SensorAction } from '../event/health-event.ts';
import { byComparison, type Comparison, whileOff } from './comparison.ts';
import { asMaker, type FileWriters, type WriterSeen } from './file-writer.ts';
import { knownFile, type ListingMemory, readState } from './listing.ts';
import { type PackageFolder, unpackFolder } from './package-directories.ts';
import type { WatchTasks } from './watch-tasks.ts';
import { type FolderPlace, pathOf, placeOf, type WatchedFolder, watchedFolder } from './watched-directory.ts';

export interface WatchedFoldersOptions {
  folders: readonly PackageFolder[];
  memory: ListingMemory;
  writers: FileWriters;
  tasks: WatchTasks;
  /** One has a place, or another than before: it is to be marked before anything is read. */
  onPlaced(at: WatchedFolder): void;
  /** It is marked, and to be compared with what is known of it. */
  onFound(at: WatchedFolder, how: Comparison): void;
  /** dpkg has made the folder that it unpacks into; `maker` as far as that is known. */
  onUnpackFolder(at: WatchedFolder, maker: WriterSeen | undefined): void;
  /** All were looked at. */
  onLooked(): void;
  onNotice(action: SensorAction, reason: string): void;
  onFault(what: string, error: unknown): void;
}

export interface WatchedFolders {
  readonly all: readonly WatchedFolder[];
  /** By its path without links. */
  atPath(path: string): WatchedFolder | undefined;
  /** As the kernel's events name it. */
  withKey(key: string): WatchedFolder | undefined;
  /** Looks where each is now. */
  look(): void;
  /** The same, in a moment. */
  lookSoon(): void;
  /** A folder came or went in a watched one: the one that dpkg unpacks into is followed at once. */
  lookBelow(at: WatchedFolder, name: string, maker: WriterSeen | undefined): void;
}

export function createWatchedFolders(options: WatchedFoldersOptions): WatchedFolders {
  const { memory, writers, tasks, onNotice } = options;
  let all: WatchedFolder[] = options.folders.map((folder) => watchedFolder(folder, memory));
  /** Each was looked at once. */
  let started = false;

  const atPath = (path: string): WatchedFolder | undefined => all.findLast(({ place }) => place?.path === path);

  const leave = (at: WatchedFolder): void => {
    at.key = undefined;
    at.place = undefined;
  };

  const isAt = ({ place }: WatchedFolder, other: FolderPlace): boolean => place?.identity === other.identity;

  const lookAt = (at: WatchedFolder, maker: WriterSeen | undefined): void => {
    const { folder } = at;
    const place = placeOf(folder.path);
    // One that looks at some names only, or comes and goes, does not do another's work.
    const twin =
      place &&
      all.find((other) => other !== at && !other.folder.temporary && !other.folder.namePrefix && isAt(other, place))
        ?.place;
    if (twin !== undefined) {
      const wasApart = !folder.temporary && (at.place !== undefined || (!started && at.known.has('.')));
      leave(at);
      if (wasApart) {
        const reason = `${folder.path} is another folder than before: it is now the same as ${twin.path}`;
        onNotice('package-folder-replaced', reason);
        at.saidMissing = folder.expected;
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
    const replaced = !folder.temporary && isReplaced(at, place.path);
    if (replaced) {
      const since = started ? '' : ', since the agent was off';
      onNotice('package-folder-replaced', `${folder.path} is another folder than before${since}${led}`);
    } else if (at.saidMissing) onNotice('package-folder-found', `${folder.path} is there again`);
    at.saidMissing = false;
    at.copied = replaced;
    options.onFound(at, firstLook(at, maker));
  };

  const firstLook = (at: WatchedFolder, maker: WriterSeen | undefined): Comparison => {
    if (at.folder.temporary) {
      if (!started || at.folder.namePrefix !== undefined) return { silent: true };
      at.known.clear();
      const writer = maker && (() => asMaker(writers.resolve(maker)));
      return { found: byComparison, ...(writer && { writer }) };
    }
    if (started) return { found: byComparison };
    return at.known.has('.') ? { found: whileOff } : { silent: true };
  };

  const missing = (at: WatchedFolder, wasThere: boolean): void => {
    const { folder } = at;
    if (folder.temporary) {
      if (folder.namePrefix === undefined) all = all.filter((other) => other !== at);
      return;
    }
    if (at.saidMissing || !(wasThere || (folder.expected && !started))) return;
    at.saidMissing = true;
    onNotice('package-folder-missing', `${folder.path} is missing; it is watched once it is there`);
  };

  const lookBelow = (at: WatchedFolder, name: string, maker: WriterSeen | undefined): void => {
    const path = pathOf(at, name);
    const known = atPath(path);
    if (known !== undefined) {
      lookAt(known, maker);
      return;
    }
    if (name !== unpackFolder || at.folder.temporary) {
      if (all.some(({ place }) => place === undefined)) lookSoon();
      return;
    }
    const added = watchedFolder({ path, manager: at.folder.manager, expected: false, temporary: true }, memory);
    all.push(added);
    lookAt(added, maker);
    options.onUnpackFolder(added, maker);
  };

  /** A folder that cannot be read keeps none of the others from being watched; at the next look it is tried from the start. */
  const guarded = (at: WatchedFolder, look: () => void): void => {
    try {
      look();
    } catch (error) {
      leave(at);
      options.onFault(`${at.folder.path} could not be looked at`, error);
    }
  };

  const look = (): void => {
    for (const at of [...all]) guarded(at, () => lookAt(at, undefined));
    for (const at of [...all]) {
      if (at.place && !at.folder.temporary) guarded(at, () => lookBelow(at, unpackFolder, undefined));
    }
    started = true;
    options.onLooked();
  };

  const lookSoon = tasks.soon(0, look);

  return {
    get all() {
      return all;
    },
    atPath,
    withKey: (key) => all.findLast((at) => at.key === key),
    look,
    lookSoon,
    lookBelow,
  };
}

/** As far as is known. An inode number that is used again cannot be told from the old one; its files' can. */
function isReplaced(at: WatchedFolder, folder: string): boolean {
  const known = at.known.get('.');
  const now = readState(folder, '.');
  return known !== undefined && now !== undefined && knownFile('', known).ino !== knownFile('', now).ino;
}
