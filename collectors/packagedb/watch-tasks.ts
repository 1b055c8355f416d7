// Runs the tasks of the watch: delayed tasks, and serial tasks that never overlap. Failures are reported.

import type { Clock } from '../host/clock.ts';
import { openTimers, type Timers } from '../timers.ts';

/** The timers, the serial tasks and the clock of the watch. The failures of all tasks have one receiver. */
export interface WatchTasks extends Timers {
  /** The clock of the watch. */
  clock: Clock;
  /**
   * Runs a task after all earlier ones have ended. Every change of the recorded states of files must run in such a
   * task. A failure of the task is reported as `fault`; the promise never rejects.
   */
  serially(fault: string, task: () => Promise<void> | void): Promise<void>;
  /** Reports a failure. */
  fault(fault: string, error?: unknown): void;
}

/** Creates an empty group of tasks. `onFault` receives their failures, as a text and the error. */
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
