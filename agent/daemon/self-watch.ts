// Watches the agent itself: whether its event loop is blocked, and whether it can still open files.

import { closeSync, openSync } from 'node:fs';
import type { Timers } from '../../collectors/timers.ts';

/** The timer of the watch, the receiver of its faults, and the functions that tests replace. */
export interface SelfWatchDeps {
  every: Timers['every'];
  onFault(fault: string, error: unknown): void;
  /** A clock that runs while the process is stopped, and stops while the host sleeps, when nothing else runs either. */
  monotonicMs?(): number;
  /** Opens a file and closes it; throws the error of open(2). */
  openFile?(): void;
}

/** The fault of open(2) failing. */
export const noFiles = 'the agent cannot open files';
/** The fault of a pause. Tests on a busy machine ignore it. */
export const standstill = 'the agent was stopped, or had no CPU time, for more than two seconds';

const everyMs = 500;
const longestPauseMs = 2000;
const openEveryTurns = 2;

const openRoot = (): void => closeSync(openSync('/', 'r'));

/** Starts the watch. Call it at the end of the start, whose duration is not a pause. */
export function watchSelf({
  every,
  onFault,
  monotonicMs = () => performance.now(),
  openFile = openRoot,
}: SelfWatchDeps): void {
  let lastMs = monotonicMs();
  let turns = 0;
  every(everyMs, () => {
    const nowMs = monotonicMs();
    // Measured from the last turn, so that no pause of more than two seconds is missed.
    const pausedMs = nowMs - lastMs;
    lastMs = nowMs;
    if (pausedMs > longestPauseMs) {
      const seconds = (pausedMs / 1000).toFixed(1);
      onFault(standstill, `${seconds} s; events of short-lived processes and files from that time may lack details`);
    }
    if (turns++ % openEveryTurns !== 0) return;
    try {
      openFile();
    } catch (error) {
      onFault(noFiles, error);
    }
  });
}
