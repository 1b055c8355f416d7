// When a folder is compared with what is known of it: soon after events, every minute at least, and never for long.

import type { Comparison } from './comparison.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';

export interface ComparisonScheduleOptions {
  tasks: WatchTasks;
  /** It is to be compared again. */
  isWatched(at: WatchedDirectory): boolean;
  /** Never rejects. */
  compare(at: WatchedDirectory, directory: string, how: Comparison): Promise<void>;
}

export interface ComparisonSchedule {
  /** So many milliseconds from now; the earliest of several wishes counts. */
  in(at: WatchedDirectory, ms: number): void;
  /** Some seconds from now, and not more often than that. */
  soon(at: WatchedDirectory): void;
  /** At once; or, where it runs already, so many milliseconds after that has ended. */
  now(at: WatchedDirectory, how: Comparison, againMs?: number): void;
  /** Waits for those that run. */
  ended(): Promise<unknown>;
}

const everyMs = 60_000;
/** Comparisons take at most this part of a core; where much happens in a folder, the second. */
const share = 1 / 50;
const busyShare = 1 / 10;
/** What comes in one go is over by then. */
export const burstOverMs = 2000;
const againAfterMs = 10_000;

interface Comparing {
  running: boolean;
  /** After the one that is running another is due, in so many milliseconds. */
  againMs: number | undefined;
  lastMs: number;
  tookMs: number;
  planned: { dueMs: number; cancel(): void } | undefined;
}

export function createComparisonSchedule({ tasks, isWatched, compare }: ComparisonScheduleOptions): ComparisonSchedule {
  const comparing = new WeakMap<WatchedDirectory, Comparing>();
  const running = new Set<Promise<void>>();
  const stateOf = (at: WatchedDirectory): Comparing => {
    let state = comparing.get(at);
    if (state === undefined) {
      state = { running: false, againMs: undefined, lastMs: Number.NEGATIVE_INFINITY, tookMs: 0, planned: undefined };
      comparing.set(at, state);
    }
    return state;
  };

  const schedule: ComparisonSchedule = {
    in(at, ms) {
      const state = stateOf(at);
      if (state.running) {
        state.againMs = Math.min(state.againMs ?? ms, ms);
        return;
      }
      const dueMs = performance.now() + ms;
      if (state.planned && state.planned.dueMs <= dueMs) return;
      state.planned?.cancel();
      const cancel = tasks.later(ms, () => {
        state.planned = undefined;
        schedule.now(at, { found: 'comparison' });
      });
      state.planned = { dueMs, cancel };
    },
    soon(at) {
      const { running, lastMs, tookMs } = stateOf(at);
      const sinceMs = running ? 0 : performance.now() - lastMs;
      schedule.in(at, Math.max(burstOverMs, Math.max(againAfterMs, tookMs / busyShare) - sinceMs));
    },
    now(at, how, againMs = againAfterMs) {
      const state = stateOf(at);
      const { place } = at;
      if (tasks.closed || place === undefined) return;
      if (state.running) {
        schedule.in(at, againMs);
        return;
      }
      state.running = true;
      const begunMs = performance.now();
      const done = compare(at, place.path, how).finally(() => {
        running.delete(done);
        state.running = false;
        state.lastMs = performance.now();
        state.tookMs = state.lastMs - begunMs;
        const restMs = Math.max(everyMs, state.tookMs / share);
        if (isWatched(at)) schedule.in(at, state.againMs ?? restMs);
        state.againMs = undefined;
      });
      running.add(done);
    },
    ended: () => Promise.all(running),
  };
  return schedule;
}
