// Holds file changes until the process table has caught up, and makes one of several that say the same.

import type { FileAction } from './listing.ts';

/** The part of a change that decides what is one event. */
export interface Queued {
  /** Folder and name. */
  key: string;
  action: FileAction;
  pid: number;
}

/** The exec sensor is behind by up to 40 ms. */
export const settleMs = 70;

export interface ChangeQueueOptions<T> {
  /** How long a change waits at least: the exec sensor may be behind by that much. */
  settleMs: number;
  /** Changes of a file by one process are told at most this often. */
  againMs: number;
  /** Changes that wait; more are refused. */
  maxWaiting: number;
  /** `change` says the same as `into`, which is told for both. */
  onMerged(into: T, change: T): void;
}

export interface ChangeQueue<T extends Queued> {
  /** False: there are too many. */
  offer(change: T, nowMs: number): boolean;
  /** What is due, in the order in which it happened. */
  take(nowMs: number): T[];
  /** Whether a change of that file waits. */
  has(key: string): boolean;
  readonly size: number;
}

/** Changes of a file's content or attributes, which its state afterwards tells as a whole. */
export const mergeable: ReadonlySet<FileAction> = new Set(['modification', 'attribute-change']);

export function createChangeQueue<T extends Queued>(options: ChangeQueueOptions<T>): ChangeQueue<T> {
  interface Waiting {
    change: T;
    sinceMs: number;
    dueMs: number;
  }
  const waiting = new Set<Waiting>();
  /** By file: the last change. */
  const last = new Map<string, Waiting>();
  /** By file and process: when a change of it was told. */
  const reported = new Map<string, number>();
  const writer = ({ key, pid }: Queued): string => `${pid} ${key}`;

  return {
    offer(change, nowMs) {
      const before = last.get(change.key);
      if (before?.change.action === 'creation' && change.action === 'creation') {
        // Found in its folder first, and heard of then: nothing is made twice.
        options.onMerged(before.change, change);
        return true;
      }
      if (before !== undefined && before.change.pid === change.pid && mergeable.has(change.action)) {
        const { action } = before.change;
        if (action === 'creation' || action === 'rename' || mergeable.has(action)) {
          if (action === 'attribute-change') before.change.action = change.action;
          options.onMerged(before.change, change);
          return true;
        }
      }
      if (waiting.size >= options.maxWaiting) return false;
      // What follows is told after it, and need not wait longer for that.
      if (before !== undefined) before.dueMs = Math.min(before.dueMs, before.sinceMs + options.settleMs);
      const reportedMs = mergeable.has(change.action) ? reported.get(writer(change)) : undefined;
      const dueMs = Math.max(nowMs + options.settleMs, (reportedMs ?? Number.NEGATIVE_INFINITY) + options.againMs);
      const next = { change, sinceMs: nowMs, dueMs };
      waiting.add(next);
      last.set(change.key, next);
      return true;
    },
    take(nowMs) {
      const due: T[] = [];
      for (const one of waiting) {
        if (one.dueMs > nowMs) continue;
        waiting.delete(one);
        if (last.get(one.change.key) === one) last.delete(one.change.key);
        due.push(one.change);
        if (one.change.action === 'deletion') continue;
        // Set anew, so that the map stays in the order of time.
        reported.delete(writer(one.change));
        reported.set(writer(one.change), nowMs);
      }
      for (const [key, reportedMs] of reported) {
        if (nowMs - reportedMs < options.againMs) break;
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
