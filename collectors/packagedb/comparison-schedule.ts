// When a directory is compared with what is known of it: soon after events, every minute at least, and never for long.

import type { FoundBy } from '../event/event.ts';
import type { FileWriter } from './file-writer.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';

/** How the differences that a comparison finds are reported. */
export interface Comparison {
  /** Nothing is reported: it is the first comparison of the directory. */
  silent?: boolean;
  found?: FoundBy;
  /** The writer that is inferred for what is found. */
  writer?: () => FileWriter;
}

/** Compares the directory, which is at `path`. Never rejects. */
type Compare = (watched: WatchedDirectory, path: string, comparison: Comparison) => Promise<void>;

export interface ComparisonSchedule {
  /** To be called once, before anything is scheduled. */
  start(compare: Compare): void;
  /** In `ms` milliseconds at the latest. */
  in(watched: WatchedDirectory, ms: number): void;
  /** Some seconds from now; less often when comparisons take long. */
  soon(watched: WatchedDirectory): void;
  /** At once; or `againMs` after the comparison that runs has ended. */
  now(watched: WatchedDirectory, comparison: Comparison, retryMs?: number): void;
  /** Resolves when the comparisons that run have ended. */
  ended(): Promise<unknown>;
}

const everyMs = 60_000;
/** The largest part of a core that comparisons take; `busyShare`: when much happens in the directory. */
const share = 1 / 50;
const busyShare = 1 / 10;
/** A burst of changes is over by then. */
export const burstOverMs = 2000;
const retryAfterMs = 10_000;

interface Comparing {
  running: boolean;
  /** When the next comparison is due, in milliseconds after the end of the one that runs. */
  retryMs: number | undefined;
  lastMs: number;
  tookMs: number;
  planned: { dueMs: number; cancel(): void } | undefined;
}

export function createComparisonSchedule(tasks: WatchTasks): ComparisonSchedule {
  const states = new WeakMap<WatchedDirectory, Comparing>();
  const running = new Set<Promise<void>>();
  let compare: Compare | undefined;
  const stateOf = (watched: WatchedDirectory): Comparing => {
    let state = states.get(watched);
    if (state === undefined) {
      state = { running: false, retryMs: undefined, lastMs: Number.NEGATIVE_INFINITY, tookMs: 0, planned: undefined };
      states.set(watched, state);
    }
    return state;
  };

  const schedule: ComparisonSchedule = {
    start(given) {
      compare = given;
    },
    in(watched, ms) {
      const state = stateOf(watched);
      if (state.running) {
        state.retryMs = Math.min(state.retryMs ?? ms, ms);
        return;
      }
      const dueMs = tasks.clock.monotonicMs() + ms;
      if (state.planned && state.planned.dueMs <= dueMs) return;
      state.planned?.cancel();
      const cancel = tasks.later(ms, () => {
        state.planned = undefined;
        schedule.now(watched, { found: 'comparison' });
      });
      state.planned = { dueMs, cancel };
    },
    soon(watched) {
      const { running, lastMs, tookMs } = stateOf(watched);
      const sinceMs = running ? 0 : tasks.clock.monotonicMs() - lastMs;
      schedule.in(watched, Math.max(burstOverMs, Math.max(retryAfterMs, tookMs / busyShare) - sinceMs));
    },
    now(watched, comparison, retryMs = retryAfterMs) {
      const state = stateOf(watched);
      const { location } = watched;
      if (compare === undefined || tasks.closed || location === undefined) return;
      if (state.running) {
        schedule.in(watched, retryMs);
        return;
      }
      state.running = true;
      const begunMs = tasks.clock.monotonicMs();
      const done = compare(watched, location.path, comparison).finally(() => {
        running.delete(done);
        state.running = false;
        state.lastMs = tasks.clock.monotonicMs();
        state.tookMs = state.lastMs - begunMs;
        const restMs = Math.max(everyMs, state.tookMs / share);
        // One that is missing by now is compared when it is found again.
        if (watched.location !== undefined) schedule.in(watched, state.retryMs ?? restMs);
        state.retryMs = undefined;
      });
      running.add(done);
    },
    ended: () => Promise.all(running),
  };
  return schedule;
}
