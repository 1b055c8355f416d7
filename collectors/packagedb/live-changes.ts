// What the kernel tells of files as it happens: each change is looked at at once, and told once who made it is known.

import type { FileChangeFields } from '../event/event.ts';
import { checkFile, type OpenedFile } from '../host/opened-file.ts';
import { readBootNs } from '../linux/libc.ts';
import { allBounds, boundsOf } from './change-bounds.ts';
import { type ChangeQueue, createChangeQueue, mergeable, type Queued, settleMs } from './change-queue.ts';
import type { ChangeReporter } from './change-reporter.ts';
import { asMaker, type FileTimes, type FileWriter, type FileWriters, type WriterSeen } from './file-writer.ts';
import {
  differenceOf,
  type FileAction,
  type FileState,
  isOwnedByRoot,
  isStillEmpty,
  listSome,
  previousOf,
  readState,
  rootUser,
  stateOf,
} from './listing.ts';
import type { ListingSaver } from './listing-saver.ts';
import { createOpenWrites } from './open-writes.ts';
import { type DirectoryEntry, type FanotifyEvent, fanotifyMask } from './parse-fanotify.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectories } from './watched-directories.ts';
import { pathOf, type WatchedDirectory } from './watched-directory.ts';

export interface LiveChangesOptions {
  directories: Pick<WatchedDirectories, 'atPath' | 'withKey' | 'rescanSoon' | 'syncUnpackDirectory'>;
  writers: FileWriters;
  tasks: WatchTasks;
  listings: Pick<ListingSaver, 'remember'>;
  reporter: Pick<ChangeReporter, 'report'>;
  /** Milliseconds since 1970 of the moment of boot. */
  bootEpochMs(): number;
  /** Has the kernel's events that wait handed to `onEvent`; false: there are more. */
  drain(): boolean;
  /** More has happened in the folder than is told of here. */
  compareSoon(at: WatchedDirectory): void;
  /** The file was opened; its change is reported some time later. */
  onOpened?(path: string): void;
  /** Something has happened in the folder. */
  compareAfterEvent(at: WatchedDirectory): void;
  /** The kernel has dropped events. */
  onOverflow(): void;
  onFault(what: string, error: unknown): void;
}

export interface LiveChanges {
  onEvent(event: FanotifyEvent): void;
  /** What was put into a new folder before it could be watched: it may be gone again in a moment. */
  offerListed(at: WatchedDirectory, maker: WriterSeen): void;
  /** A change of the file is about to be told. */
  waits(at: WatchedDirectory, name: string): boolean;
  /** Tells everything that waits, due or not. */
  flush(): Promise<void>;
  /** Changes of other users' files where everybody may write: they are not told. */
  readonly ignored: number;
}

const againMs = 1000;
/** Longer than any change waits. */
const readMemoryNs = 10e9;
const fault = 'a file change could not be told';

interface Place {
  at: WatchedDirectory;
  name: string;
}

interface LiveChange extends Queued, Place {
  path: string;
  opened: OpenedFile | undefined;
  /** Its state when it was looked at. */
  heard: FileState | undefined;
  /** Later changes are told with it. */
  merged: boolean;
  /** It was not looked at when it was heard of: there were too many. */
  late: boolean;
  unseen: string | undefined;
  writer: WriterSeen;
  /** As they were when it was looked at. */
  times: FileTimes | undefined;
  /** `writer` made the folder that it was found in; that it made the file too is a conclusion. */
  madeDirectory: boolean;
  details: FileChangeFields;
  /** Of a rename: the name that is gone. */
  from: Place | undefined;
}

/** Events that leave a file's name alone. */
const writing = fanotifyMask.modify | fanotifyMask.closeWrite | fanotifyMask.attribute | fanotifyMask.onChild;

const keyOf = ({ directory }: WatchedDirectory, name: string): string => `${directory.path}\0${name}`;

/** The same file; `onClose` is called once, whatever number of times it is closed. */
function onceClosed(opened: OpenedFile, onClose: () => void): OpenedFile {
  const { close } = opened;
  let closed = false;
  opened.close = () => {
    if (closed) return;
    closed = true;
    close();
    onClose();
  };
  return opened;
}

