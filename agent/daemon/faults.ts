// Faults of the agent since its start: counted for `status`, logged at the first time and then at most once a minute, and part of
// `degraded` until an hour after the last time.

import { errorMessage } from '../../collectors/error-message.ts';
import type { Log } from './log.ts';

/** One kind of fault. `what` is its constant text; it is `other` for the kinds beyond the maximum of 64. */
export interface Fault {
  what: string;
  /** The reason of the last time. */
  reason?: string;
  count: number;
  /** The last time, ISO 8601. */
  last: string;
}

/** Counts the agent's faults in memory: a restart begins at 0. */
export interface Faults {
  note(message: string, error?: unknown): void;
  list(): Fault[];
  /** The faults of the last hour as clauses of `degraded`, newest first. */
  recent(): string[];
}

/** `wallMs` is for display. `monotonicMs` is unaffected by changes of the wall clock and stops while the host sleeps. */
export interface FaultClock {
  wallMs(): number;
  monotonicMs(): number;
}

const clockOfProcess: FaultClock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

const reportEveryMs = 60_000;
const recentMs = 60 * 60_000;
/** Maximum number of different faults; further ones count as `other`. */
const maxKinds = 64;
/** Maximum number of clauses in `recent`. */
const maxRecent = 8;

/** The fault of records that the kernel dropped. Tests on a busy machine ignore it. */
export const lostRecords = 'the sensor lost records';

/** The prefix of each clause of `recent`. */
export const recently = 'within the last hour: ';

/**
 * Starts without a fault. `note` writes the warnings to `log`; the interval of a minute applies to each kind of fault.
 */
export function openFaults(log: Pick<Log, 'warn'>, clock: FaultClock = clockOfProcess): Faults {
  const faults = new Map<string, Fault & { reportedMs: number; lastMs: number }>();
  const isOver = ({ lastMs }: { lastMs: number }): boolean => clock.monotonicMs() - lastMs >= recentMs;

  /**
   * The name under which a fault is counted. At the bound, it replaces the oldest fault that is over; without one, it counts as
   * 'other'.
   */
  const kindOf = (message: string): string => {
    if (faults.has(message) || faults.size < maxKinds) return message;
    const [oldest] = [...faults].toSorted(([, a], [, b]) => a.lastMs - b.lastMs);
    if (oldest === undefined || !isOver(oldest[1])) return 'other';
    faults.delete(oldest[0]);
    return message;
  };

  return {
    note(message, error) {
      const what = kindOf(message);
      const nowMs = clock.monotonicMs();
      const fault = faults.get(what) ?? { what, count: 0, last: '', lastMs: 0, reportedMs: Number.NEGATIVE_INFINITY };
      faults.set(what, fault);
      const reason = error === undefined ? undefined : errorMessage(error);
      fault.count++;
      fault.last = new Date(clock.wallMs()).toISOString();
      fault.lastMs = nowMs;
      delete fault.reason;
      if (what !== message) fault.reason = reason === undefined ? message : `${message}: ${reason}`;
      else if (reason !== undefined) fault.reason = reason;
      if (nowMs - fault.reportedMs < reportEveryMs) return;
      fault.reportedMs = nowMs;
      log.warn(message, { ...(reason === undefined ? {} : { reason }), count: fault.count });
    },
    list: () =>
      [...faults.values()].map(({ what, reason, count, last }) => ({
        what,
        ...(reason === undefined ? {} : { reason }),
        count,
        last,
      })),
    recent() {
      const recent = [...faults.values()].filter((fault) => !isOver(fault)).toSorted((a, b) => b.lastMs - a.lastMs);
      const clauses = recent
        .slice(0, maxRecent)
        .map(({ what, reason }) => `${recently}${what}${reason === undefined ? '' : `: ${reason}`}`);
      const more = recent.length - clauses.length;
      return more > 0 ? [...clauses, `${recently}${more} other faults`] : clauses;
    },
  };
}
