// What the watch does later, what it does one thing after the other, by which clock, and where a failure is reported.

import type { Clock } from '../host/clock.ts';
import { openTimers, type Timers } from '../timers.ts';

export interface WatchTasks extends Timers {
  /** The clock by which the watch works. */
  clock: Clock;
  /**
   * Runs a task once all before it have ended. Whatever changes the recorded states of files runs in such a task. A failure of
   * the task is reported as `what`; the promise never rejects.
   */
  serially(what: string, task: () => Promise<void> | void): Promise<void>;
  /** Reports a failure. */
  fault(what: string, error?: unknown): void;
}

export function openWatchTasks(clock: Clock, onFault: (what: string, error?: unknown) => void): WatchTasks {
  let chain: Promise<void> = Promise.resolve();
  return Object.assign(
    openTimers((error) => onFault('a task of the watch failed', error)),
    {
      clock,
      serially(what: string, task: () => Promise<void> | void) {
        chain = chain.then(task).catch((error: unknown) => onFault(what, error));
        return chain;
      },
      fault: onFault,
    },
  );
}
