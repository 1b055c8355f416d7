// Reports the waiting changes when they are due, unless a comparison has reported them or another user than root made
// them.

import type { FileChangeFields } from '../event/event.ts';
import type { Clock } from '../host/clock.ts';
import { mergeable, settleMs } from './change-queue.ts';
import { changedFields, differenceOf } from './differences.ts';
import { asMaker, type FileWriter, type WriterSeen } from './file-writer.ts';
import { type FileState, isOwnedByRoot, stateOf } from './listing.ts';
import type { NewChange, PendingChange, PendingChanges } from './pending-changes.ts';
import type { WatchCore } from './watch-core.ts';
import type { WatchedDirectory } from './watched-directory.ts';

/** Reports each waiting change when it is due, or ignores it. */
export interface PendingReports {
  /** Reports the change some time later. If too many changes wait, a comparison is scheduled that finds it. */
  offer(change: NewChange): void;
  /**
   * Whether a change is to be ignored: in a directory where any user may write, neither the process nor the file
   * belongs to root, as far as the agent knows. Such changes are counted. `states`: the known states of the file.
   */
  ignoreUnprivileged(
    watched: WatchedDirectory,
    writer: Pick<WriterSeen, 'entry' | 'image'>,
    states: () => (FileState | undefined)[],
  ): boolean;
  /** Whether the recorded state of the file may already include a change at that time which was not reported. */
  mayInclude(key: string, atNs: number): boolean;
  /** Reports changes for so long only, also in a report that is running. Those that remain are left to the next start. */
  endIn(ms: number): void;
  /** Reports the waiting changes at once, and how many are left. `hasMore`: the kernel's queue has more events. */
  flush(hasMore: boolean): Promise<void>;
  /** Number of changes that `ignoreUnprivileged` counted. */
  readonly ignored: number;
}

const notReported = 'a file change could not be reported';
/** The fault of changes that the agent has no time for when it ends. */
export const leftAtEnd = 'the agent ends before it has read all file changes: its next start compares the directories';

/**
 * Creates the reports of the changes in `pending`. While changes wait, those that are due are reported every half
 * `settleMs`.
 */
export function createPendingReports(core: WatchCore, pending: PendingChanges): PendingReports {
  const { tasks, writers, reporter, sources, schedule } = core;
  const readTimes = createReadTimes(tasks.clock);
  let ignored = 0;

  const ignoreUnprivileged: PendingReports['ignoreUnprivileged'] = ({ directory }, writer, states) => {
    if (directory.namePrefix === undefined || !writers.isUnprivileged(writer)) return false;
    if (states().some(isOwnedByRoot)) return false;
    ignored++;
    return true;
  };

  /**
   * Records the state of the file. Returns the details of the change; undefined: nothing changed, or the change was
   * reported before.
   */
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
    const isKnown = before !== undefined && before === stateAfter(change, state);
    // A comparison found the change first, or the file was opened for writing and not written.
    if (isKnown && !readTimes.mayInclude(key, change.writer.atNs)) return undefined;
    watched.record(name, state);
    readTimes.note(key, isDrained);
    if (before === undefined || before === state || !mergeable.has(action)) return details;
    const difference = differenceOf(before, state);
    return difference && { ...details, ...changedFields(before, difference) };
  };

  /** Leaves a change to a comparison. */
  const postpone = (watched: WatchedDirectory): void => {
    reporter.postpone(watched);
    schedule.soon(watched);
  };

  const report = async (change: PendingChange): Promise<void> => {
    const { watched, name, action, origin, inNewDirectory, times } = change;
    if (reporter.available(watched) < 1) {
      postpone(watched);
      return;
    }
    if (!change.isChecked) pending.check(change);
    // If the queue cannot be emptied, the state that is read next may include changes whose events are still in it.
    const isDrained = sources.drain();
    change.opened?.refresh();
    const state = change.opened && stateOf(change.opened.stat);
    const resolve = (): FileWriter => writers.resolve(change.writer, times);
    if (watched.directory.namePrefix !== undefined) {
      // The process may have been unknown when its event was read: check it again.
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

  /** Set when the agent ends: a report may be running, with thousands of changes. */
  let untilMs = Number.POSITIVE_INFINITY;
  let left = 0;
  const reportDue = async (nowMs: number): Promise<void> => {
    for (const change of pending.takeDue(nowMs)) {
      try {
        if (tasks.clock.monotonicMs() < untilMs) await report(change);
        else left++;
      } catch (error) {
        tasks.fault(notReported, error);
      } finally {
        pending.release(change);
      }
    }
    if (pending.size > 0) reportIn(settleMs / 2);
  };
  let isPlanned = false;
  const reportIn = (ms: number): void => {
    if (isPlanned) return;
    isPlanned = true;
    tasks.later(ms, () => {
      isPlanned = false;
      void tasks.serially(notReported, () => reportDue(tasks.clock.monotonicMs()));
    });
  };

  return {
    offer(change) {
      if (pending.offer(change)) reportIn(settleMs);
      else postpone(change.watched);
    },
    ignoreUnprivileged,
    mayInclude: readTimes.mayInclude,
    endIn(ms) {
      untilMs = tasks.clock.monotonicMs() + ms;
    },
    async flush(hasMore) {
      await tasks.serially(notReported, () => reportDue(Number.POSITIVE_INFINITY));
      const reasons = [
        ...(left > 0 ? [`${left} changes`] : []),
        ...(hasMore ? ["more events in the kernel's queue"] : []),
      ];
      if (reasons.length > 0) tasks.fault(leftAtEnd, new Error(reasons.join(', ')));
    },
    get ignored() {
      return ignored;
    },
  };
}

/**
 * The state of the file after the change. The removal of the last name changes an open file once more: then the state
 * when it was opened.
 */
function stateAfter({ opened, openedState, hasLaterChanges }: PendingChange, state: FileState): FileState | undefined {
  const isRemoved = opened?.stat.nlink === 0n && !hasLaterChanges;
  return isRemoved ? openedState : state;
}

/** The times at which the recorded states of files were read, kept for some seconds. */
interface ReadTimes extends Pick<PendingReports, 'mayInclude'> {
  /**
   * Notes that the state of the file was read. `isDrained`: no event of an earlier change is left in the kernel's
   * queue.
   */
  note(key: string, isDrained: boolean): void;
}

/** Longer than any change waits. */
const readMemoryNs = 10e9;

function createReadTimes(clock: Pick<Clock, 'bootNs'>): ReadTimes {
  const untilNs = new Map<string, number>();
  return {
    note(key, isDrained) {
      const nowNs = clock.bootNs();
      untilNs.delete(key);
      // If events are left in the queue, the state may include changes whose events are read within the next seconds.
      untilNs.set(key, isDrained ? nowNs : nowNs + readMemoryNs);
      for (const [oldest, ns] of untilNs) {
        if (nowNs - ns < readMemoryNs) break;
        untilNs.delete(oldest);
      }
    },
    mayInclude: (key, atNs) => (untilNs.get(key) ?? 0) > atNs,
  };
}
