// Turns events of fanotify into changes. Each waits, with its file open, until its writer can be determined.

import { settleMs } from './change-queue.ts';
import { boundsOf } from './change-reporter.ts';
import { differenceOf } from './differences.ts';
import { actionsOf, concernsName, hasAny, type NameAction } from './event-actions.ts';
import { asMaker, type WriterSeen } from './file-writer.ts';
import { type FileState, isStillEmpty, listSome, readState } from './listing.ts';
import { type DirectoryEntry, type FanotifyEvent, fanotifyMask } from './parse-fanotify.ts';
import { keyOf, type PendingChanges } from './pending-changes.ts';
import type { PendingReports } from './pending-reports.ts';
import type { WatchCore } from './watch-core.ts';
import type { WatchedDirectories } from './watched-directories.ts';
import { pathOf, type WatchedDirectory, type WatchedName } from './watched-directory.ts';

/** The parts of the watch that locate an event, and that hold or ignore its change. */
export interface FanotifyChangesDeps {
  directories: Pick<
    WatchedDirectories,
    'findByPath' | 'isSeparate' | 'inParent' | 'withKey' | 'checkSoon' | 'checkBelow'
  >;
  pending: Pick<PendingChanges, 'has'>;
  reports: Pick<PendingReports, 'offer' | 'ignoreUnprivileged' | 'mayInclude'>;
  /** Whether a directory is compared some time after its events. */
  comparesAfterEvents: boolean;
}

/** Receives the events of all directories that fanotify watches. */
export interface FanotifyChanges {
  handleEvent(event: FanotifyEvent): void;
  /** Offers the first half of a rename that waits for its second one. */
  flush(): void;
}

/** The first half of a rename, which kernels before 5.17 report as two events. */
interface MovedOut extends WatchedName {
  writer: WriterSeen;
  /** Ends the wait for the second half. */
  cancel(): void;
}

/** The part of an event that concerns one name. */
interface ActedOn {
  mask: number;
  writer: WriterSeen;
  /** The old name, for a rename from a watched directory. */
  origin: WatchedName | undefined;
  isDirectory: boolean;
}

