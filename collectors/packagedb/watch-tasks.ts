// Runs the watch's tasks: delayed ones, and serial ones that never overlap. Failures are reported.

import type { Clock } from '../host/clock.ts';
import { openTimers, type Timers } from '../timers.ts';

export interface WatchTasks extends Timers {
  /** The clock by which the watch works. */
  clock: Clock;
  /**
   * Runs a task once all before it have ended. Whatever changes the recorded states of files runs in such a task. A failure of
   * the task is reported as `fault`; the promise never rejects.
   */
  serially(fault: string, task: () => Promise<void> | void): Promise<void>;
  /** Reports a failure. */
  fault(fault: string, error?: unknown): void;
}

export function openWatchTasks(clock: Clock, onFault: (fault: string, error?: unknown) => void): WatchTasks {
  let chain: Promise<void> = Promise.resolve();
  return Object.assign(
    openTimers((error) => onFault('a task of the watch failed', error)),
    {
      clock,
      serially(fault: string, task: () => Promise<void> | void) {
        chain = chain.then(task).catch((error: unknown) => onFault(fault, error));
        return chain;
      },
      fault: onFault,
    },
  );
}
