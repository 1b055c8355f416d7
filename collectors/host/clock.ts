// The clocks of a host: the wall clock, the monotonic clock, and the time since boot.

import { readBootEpochMs, readBootNs } from '../linux/libc.ts';

export interface Clock {
  /** Milliseconds since 1970. Jumps when the clock is set. */
  nowMs(): number;
  /** Milliseconds since an arbitrary moment, without suspend. */
  monotonicMs(): number;
  /** Nanoseconds since boot, including suspend: the clock of trace records and of field 22 of /proc/PID/stat. */
  bootNs(): number;
  /** Time of boot in milliseconds since 1970. Changes when the wall clock is set. */
  bootEpochMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  bootNs: readBootNs,
  bootEpochMs: readBootEpochMs,
};
