// The changes that fanotify reports: each file is opened at once, and its change reported when the writer can be known.

import type { FileChangeFields } from '../event/event.ts';
import type { Clock } from '../host/clock.ts';
import { mergeable, settleMs } from './change-queue.ts';
import { boundsOf } from './change-reporter.ts';
import { changedFields, differenceOf } from './differences.ts';
import { actionsOf, concernsName, hasAny } from './event-actions.ts';
import { asMaker, type FileWriter, type WriterSeen } from './file-writer.ts';
import { type FileState, isOwnedByRoot, isStillEmpty, listSome, readState, rootUser, stateOf } from './listing.ts';
import { type DirectoryEntry, type FanotifyEvent, fanotifyMask } from './parse-fanotify.ts';
import { keyOf, type NewChange, type PendingChange, type PendingChanges, type WatchedName } from './pending-changes.ts';
import type { WatchCore } from './watch-core.ts';
import type { WatchedDirectories } from './watched-directories.ts';
import { pathOf, type WatchedDirectory } from './watched-directory.ts';

export interface LiveChangesDeps {
  directories: Pick<WatchedDirectories, 'atPath' | 'withKey' | 'checkSoon' | 'checkBelow'>;
  pending: PendingChanges;
}

export interface LiveChanges {
  handleEvent(event: FanotifyEvent): void;
  /** Reports every change that waits, due or not. */
  flush(): Promise<void>;
  /** Changes that users other than root made where any user may write. They are not reported. */
  readonly ignored: number;
}

const notReported = 'a file change could not be told';