/** Creates the handler of events. At most one first half of a rename waits for its second one, for `settleMs`. */
export function createFanotifyChanges(
  { tasks, writers, schedule }: WatchCore,
  { directories, pending, reports, comparesAfterEvents }: FanotifyChangesDeps,
): FanotifyChanges {
  const { offer } = reports;
  const openWrites = createOpenWrites();
  let movedOut: MovedOut | undefined;

  const locate = (entry: DirectoryEntry | undefined): WatchedName | undefined => {
    const watched = entry && directories.withKey(entry.directory);
    if (entry === undefined || watched === undefined) return undefined;
    if (watched.accepts(entry.name)) return { watched, name: entry.name };
    // The kernel reports a change of attributes once, as one of the directory itself, if its parent is watched as well.
    return entry.name === '.' ? directories.inParent(watched) : undefined;
  };

  const takeMovedOut = (): MovedOut | undefined => {
    const taken = movedOut;
    taken?.cancel();
    movedOut = undefined;
    return taken;
  };
  /** Reports a first half without a second one: the file was moved to a directory that is not watched. */
  const flush = (): void => {
    const taken = takeMovedOut();
    if (taken === undefined) return;
    const { watched, name, writer } = taken;
    offer({ watched, name, action: 'deletion', writer, details: { moved_out: true } });
  };

  /**
   * Whether a file was opened for writing and not written, or is still empty: every run of dpkg takes locks, and every
   * query of rpm opens its database. Such an event is dismissed before its process is looked up.
   */
  const isUnwritten = (file: WatchedName): boolean => {
    const { watched, name } = file;
    const before = watched.known.get(name);
    if (before === undefined || name === '.' || pending.has(file)) return false;
    const directory = pathOf(watched, '.');
    if (isStillEmpty(directory, name, before)) return true;
    if (reports.mayInclude(keyOf(file), tasks.clock.bootNs())) return false;
    const state = readState(directory, name);
    if (state === undefined || differenceOf(before, state) !== undefined) return false;
    if (state !== before) watched.record(name, state);
    return true;
  };

  /** `closed`: the process that wrote the file which the event's process closed. */
  const offerAction = (action: NameAction, file: WatchedName, event: ActedOn, closed: WriterSeen): void => {
    const { writer, origin, isDirectory } = event;
    if (action === 'renamed') offerRename(file, origin, writer);
    else if (action === 'moved-in') offerRename(file, takeMovedOut(), writer);
    else if (action === 'moved-out') movedOut = { ...file, writer, cancel: tasks.later(settleMs, flush) };
    else if (action === 'deletion') offer({ ...file, action, writer, details: { moved_out: false } });
    else if (action === 'modification') offer({ ...file, action, writer: closed });
    else if (action === 'attribute-change') {
      // The attributes of a directory that is watched separately are reported as its own.
      const path = pathOf(file.watched, file.name);
      const directory = isDirectory && directories.isSeparate(path) ? directories.findByPath(path) : undefined;
      offer({ ...(directory ? { watched: directory, name: '.' } : file), action, writer });
    } else offer({ ...file, action, writer });
  };
  const offerRename = (file: WatchedName, origin: WatchedName | undefined, writer: WriterSeen): void => {
    const details = origin ? { original_path: pathOf(origin.watched, origin.name) } : {};
    offer({ ...file, action: 'rename', writer, origin, details });
  };

  const offerActions = (file: WatchedName, event: ActedOn): void => {
    const { mask, writer, isDirectory } = event;
    const { watched, name } = file;
    const key = keyOf(file);
    if (hasAny(mask, fanotifyMask.modify)) openWrites.note(key, writer);
    const closed = hasAny(mask, fanotifyMask.closeWrite) ? openWrites.takeWriter(key, writer) : writer;
    const exists = hasAny(mask, fanotifyMask.delete) && readState(pathOf(watched, '.'), name) !== undefined;
    for (const action of actionsOf(mask, exists)) offerAction(action, file, event, closed);
    if (!isDirectory) return;
    const added = directories.checkBelow(watched, name, () => asMaker(writers.resolve(writer)));
    if (added !== undefined && added.noFanotify === undefined) offerListed(added, writer);
  };

  /** Offers the files that were put into a new directory before it was marked. They may be gone in a moment. */
  const offerListed = (watched: WatchedDirectory, maker: WriterSeen): void => {
    const path = watched.location?.path;
    if (path === undefined) return;
    try {
      // Each file is kept open, and half of the open files is left for the other directories.
      for (const name of listSome(path, boundsOf(watched).open / 2)) {
        if (watched.accepts(name)) offer({ watched, name, action: 'creation', writer: maker, inNewDirectory: true });
      }
    } catch (error) {
      // dpkg may have removed the directory.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') tasks.fault(`${path} could not be listed`, error);
    }
  };

  const handleEvent = ({ mask, pid, entry, oldEntry }: FanotifyEvent): void => {
    if (hasAny(mask, fanotifyMask.deleteSelf | fanotifyMask.moveSelf)) {
      directories.checkSoon(entry && directories.withKey(entry.directory));
    }
    const file = locate(entry);
    const origin = locate(oldEntry);
    const named = file ?? origin;
    if (named === undefined) return;
    if (file !== undefined && !concernsName(mask) && isUnwritten(file)) return;
    const writer = writers.see(pid);
    const { watched, name } = named;
    const states = (): (FileState | undefined)[] => [watched.known.get(name), readState(pathOf(watched, '.'), name)];
    if (reports.ignoreUnprivileged(watched, writer, states)) return;
    if (!(hasAny(mask, fanotifyMask.movedTo) && movedOut?.writer.pid === pid)) flush();
    if (file === undefined) {
      offer({ ...named, action: 'deletion', writer, details: { moved_out: true } });
      return;
    }
    // A comparison finds the changes of a burst that the kernel did not report.
    if (comparesAfterEvents && !watched.directory.temporary) schedule.soon(watched);
    const isDirectory = hasAny(mask, fanotifyMask.onDirectory);
    if (name !== '.') offerActions(file, { mask, writer, origin, isDirectory });
    else if (hasAny(mask, fanotifyMask.attribute)) offer({ ...file, action: 'attribute-change', writer });
  };

  return { handleEvent, flush };
}

/**
 * The processes that wrote to each file since its last close. The process that closes a file may have inherited or
 * received it.
 */
export interface OpenWrites {
  /** Notes that the process wrote to the file. */
  note(key: string, writer: WriterSeen): void;
  /**
   * Returns the process that wrote the file which `closer` closed: `closer` itself if it wrote, else the first other
   * process.
   */
  takeWriter(key: string, closer: WriterSeen): WriterSeen;
}

const maxFiles = 512;
const maxWriters = 4;

/** Creates an empty memory of at most 512 files with four writers each. A further file replaces the oldest. */
export function createOpenWrites(): OpenWrites {
  const writersOf = new Map<string, Map<number, WriterSeen>>();
  return {
    note(key, writer) {
      const writers = writersOf.get(key) ?? new Map<number, WriterSeen>();
      if (writers.has(writer.pid) || writers.size >= maxWriters) return;
      writers.set(writer.pid, writer);
      if (writers.size > 1) return;
      if (writersOf.size >= maxFiles) writersOf.delete(writersOf.keys().next().value as string);
      writersOf.set(key, writers);
    },
    takeWriter(key, closer) {
      const writers = writersOf.get(key);
      const writer = writers && (writers.get(closer.pid) ?? writers.values().next().value);
      if (writer === undefined) return closer;
      writers?.delete(writer.pid);
      if (writers?.size === 0) writersOf.delete(key);
      return writer.pid === closer.pid ? closer : { ...writer, closedBy: closer.pid };
    },
  };
}
