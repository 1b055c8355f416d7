// Holds file changes until the process table has caught up, and merges changes that become one event.

import type { FileAction } from './differences.ts';

/** The part of a change that decides which changes are merged. */
export interface Queued {
  /** Directory and name. */
  key: string;
  action: FileAction;
  pid: number;
}

/** How long a change waits for others of the same file, and for the process sensor, which is up to 30 ms late. */
export const settleMs = 70;

/** The times in milliseconds and the bound of a queue, and its callback. */
export interface ChangeQueueOptions<T> {
  /** Minimum time that a change waits. */
  settleMs: number;
  /** Minimum time between two changes of a file by the same process. */
  repeatMs: number;
  /** Maximum number of changes that wait. */
  maxWaiting: number;
  /** Called when `change` was merged into `target`, which then stands for both. */
  onMerged(target: T, change: T): void;
}

/** `queued`: the change waits. `merged`: the change is now part of a waiting one. `rejected`: too many changes wait. */
type Offered = 'queued' | 'merged' | 'rejected';

/** The changes that wait. `nowMs` is the time of a monotonic clock in milliseconds. */
export interface ChangeQueue<T extends Queued> {
  offer(change: T, nowMs: number): Offered;
  /** Removes and returns the changes that are due, in the order in which they were offered. */
  take(nowMs: number): T[];
  /** Whether a change of the file waits. */
  has(key: string): boolean;
  readonly size: number;
}

/** The actions that can be merged: the state of the file after the last change shows all of them. */
export const mergeable: ReadonlySet<FileAction> = new Set(['modification', 'attribute-change']);

/** Whether a change is merged into the one before it of the same file. */
function isOneEvent(before: Queued, change: Queued): boolean {
  // A name is not created twice: the file was found in a new directory before the kernel reported its creation.
  if (change.action === 'creation') return before.action === 'creation';
  return mergeable.has(change.action) && before.pid === change.pid && before.action !== 'deletion';
}

/** Creates an empty queue. It has no timer: the caller must call `take` when changes may be due. */
export function createChangeQueue<T extends Queued>(options: ChangeQueueOptions<T>): ChangeQueue<T> {
  interface Waiting {
    change: T;
    sinceMs: number;
    dueMs: number;
  }
  const waiting = new Set<Waiting>();
  /** The last waiting change of each file. */
  const last = new Map<string, Waiting>();
  /** Time at which the last change by a process of a file was due, oldest first. */
  const reported = new Map<string, number>();
  const fileAndProcess = ({ key, pid }: Queued): string => `${pid} ${key}`;

  return {
    offer(change, nowMs) {
      const before = last.get(change.key);
      if (before !== undefined && isOneEvent(before.change, change)) {
        if (before.change.action === 'attribute-change') before.change.action = change.action;
        options.onMerged(before.change, change);
        return 'merged';
      }
      if (waiting.size >= options.maxWaiting) return 'rejected';
      // The change before it cannot be merged with later ones, so that it need not wait longer than `settleMs`.
      if (before !== undefined) before.dueMs = Math.min(before.dueMs, before.sinceMs + options.settleMs);
      const reportedMs = mergeable.has(change.action) ? reported.get(fileAndProcess(change)) : undefined;
      const dueMs = Math.max(nowMs + options.settleMs, (reportedMs ?? Number.NEGATIVE_INFINITY) + options.repeatMs);
      const next = { change, sinceMs: nowMs, dueMs };
      waiting.add(next);
      last.set(change.key, next);
      return 'queued';
    },
    take(nowMs) {
      const due: T[] = [];
      for (const one of waiting) {
        if (one.dueMs > nowMs) continue;
        waiting.delete(one);
        if (last.get(one.change.key) === one) last.delete(one.change.key);
        due.push(one.change);
        if (one.change.action === 'deletion') continue;
        // Deleted first, so that the map stays in the order of time.
        reported.delete(fileAndProcess(one.change));
        reported.set(fileAndProcess(one.change), nowMs);
      }
      for (const [key, reportedMs] of reported) {
        if (nowMs - reportedMs < options.repeatMs) break;
        reported.delete(key);
      }
      return due;
    },
    has: (key) => last.has(key),
    get size() {
      return waiting.size;
    },
  };
}
