// Stores and counts the alerts that exceptions suppress: one row for each exception, rule and terms, without
// deliveries.

import type { Database } from 'better-sqlite3';
import type { NewAlert } from './raise.ts';
import type { AlertRecord } from './records.ts';
import type { EventTimes, TermKey, Terms } from './terms.ts';

/** Number of matches that one exception suppressed, and the time of the last one, in milliseconds since 1970. */
export interface SuppressedCount {
  count: number;
  lastMs: number;
}

/** Counts by exception id, from the rows that retention has not deleted. */
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
 * Prepares the function, which must be called within a transaction. It adds nothing to the baseline: after the
 * exception ends, the term must be reported again. For the same reason, the first time that an exception covers a term,
 * the term is removed from the baseline if an alert or learning mode added it. Terms that an operator allowed or a
 * known-terms list has stay.
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