export function createLiveChanges(core: WatchCore, { directories, pending }: LiveChangesDeps): LiveChanges {
  const { tasks, writers, reporter, sources, schedule } = core;
  let ignored = 0;
  const readTimes = createReadTimes(tasks.clock);
  const openWrites = createOpenWrites();
  /** The first half of a rename, on kernels before 5.17. */
  let movedOut: (WatchedName & { writer: WriterSeen }) | undefined;

  // -- Changes wait, and are reported.
  let isPlanned = false;
  const reportIn = (ms: number): void => {
    if (isPlanned) return;
    isPlanned = true;
    tasks.later(ms, () => {
      isPlanned = false;
      flushMovedOut();
      void tasks.serially(notReported, () => reportDue(tasks.clock.monotonicMs()));
    });
  };
  const offer = (change: NewChange): void => {
    if (pending.offer(change)) reportIn(settleMs);
    // A comparison will find the difference.
    else schedule.soon(change.watched);
  };
  const reportDue = async (nowMs: number): Promise<void> => {
    for (const change of pending.takeDue(nowMs)) {
      try {
        await report(change);
      } catch (error) {
        tasks.fault(notReported, error);
      } finally {
        pending.release(change);
      }
    }
    if (pending.size > 0) reportIn(settleMs / 2);
  };

  /** Counts the change as ignored if neither the process nor the file is root's, in a directory where any user may write. */
  const ignoreUnprivileged = (
    { directory }: WatchedDirectory,
    writer: Pick<WriterSeen, 'entry' | 'image'>,
    states: () => (FileState | undefined)[],
  ): boolean => {
    if (directory.namePrefix === undefined || (writers.userOf(writer) ?? rootUser) === rootUser) return false;
    if (states().some(isOwnedByRoot)) return false;
    ignored++;
    return true;
  };

  const report = async (change: PendingChange): Promise<void> => {
    const { watched, name, action, origin, inNewDirectory, times } = change;
    if (!change.isChecked) pending.check(change);
    // The state that is read next may include changes whose events are still in the kernel's queue.
    const isDrained = sources.drain();
    change.opened?.refresh();
    const state = change.opened && stateOf(change.opened.stat);
    const resolve = (): FileWriter => writers.resolve(change.writer, times);
    if (watched.directory.namePrefix !== undefined) {
      // The process may have been unknown when its event was read.
      const writer = resolve();
      const states = (): (FileState | undefined)[] => [watched.known.get(name), state];
      if ('snapshot' in writer && ignoreUnprivileged(watched, writer.snapshot, states)) return;
    }
    if (origin) origin.watched.record(origin.name, undefined);
    const details = recordChange(change, state, isDrained);
    if (details === undefined) return;
    await reporter.report(watched, {
      action,
      actionInferredFrom: undefined,
      path: change.path,
      atNs: change.writer.atNs,
      opened: pending.handOver(change),
      unseen: change.unseen,
      writer: inNewDirectory ? () => asMaker(resolve()) : resolve,
      details,
      found: inNewDirectory ? 'new_directory' : undefined,
    });
  };

  /** Records the file's state. Returns the details of the change; undefined: nothing changed, or the change was reported before. */
  const recordChange = (
    change: PendingChange,
    state: FileState | undefined,
    isDrained: boolean,
  ): FileChangeFields | undefined => {
    const { watched, name, action, key, details } = change;
    const before = watched.known.get(name);
    if (action === 'deletion') {
      if (before === undefined && watched.reportedDeletions.delete(name)) return undefined;
      watched.record(name, undefined);
      return details;
    }
    if (state === undefined) return details;
    if (before !== undefined && before === stateAfter(change, state) && !readTimes.includes(key, change.writer.atNs)) {
      // A comparison found the change first, or the file was opened for writing and not written.
      return undefined;
    }
    watched.record(name, state);
    readTimes.note(key, isDrained);
    if (before === undefined || before === state || !mergeable.has(action)) return details;
    const difference = differenceOf(before, state);
    return difference && { ...details, ...changedFields(before, difference) };
  };

  // -- Events of the kernel.
  const locate = (entry: DirectoryEntry | undefined): WatchedName | undefined => {
    const watched = entry && directories.withKey(entry.directory);
    return entry && watched?.accepts(entry.name) ? { watched, name: entry.name } : undefined;
  };

  const flushMovedOut = (): void => {
    if (movedOut === undefined) return;
    const { watched, name, writer } = movedOut;
    movedOut = undefined;
    offer({ watched, name, action: 'deletion', writer, details: { moved_out: true } });
  };

  /**
   * Whether a file was opened for writing and not written, or is empty as before: every run of dpkg takes locks, every query of rpm
   * opens its database. The process of such an event need not be known.
   */
  const isUnwritten = (file: WatchedName): boolean => {
    const { watched, name } = file;
    const before = watched.known.get(name);
    if (before === undefined || name === '.' || pending.has(file)) return false;
    const directory = pathOf(watched, '.');
    if (isStillEmpty(directory, name, before)) return true;
    if (readTimes.includes(keyOf(file), tasks.clock.bootNs())) return false;
    const state = readState(directory, name);
    if (state === undefined || differenceOf(before, state) !== undefined) return false;
    if (state !== before) watched.record(name, state);
    return true;
  };

  const offerActions = (file: WatchedName, origin: WatchedName | undefined, mask: number, writer: WriterSeen): void => {
    const { watched, name } = file;
    const offerRename = (from: WatchedName | undefined): void => {
      const details = from ? { original_path: pathOf(from.watched, from.name) } : {};
      offer({ ...file, action: 'rename', writer, origin: from, details });
    };
    const key = keyOf(file);
    if (hasAny(mask, fanotifyMask.modify)) openWrites.note(key, writer);
    const lastWriter = hasAny(mask, fanotifyMask.closeWrite) ? openWrites.take(key, writer) : writer;
    const isDirectory = hasAny(mask, fanotifyMask.onDirectory);
    const exists = hasAny(mask, fanotifyMask.delete) && readState(pathOf(watched, '.'), name) !== undefined;
    for (const action of actionsOf(mask, exists)) {
      if (action === 'renamed') offerRename(origin);
      else if (action === 'moved-in') {
        offerRename(movedOut);
        movedOut = undefined;
      } else if (action === 'moved-out') movedOut = { ...file, writer };
      else if (action === 'deletion') offer({ ...file, action, writer, details: { moved_out: false } });
      else if (action === 'modification') offer({ ...file, action, writer: lastWriter });
      else if (action === 'attribute-change') {
        // The attributes of a directory that is watched itself are reported as its own.
        const own = isDirectory ? directories.atPath(pathOf(watched, name)) : undefined;
        offer({ ...(own ? { watched: own, name: '.' } : file), action, writer });
      } else offer({ ...file, action, writer });
    }
    if (!isDirectory) return;
    const added = directories.checkBelow(watched, name, () => asMaker(writers.resolve(writer)));
    if (added !== undefined && added.noFanotify === undefined) offerListed(added, writer);
  };

  /** Offers what was put into a new directory before that was marked: it may be gone in a moment. */
  const offerListed = (watched: WatchedDirectory, maker: WriterSeen): void => {
    const path = watched.location?.path;
    if (path === undefined) return;
    try {
      // Each file is kept open, and the other directories need open files as well.
      for (const name of listSome(path, boundsOf(watched).open / 2)) {
        offer({ watched, name, action: 'creation', writer: maker, inNewDirectory: true });
      }
    } catch (error) {
      // dpkg may have removed the directory.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') tasks.fault(`${path} could not be listed`, error);
    }
  };

  const handleEvent = ({ mask, pid, entry, oldEntry }: FanotifyEvent): void => {
    if (hasAny(mask, fanotifyMask.deleteSelf | fanotifyMask.moveSelf)) directories.checkSoon();
    const file = locate(entry);
    const origin = locate(oldEntry);
    const either = file ?? origin;
    if (either === undefined) return;
    if (file !== undefined && !concernsName(mask) && isUnwritten(file)) return;
    const writer = writers.see(pid);
    const { watched, name } = either;
    const states = (): (FileState | undefined)[] => [watched.known.get(name), readState(pathOf(watched, '.'), name)];
    if (ignoreUnprivileged(watched, writer, states)) return;
    if (!(hasAny(mask, fanotifyMask.movedTo) && movedOut?.writer.pid === pid)) flushMovedOut();
    if (file === undefined) {
      offer({ ...either, action: 'deletion', writer, details: { moved_out: true } });
      return;
    }
    // A comparison finds what the kernel did not report of a burst.
    if (!watched.directory.temporary) schedule.soon(watched);
    if (name !== '.') offerActions(file, origin, mask, writer);
    else if (hasAny(mask, fanotifyMask.attribute)) offer({ ...file, action: 'attribute-change', writer });
  };

  return {
    handleEvent,
    flush() {
      flushMovedOut();
      return tasks.serially(notReported, () => reportDue(Number.POSITIVE_INFINITY));
    },
    get ignored() {
      return ignored;
    },
  };
}

