// What went wrong since the start: counted for `status`, told in the log at first and then at most once a minute.

import { messageOf } from '../collectors/message-of.ts';
import type { Log } from './log.ts';

export interface Fault {
  what: string;
  count: number;
  /** ISO 8601. */
  last: string;
}

export interface Faults {
  note(what: string, error?: unknown): void;
  list(): Fault[];
}

const tellEveryMs = 60_000;
/** Different faults that are kept apart; what is over it counts as `other`. */
const maxKinds = 64;

export function openFaults(log: Pick<Log, 'warn'>): Faults {
  const faults = new Map<string, Fault & { toldMs: number }>();
  return {
    note(said, error) {
      const what = faults.has(said) || faults.size < maxKinds ? said : 'other';
      const fault = faults.get(what) ?? { what, count: 0, last: '', toldMs: 0 };
      faults.set(what, fault);
      fault.count++;
      const nowMs = Date.now();
      fault.last = new Date(nowMs).toISOString();
      if (nowMs - fault.toldMs < tellEveryMs) return;
      fault.toldMs = nowMs;
      log.warn(said, { ...(error === undefined ? {} : { reason: messageOf(error) }), count: fault.count });
    },
    list: () => [...faults.values()].map(({ what, count, last }) => ({ what, count, last })),
  };
}
