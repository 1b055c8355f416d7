// The clocks of a host: the wall's, one that only goes on, and the time since boot.

import { readBootEpochMs, readBootNs } from '../linux/libc.ts';

export interface Clock {
  /** Milliseconds since 1970. Jumps when the clock is set. */
  nowMs(): number;
  /** Milliseconds since some moment; stands still while the host sleeps. */
  monotonicMs(): number;
  /** Nanoseconds since boot, time asleep included: the clock of trace records and of /proc/PID/stat's field 22. */
  bootNs(): number;
  /** Milliseconds since 1970 of the moment of boot. Moves when the wall clock is set. */
  bootEpochMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  bootNs: readBootNs,
  bootEpochMs: readBootEpochMs,
};
