// Schedules the comparisons of each directory: some seconds after events, at least every minute, with a bounded share
// of CPU time.

import type { FoundBy } from '../event/event.ts';
import type { FileWriter } from './file-writer.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';

/** How the differences that a comparison finds are reported. */
export interface Comparison {
  /** Report nothing: this is the first comparison of the directory. */
  silent?: boolean;
  found?: FoundBy;
  /** Record names without a recorded state as they are, and do not report them. */
  recordsNew?: boolean;
  /** The writer to infer for the differences. */
  writer?: () => FileWriter;
}

/** Compares the directory, whose path without links is `path`. Never rejects. */
type Compare = (watched: WatchedDirectory, path: string, comparison: Comparison) => Promise<void>;

/** Decides when each directory is compared. A directory has at most one comparison at a time. */
export interface ComparisonSchedule {
  /** Must be called once, before anything is scheduled. */
  start(compare: Compare): void;
  /** Compares the directory in `ms` milliseconds at the latest. */
  in(watched: WatchedDirectory, ms: number): void;
  /** Compares the directory in some seconds; less often if its comparisons take long. */
  soon(watched: WatchedDirectory): void;
  /** Compares the directory at once, or `retryMs` after the end of the comparison that is running. */
  now(watched: WatchedDirectory, comparison: Comparison, retryMs?: number): void;
  /** Resolves when no comparison is running. */
  ended(): Promise<unknown>;
}

const defaultEveryMs = 60_000;
/** Maximum share of one core for comparisons; `busyShare`: while events of the directory come. */
const share = 1 / 50;
const busyShare = 1 / 10;
/** Time after which a burst of changes is taken to be over. */
export const burstOverMs = 2000;
const retryAfterMs = 10_000;

interface Comparing {
  running: boolean;
  /** Delay of the next comparison after the end of the running one; undefined: none was asked for. */
  retryMs: number | undefined;
  lastMs: number;
  tookMs: number;
  planned: { dueMs: number; cancel(): void } | undefined;
}

/** How often directories are compared. */
export interface ScheduleOptions {
  /** Rest after a comparison of a directory that fanotify watches (default: 60 s). */
  everyMs?: number | undefined;
  /** Maximum share of one core for comparisons, whatever asks for them. Absent: more while events come. */
  maxShare?: number | undefined;
}

/**
 * Creates an empty schedule. After a comparison a directory rests for at least `everyMs`, or 60 s where fanotify does
 * not watch it, and 50 times as long as the comparison took, unless an event or a caller asks for an earlier one.
 */
export function createComparisonSchedule(
  tasks: WatchTasks,
  { everyMs = defaultEveryMs, maxShare }: ScheduleOptions = {},
): ComparisonSchedule {
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
      schedule.in(watched, Math.max(burstOverMs, Math.max(retryAfterMs, tookMs / (maxShare ?? busyShare)) - sinceMs));
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
        const leastMs = watched.noFanotify === undefined ? everyMs : defaultEveryMs;
        const restMs = Math.max(leastMs, state.tookMs / share);
        // A directory that is missing by now is compared when it is found again.
        const leastRetryMs = maxShare === undefined ? 0 : state.tookMs / maxShare;
        const retryMs = state.retryMs === undefined ? restMs : Math.max(state.retryMs, leastRetryMs);
        if (watched.location !== undefined) schedule.in(watched, retryMs);
        state.retryMs = undefined;
      });
      running.add(done);
    },
    async ended() {
      // A comparison may find a directory, whose comparison begins at once.
      while (running.size > 0) await Promise.all(running);
    },
  };
  return schedule;
}
