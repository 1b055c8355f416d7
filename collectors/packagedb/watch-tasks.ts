// What the watch does later, and what it does one thing after the other.

import { openTimers, type Timers } from '../timers.ts';

export interface WatchTasks extends Timers {
  /** Runs a task once all before it have ended. Whoever touches what is known of files does so in here. A failure is told. */
  serially(what: string, task: () => Promise<void> | void): Promise<void>;
}

export function openWatchTasks(onFault: (what: string, error: unknown) => void): WatchTasks {
  let chain: Promise<void> = Promise.resolve();
  return Object.assign(
    openTimers((error) => onFault('a task of the watch failed', error)),
    {
      serially(what: string, task: () => Promise<void> | void) {
        chain = chain.then(task).catch((error: unknown) => onFault(what, error));
        return chain;
      },
    },
  );
}
