// Stores and counts the alerts that an exception hides: one row for each exception, rule and terms, without deliveries.

import type { Database } from 'better-sqlite3';
import type { NewAlert } from './raise.ts';
import type { AlertRecord } from './records.ts';
import type { EventTimes, TermKey, Terms } from './terms.ts';

/** How much one exception has hidden: matches, and when the last of them was, in milliseconds since 1970. */
export interface SuppressedCount {
  count: number;
  lastMs: number;
}

/** Counts by exception id, as far as their rows are still kept. */
export function readSuppressed(db: Database): Map<string, SuppressedCount> {
  const rows = db
    .prepare<[], SuppressedCount & { id: string | null }>(
      `SELECT document ->> '$.stepparent.alert.exception.id' AS id, sum(count) AS count, max(last_ms) AS lastMs
       FROM alerts WHERE state = 'suppressed' GROUP BY 1`,
    )
    .all();
  return new Map(rows.map(({ id, count, lastMs }) => [id ?? '', { count, lastMs }]));
}

interface SuppressDeps {
  terms: Pick<Terms, 'find' | 'remove'>;
  raise(alert: NewAlert, nowMs: number): AlertRecord | undefined;
}

/**
 * Prepares the function, which belongs into a transaction. It teaches the baseline nothing: when the exception ends, the
 * term must be reported again. For the same reason, when an exception hides a term for the first time, what an alert had
 * taught of that term is removed; what an operator allows or a known-terms list says stays.
 */
export function prepareSuppressed(
  db: Database,
  { terms, raise }: SuppressDeps,
): (exceptionId: string, key: TermKey, alert: NewAlert, times: EventTimes) => void {
  const find = db
    .prepare<[string, string, string, string], number>(
      `SELECT seq FROM alerts WHERE rule_id = ? AND scope = ? AND terms = ? AND state = 'suppressed'
         AND document ->> '$.stepparent.alert.exception.id' = ? ORDER BY seq DESC LIMIT 1`,
    )
    .pluck();
  const repeat = db.prepare('UPDATE alerts SET count = count + 1, last_ms = max(last_ms, ?) WHERE seq = ?');
  return (exceptionId, key, alert, times) => {
    const seq = find.get(...key, exceptionId);
    if (seq !== undefined) {
      repeat.run(times.eventMs, seq);
      return;
    }
    raise({ ...alert, suppressed: true }, times.nowMs);
    const origin = terms.find(key)?.origin;
    if (origin === 'alert' || origin === 'learning') terms.remove(key);
  };
}