export function createLiveChanges(options: LiveChangesOptions): LiveChanges {
  const { directories, writers, tasks, listings, onFault } = options;
  let ignored = 0;

  // -- What waits.
  interface Waiting {
    queue: ChangeQueue<LiveChange>;
    openFiles: number;
  }
  const waiting = new Map(
    allBounds.map((bounds): [typeof bounds, Waiting] => {
      const onMerged = (into: LiveChange, change: LiveChange): void => {
        release(change);
        into.merged = true;
        if (!into.madeDirectory || change.madeDirectory) return;
        into.writer = change.writer;
        into.pid = change.pid;
        into.madeDirectory = false;
      };
      const queue = createChangeQueue({ settleMs, againMs, maxWaiting: bounds.waiting, onMerged });
      return [bounds, { queue, openFiles: 0 }];
    }),
  );
  const waitingOf = (at: WatchedDirectory): Waiting => waiting.get(boundsOf(at)) as Waiting;
  const waits = (at: WatchedDirectory, name: string): boolean => waitingOf(at).queue.has(keyOf(at, name));

  const release = (change: LiveChange): void => {
    change.opened?.close();
    change.opened = undefined;
  };
  let ticking = false;
  const tick = (ms: number): void => {
    if (ticking) return;
    ticking = true;
    tasks.later(ms, () => {
      ticking = false;
      flushMove();
      void tasks.serially(fault, () => reportDue(performance.now()));
    });
  };
  const reportDue = async (nowMs: number): Promise<void> => {
    for (const change of [...waiting.values()].flatMap(({ queue }) => queue.take(nowMs))) {
      try {
        await reportLive(change);
      } catch (error) {
        onFault(fault, error);
      } finally {
        release(change);
      }
    }
    if ([...waiting.values()].some(({ queue }) => queue.size > 0)) tick(settleMs / 2);
  };

  const check = (change: LiveChange): void => {
    change.late = false;
    const { opened, unseen } = checkFile(change.path, change.name);
    change.unseen = unseen;
    if (opened === undefined) return;
    const waiting = waitingOf(change.at);
    waiting.openFiles++;
    change.opened = onceClosed(opened, () => waiting.openFiles--);
    options.onOpened?.(change.path);
    const { stat } = opened;
    change.heard = stateOf(stat);
    const epochNs = options.bootEpochMs() * 1e6;
    const isNew = change.action === 'creation' && stat.birthtimeNs > 0n;
    change.times = {
      changedNs: Number(stat.ctimeNs) - epochNs,
      bornNs: isNew ? Number(stat.birthtimeNs) - epochNs : undefined,
    };
  };
  const offer = (
    at: WatchedDirectory,
    name: string,
    action: FileAction,
    writer: WriterSeen,
    more: Partial<Pick<LiveChange, 'from' | 'details' | 'madeDirectory'>> = {},
  ): void => {
    const change: LiveChange = {
      key: keyOf(at, name),
      action,
      pid: writer.pid,
      at,
      name,
      path: pathOf(at, name),
      opened: undefined,
      heard: undefined,
      merged: false,
      late: true,
      unseen: undefined,
      writer,
      times: undefined,
      madeDirectory: false,
      details: {},
      from: undefined,
      ...more,
    };
    // What is merged away keeps the file that was opened first: it is the same.
    const { queue } = waitingOf(at);
    const mayOpen = (): boolean => waitingOf(at).openFiles < boundsOf(at).open;
    if (action === 'deletion') change.late = false;
    else if (mayOpen() && !queue.has(change.key)) check(change);
    if (queue.offer(change, performance.now())) {
      if (change.late && action !== 'deletion' && mayOpen()) check(change);
      tick(settleMs);
    } else {
      release(change);
      // Its difference is left to be found.
      options.compareSoon(at);
    }
  };

  // -- Telling.
  /** By file: when the state that is known was read, if that was for another change a moment ago. */
  const readAtNs = new Map<string, number>();
  const noteRead = (key: string, heard: boolean): void => {
    const nowNs = readBootNs();
    readAtNs.delete(key);
    // Not all was heard: what comes within that time may be in it as well.
    readAtNs.set(key, heard ? nowNs : nowNs + readMemoryNs);
    for (const [oldest, ns] of readAtNs) {
      if (nowNs - ns < readMemoryNs) break;
      readAtNs.delete(oldest);
    }
  };

  /** Where everybody may write: a file that is not root's, by a process that is not root's either. It is counted. */
  const isUnprivileged = (
    at: WatchedDirectory,
    writer: Parameters<typeof writers.userOf>[0],
    states: () => (FileState | undefined)[],
  ): boolean => {
    if (at.directory.namePrefix === undefined || (writers.userOf(writer) ?? rootUser) === rootUser) return false;
    if (states().some(isOwnedByRoot)) return false;
    ignored++;
    return true;
  };

  const reportLive = async (change: LiveChange): Promise<void> => {
    const { at, name, action, from } = change;
    if (change.late) check(change);
    // Whatever else the state has in it is to be known, so that it is not taken for nothing.
    const heard = options.drain();
    change.opened?.refresh();
    const before = at.known.get(name);
    const state = change.opened && stateOf(change.opened.stat);
    const { madeDirectory, times } = change;
    const resolve = (): FileWriter => writers.resolve(change.writer, times);
    const writer = at.directory.namePrefix === undefined ? undefined : resolve();
    // Only now may it be known who it was.
    if (writer && 'snapshot' in writer && isUnprivileged(at, writer.snapshot, () => [before, state])) return;
    if (from) listings.remember(from.at, from.name, undefined);
    const details = { ...change.details };
    if (action === 'deletion') {
      if (before === undefined && at.gone.delete(name)) return;
      listings.remember(at, name, undefined);
    } else if (state !== undefined) {
      // A comparison was quicker, or the file was opened for writing and nothing written; unless the state that is known
      // was read after this change, and has it in it.
      const included = (readAtNs.get(change.key) ?? 0) > change.writer.atNs;
      // The removal of its name changes a file once more.
      const removed = change.opened?.stat.nlink === 0n && !change.merged;
      if (before !== undefined && (removed ? change.heard : state) === before && !included) return;
      listings.remember(at, name, state);
      noteRead(change.key, heard);
      if (before !== undefined && before !== state && mergeable.has(action)) {
        const difference = differenceOf(before, state);
        if (difference === undefined) return;
        details.changed = difference.changed;
        details.previous = previousOf(before, difference.changed);
      }
    }
    const { opened } = change;
    // From now on the reporter's.
    change.opened = undefined;
    await options.reporter.report(at, {
      action,
      actionInferredFrom: undefined,
      path: change.path,
      atNs: change.writer.atNs,
      opened,
      unseen: change.unseen,
      writer: madeDirectory ? () => asMaker(resolve()) : resolve,
      details,
      found: madeDirectory ? 'new_directory' : undefined,
    });
  };

  // -- Hearing.
  /** Where an event's name is, if it is any of our business. */
  const locate = (entry: DirectoryEntry | undefined): Place | undefined => {
    const at = entry && directories.withKey(entry.directory);
    return at?.accepts(entry?.name ?? '') ? { at, name: entry?.name ?? '' } : undefined;
  };

  /** Kernels before 5.17 tell of the two sides of a rename one after the other. */
  let move: (Place & { writer: WriterSeen }) | undefined;
  const flushMove = (): void => {
    if (move === undefined) return;
    const { at, name, writer } = move;
    move = undefined;
    offer(at, name, 'deletion', writer, { details: { moved_out: true } });
  };

  /**
   * A file that was opened for writing is as it was, or as empty: every run of dpkg takes locks, every query of rpm's opens
   * its database. Who it was need not be found out.
   */
  const nothingWritten = ({ at, name }: Place): boolean => {
    const before = at.known.get(name);
    if (before === undefined || name === '.' || waits(at, name)) return false;
    const directory = pathOf(at, '.');
    if (isStillEmpty(directory, name, before)) return true;
    if ((readAtNs.get(keyOf(at, name)) ?? 0) > readBootNs()) return false;
    const state = readState(directory, name);
    if (state === undefined || differenceOf(before, state) !== undefined) return false;
    if (state !== before) listings.remember(at, name, state);
    return true;
  };

  const openWrites = createOpenWrites();

  /** Takes apart what one event says of a name: it may be several things, and not in which order. */
  const offerAll = ({ at, name }: Place, from: Place | undefined, mask: number, writer: WriterSeen): void => {
    const has = (bit: number): boolean => (mask & bit) !== 0;
    const directory = has(fanotifyMask.onDirectory);
    const renamed = (origin: Place | undefined): void => {
      const details = origin ? { original_path: pathOf(origin.at, origin.name) } : {};
      offer(at, name, 'rename', writer, { from: origin, details });
    };
    const deleted = has(fanotifyMask.delete);
    // What is there now came last.
    const stillThere = deleted && readState(pathOf(at, '.'), name) !== undefined;
    if (stillThere) offer(at, name, 'deletion', writer, { details: { moved_out: false } });
    if (has(fanotifyMask.create)) offer(at, name, 'creation', writer);
    if (has(fanotifyMask.rename)) renamed(from);
    if (has(fanotifyMask.movedTo)) {
      renamed(move);
      move = undefined;
    }
    // What else the same process did to a new name goes with it.
    const isNew = has(fanotifyMask.create | fanotifyMask.rename | fanotifyMask.movedTo);
    const key = keyOf(at, name);
    if (has(fanotifyMask.modify)) openWrites.note(key, writer);
    const wrote = has(fanotifyMask.closeWrite) ? openWrites.take(key, writer) : writer;
    if (has(fanotifyMask.closeWrite) && !isNew) offer(at, name, 'modification', wrote);
    else if (has(fanotifyMask.attribute) && !isNew) {
      // Of a folder that is itself watched this is told once, as its own.
      const child = directory ? directories.atPath(pathOf(at, name)) : undefined;
      if (child) offer(child, '.', 'attribute-change', writer);
      else offer(at, name, 'attribute-change', writer);
    }
    if (has(fanotifyMask.movedFrom)) move = { at, name, writer };
    if (deleted && !stillThere) offer(at, name, 'deletion', writer, { details: { moved_out: false } });
    if (directory) directories.syncUnpackDirectory(at, name, writer);
  };

  const onEvent = (event: FanotifyEvent): void => {
    const { mask, pid } = event;
    const has = (bit: number): boolean => (mask & bit) !== 0;
    if (has(fanotifyMask.overflow)) {
      options.onOverflow();
      return;
    }
    if (has(fanotifyMask.deleteSelf | fanotifyMask.moveSelf)) directories.rescanSoon();
    const to = locate(event.at);
    const from = locate(event.from);
    const where = to ?? from;
    if (where === undefined) return;
    if (to !== undefined && (mask & ~writing) === 0 && nothingWritten(to)) return;
    const writer = writers.see(pid);
    const { at, name } = where;
    if (isUnprivileged(at, writer, () => [at.known.get(name), readState(pathOf(at, '.'), name)])) return;
    if (move !== undefined && !(has(fanotifyMask.movedTo) && move.writer.pid === pid)) flushMove();
    if (to === undefined) {
      offer(at, name, 'deletion', writer, { details: { moved_out: true } });
      return;
    }
    options.compareAfterEvent(at);
    if (name !== '.') offerAll(to, from, mask, writer);
    else if (has(fanotifyMask.attribute)) offer(at, '.', 'attribute-change', writer);
  };

  return {
    onEvent,
    offerListed(at, maker) {
      const place = at.place?.path;
      if (place === undefined) return;
      let names: string[];
      try {
        // Each is kept open, and others need room as well.
        names = listSome(place, boundsOf(at).open / 2);
      } catch (error) {
        // dpkg may have taken it away again.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onFault(`${place} could not be listed`, error);
        return;
      }
      for (const name of names) offer(at, name, 'creation', maker, { madeDirectory: true });
    },
    waits,
    flush() {
      flushMove();
      return tasks.serially(fault, () => reportDue(Number.POSITIVE_INFINITY));
    },
    get ignored() {
      return ignored;
    },
  };
}
