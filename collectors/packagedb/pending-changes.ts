// Holds the changes from fanotify until they are reported, with their files open, within bounds.

import type { FileChangeFields } from '../event/event.ts';
import type { Clock } from '../host/clock.ts';
import { checkFile, type FileCheck, type OpenedFile } from '../host/opened-file.ts';
import { type ChangeQueue, createChangeQueue, type Queued, settleMs } from './change-queue.ts';
import { boundsOf } from './change-reporter.ts';
import type { ChangeBounds } from './directory-to-watch.ts';
import type { FileTimes, WriterSeen } from './file-writer.ts';
import { type FileState, stateOf } from './listing.ts';
import { pathOf, type WatchedName } from './watched-directory.ts';

/** A change as fanotify reported it, before it is held. */
export interface NewChange extends WatchedName {
  action: Queued['action'];
  writer: WriterSeen;
  details?: FileChangeFields;
  /** The old name, for a rename from a watched directory. */
  origin?: WatchedName | undefined;
  /** `writer` created the directory in which the file was found. It is inferred that it created the file, too. */
  inNewDirectory?: boolean;
}

/** A change that is held, with its file as the agent opened it. */
export interface PendingChange extends Queued, WatchedName {
  path: string;
  writer: WriterSeen;
  details: FileChangeFields;
  origin: WatchedName | undefined;
  inNewDirectory: boolean;
  /** Later changes were merged into this one. */
  hasLaterChanges: boolean;
  /** The agent has tried to open the file; false: too many files were open. */
  isChecked: boolean;
  opened: OpenedFile | undefined;
  /** Why the file could not be opened. */
  unseen: FileCheck['unseen'];
  /** State and times of the file when it was opened. */
  openedState: FileState | undefined;
  times: FileTimes | undefined;
}

/** The clock, and the receiver of the paths of opened files. */
export interface PendingChangesDeps {
  clock: Pick<Clock, 'bootEpochMs' | 'monotonicMs'>;
  /** Called when a file was opened; its change is reported some time later. */
  onOpened(path: string): void;
}

/**
 * The changes that wait until they are due. Each group of directories (`boundsOf`) has its own bounds for changes and
 * open files.
 */
export interface PendingChanges {
  /** Opens the file and holds the change, or merges it into a waiting one. False: too many changes wait. */
  offer(change: NewChange): boolean;
  /** Whether a change of the file waits. */
  has(name: WatchedName): boolean;
  /** Removes and returns the changes that are due, in the order in which they were offered. */
  takeDue(nowMs: number): PendingChange[];
  /** Opens the file of a change that is not checked. */
  check(change: PendingChange): void;
  /** Closes the file of a change, unless it was handed over. */
  release(change: PendingChange): void;
  /** Hands over the file of a change. It counts as open until the receiver closes it. */
  handOver(change: PendingChange): OpenedFile | undefined;
  readonly size: number;
}

/** Minimum time between two reports of changes of a file by the same process. */
const repeatMs = 1000;

/** Identifies a name in a watched directory. */
export const keyOf = ({ watched, name }: WatchedName): string => `${watched.directory.path}\0${name}`;

/**
 * Creates an empty collection. A change waits for `settleMs`; a modification or attribute change also until 1 s after
 * the previous change of the file by the same process.
 */
export function createPendingChanges({ clock, onOpened }: PendingChangesDeps): PendingChanges {
  interface Waiting {
    queue: ChangeQueue<PendingChange>;
    openFiles: number;
  }
  const waiting = new Map<ChangeBounds, Waiting>();
  const waitingOf = ({ watched }: WatchedName): Waiting => {
    const bounds = boundsOf(watched);
    let found = waiting.get(bounds);
    if (found === undefined) {
      const queue = createChangeQueue({ settleMs, repeatMs, maxWaiting: bounds.waiting, onMerged: merge });
      found = { queue, openFiles: 0 };
      waiting.set(bounds, found);
    }
    return found;
  };

  function merge(target: PendingChange, change: PendingChange): void {
    release(change);
    target.hasLaterChanges = true;
    if (!target.inNewDirectory || change.inNewDirectory) return;
    // The file was found in a new directory, with an inferred writer; this event names the writer.
    target.writer = change.writer;
    target.pid = change.pid;
    target.inNewDirectory = false;
  }

  const check = (change: PendingChange): void => {
    change.isChecked = true;
    const { opened, unseen } = checkFile(change.path, change.name);
    change.unseen = unseen;
    if (opened === undefined) return;
    const counted = waitingOf(change);
    counted.openFiles++;
    change.opened = onceClosed(opened, () => counted.openFiles--);
    onOpened(change.path);
    const { stat } = opened;
    change.openedState = stateOf(stat);
    const epochNs = clock.bootEpochMs() * 1e6;
    const isNew = change.action === 'creation' && stat.birthtimeNs > 0n;
    change.times = {
      changedNs: Number(stat.ctimeNs) - epochNs,
      bornNs: isNew ? Number(stat.birthtimeNs) - epochNs : undefined,
    };
  };

  const release = (change: PendingChange): void => {
    change.opened?.close();
    change.opened = undefined;
  };

  return {
    offer(given) {
      const change: PendingChange = {
        details: {},
        inNewDirectory: false,
        ...given,
        origin: given.origin,
        key: keyOf(given),
        pid: given.writer.pid,
        path: pathOf(given.watched, given.name),
        hasLaterChanges: false,
        isChecked: given.action === 'deletion',
        opened: undefined,
        unseen: undefined,
        openedState: undefined,
        times: undefined,
      };
      const { queue } = waitingOf(change);
      const mayOpen = (): boolean => waitingOf(change).openFiles < boundsOf(change.watched).open;
      // If another change of the file waits, this one may be merged into it, and that has the same file open.
      if (!change.isChecked && mayOpen() && !queue.has(change.key)) check(change);
      const offered = queue.offer(change, clock.monotonicMs());
      if (offered === 'rejected') release(change);
      else if (offered === 'queued' && !change.isChecked && mayOpen()) check(change);
      return offered !== 'rejected';
    },
    has: (name) => waitingOf(name).queue.has(keyOf(name)),
    takeDue: (nowMs) => [...waiting.values()].flatMap(({ queue }) => queue.take(nowMs)),
    check,
    release,
    handOver(change) {
      const { opened } = change;
      change.opened = undefined;
      return opened;
    },
    get size() {
      return waiting.values().reduce((sum, { queue }) => sum + queue.size, 0);
    },
  };
}

/** Changes `close` so that it calls `onClose` the first time and does nothing after that. */
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