/** The state that the change left, as far as is known. The removal of its last name changes the state of an open file once more. */
function stateAfter({ opened, openedState, hasLaterChanges }: PendingChange, state: FileState): FileState | undefined {
  const isRemoved = opened?.stat.nlink === 0n && !hasLaterChanges;
  return isRemoved ? openedState : state;
}

/** Until when the recorded state of a file includes its changes, for files that were read a moment ago. */
interface ReadTimes {
  /** The state of the file was read. `isDrained`: no event of an earlier change is still in the kernel's queue. */
  note(key: string, isDrained: boolean): void;
  /** Whether the recorded state may include a change of that time. */
  includes(key: string, atNs: number): boolean;
}

/** Longer than any change waits. */
const readMemoryNs = 10e9;

function createReadTimes(clock: Pick<Clock, 'bootNs'>): ReadTimes {
  const untilNs = new Map<string, number>();
  return {
    note(key, isDrained) {
      const nowNs = clock.bootNs();
      untilNs.delete(key);
      // If events are left in the queue, the state may include changes whose events are read within that time.
      untilNs.set(key, isDrained ? nowNs : nowNs + readMemoryNs);
      for (const [oldest, ns] of untilNs) {
        if (nowNs - ns < readMemoryNs) break;
        untilNs.delete(oldest);
      }
    },
    includes: (key, atNs) => (untilNs.get(key) ?? 0) > atNs,
  };
}

/** Which processes have written to a file since it was last closed: the process that closes it may have inherited or received it. */
export interface OpenWrites {
  /** The process has written to the file of that key. */
  note(key: string, writer: WriterSeen): void;
  /** Which process wrote what `closer` has closed: `closer`, or else the first of the others. */
  take(key: string, closer: WriterSeen): WriterSeen;
}

const maxFiles = 512;
const maxWriters = 4;

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
    take(key, closer) {
      const writers = writersOf.get(key);
      const writer = writers && (writers.get(closer.pid) ?? writers.values().next().value);
      if (writer === undefined) return closer;
      writers?.delete(writer.pid);
      if (writers?.size === 0) writersOf.delete(key);
      return writer.pid === closer.pid ? closer : { ...writer, closedBy: closer.pid };
    },
  };
}
