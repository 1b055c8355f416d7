// Holds file changes until the process table has caught up, and merges those that are one event.

import type { FileAction } from './differences.ts';

/** The part of a change that decides which changes are one event. */
export interface Queued {
  /** Directory and name. */
  key: string;
  action: FileAction;
  pid: number;
}

/** How long a change waits for others of the same file. The process sensor, which is up to 40 ms late, has caught up by then. */
export const settleMs = 70;

export interface ChangeQueueOptions<T> {
  /** The least time that a change waits. */
  settleMs: number;
  /** Changes of a file by one process are due at most this often. */
  repeatMs: number;
  /** Changes that wait; further ones are refused. */
  maxWaiting: number;
  /** `change` was merged: `target` stands for both. */
  onMerged(target: T, change: T): void;
}

/** `queued`: the change waits. `merged`: it is part of a change that waits. `refused`: too many changes wait. */
type Offered = 'queued' | 'merged' | 'refused';

export interface ChangeQueue<T extends Queued> {
  offer(change: T, nowMs: number): Offered;
  /** Removes the changes that are due, in the order in which they happened. */
  take(nowMs: number): T[];
  /** Whether a change of that file waits. */
  has(key: string): boolean;
  readonly size: number;
}

/** Changes of a file's content or attributes: the state of the file after the last of them shows them all. */
export const mergeable: ReadonlySet<FileAction> = new Set(['modification', 'attribute-change']);

/** Whether a change that follows another one of the same file is part of its event. */
function isOneEvent(before: Queued, change: Queued): boolean {
  // The file was found in its directory before the kernel reported its creation. A name cannot be created twice.
  if (change.action === 'creation') return before.action === 'creation';
  return mergeable.has(change.action) && before.pid === change.pid && before.action !== 'deletion';
}

export function createChangeQueue<T extends Queued>(options: ChangeQueueOptions<T>): ChangeQueue<T> {
  interface Waiting {
    change: T;
    sinceMs: number;
    dueMs: number;
  }
  const waiting = new Set<Waiting>();
  /** The last change of each file that waits. */
  const last = new Map<string, Waiting>();
  /** When the last change of a file by a process was due, oldest first. */
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
      if (waiting.size >= options.maxWaiting) return 'refused';
      // The new change is due after the one before it, which need not wait any longer for others to be merged.
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
