// The clocks of a host: the wall clock, the monotonic clock, and the time since boot.

import { readBootEpochMs, readBootNs } from '../linux/libc.ts';

/** The clocks that the agent reads, as one value, so that a test can supply its own. */
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

/** The clocks of the running host. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  bootNs: readBootNs,
  bootEpochMs: readBootEpochMs,
};
