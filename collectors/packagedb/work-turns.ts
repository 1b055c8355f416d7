// Divides work that can wait, such as that on changed files, into short turns of the event loop. Records of processes
// and alerts go first: they are handled between two turns, and in at least half of the time.

import { setImmediate, setTimeout } from 'node:timers/promises';
import { systemClock } from '../host/clock.ts';

/** The clock and the waits of the turns; tests pass others. */
export interface WorkTurnsDeps {
  nowMs(): number;
  /** Resolves when the event loop has run other tasks once. */
  nextLoop(): Promise<unknown>;
  rest(ms: number): Promise<unknown>;
}

/** Turns that all work of one kind shares. */
export interface WorkTurns {
  /**
   * Resolves when the next part of the work may begin: at once while no other part waits and the work has used little
   * time, otherwise in a later turn of the event loop. A part must be short, since nothing else runs meanwhile.
   */
  next(): Promise<void>;
  /** Runs a task, during which work does not rest: the agent ends, and has little time for it. */
  withoutRest<T>(task: () => Promise<T>): Promise<T>;
}

/** Time of work after which the work rests for as long as it has taken. */
const workMs = 3;

/** Creates turns. They are given in the order in which they were asked for, one in each turn of the event loop. */
export function createWorkTurns({ nowMs, nextLoop, rest }: WorkTurnsDeps): WorkTurns {
  const waiting: (() => void)[] = [];
  let isRunning = false;
  let hurried = 0;
  let usedMs = 0;
  let endedMs = nowMs();
  const run = async (): Promise<void> => {
    isRunning = true;
    for (let begin = waiting.shift(); begin !== undefined; begin = waiting.shift()) {
      const begunMs = nowMs();
      begin();
      await nextLoop();
      endedMs = nowMs();
      usedMs += endedMs - begunMs;
      if (usedMs < workMs || hurried > 0) continue;
      await rest(usedMs);
      usedMs = 0;
      endedMs = nowMs();
    }
    isRunning = false;
  };
  return {
    next() {
      return new Promise((resolve) => {
        waiting.push(resolve);
        if (isRunning) return;
        // Time without work counts as rest.
        usedMs = Math.max(0, usedMs - (nowMs() - endedMs));
        void run();
      });
    },
    async withoutRest(task) {
      hurried++;
      try {
        return await task();
      } finally {
        hurried--;
      }
    },
  };
}

/** The turns of all work on files, however many watches there are: they have one event loop. */
export const fileTurns: WorkTurns = createWorkTurns({
  nowMs: systemClock.monotonicMs,
  nextLoop: () => setImmediate(),
  rest: (ms) => setTimeout(ms),
});
