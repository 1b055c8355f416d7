// Watches the agent itself: whether its event loop is blocked, and whether it can still open files.

import { closeSync, openSync } from 'node:fs';
import type { Timers } from '../../collectors/timers.ts';

export interface SelfWatchDeps {
  every: Timers['every'];
  onFault(fault: string, error: unknown): void;
  /** Goes on while the process is stopped, and stands still while the host sleeps: then nothing else runs either. */
  monotonicMs?(): number;
  /** Opens a file and closes it; throws what open(2) answers. */
  openFile?(): void;
}

/** The names of the faults. Tests on a busy machine ignore the second. */
export const noFiles = 'the agent can open no files';
export const standstill = 'the agent was stopped, or had no CPU time, for more than two seconds';

const everyMs = 500;
const longestPauseMs = 2000;
const openEveryTurns = 2;

const openRoot = (): void => closeSync(openSync('/', 'r'));

/** Begins now: what the start takes is no pause. */
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
    // The pause may have begun right after the last turn: none of more than two seconds is missed.
    const pausedMs = nowMs - lastMs;
    lastMs = nowMs;
    if (pausedMs > longestPauseMs) {
      const seconds = (pausedMs / 1000).toFixed(1);
      onFault(standstill, `${seconds} s; processes and files that came and went meanwhile may lack details`);
    }
    if (turns++ % openEveryTurns !== 0) return;
    try {
      openFile();
    } catch (error) {
      onFault(noFiles, error);
    }
  });
}
