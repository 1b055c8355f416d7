// Lists incidents: package transactions with alerts, and alerts without a transaction. Reads the alerts and events of one.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { type EventRow, prepareCompose } from './compose-event.ts';
import { isOpenSql } from './listing.ts';
import type { AlertState } from './records.ts';
import { parseDocument } from './stored-json.ts';

/** All given conditions must hold. */
export interface IncidentFilter {
  /** Only incidents with an alert that began at or after this time, in milliseconds since 1970. */
  sinceMs?: number | undefined;
  /** `stepparent.transaction.id`, or the id of an alert without one. */
  id?: string | undefined;
  /** States of the alerts that count. */
  states: readonly AlertState[];
  /** Only incidents with an alert that is not closed. */
  notClosed?: boolean | undefined;
  /** Maximum number; the newest are returned. */
  limit: number;
}

const pageRows = 200;

/** The ids of incidents with an alert that passes the filter, newest last by the first event of the last alert. */
export function listIncidents(
  db: Database,
  { sinceMs = 0, id = '', states, notClosed = false, limit }: IncidentFilter,
): string[] {
  return db
    .prepare<[string, string, string, number, number], string>(
      `SELECT coalesce(transaction_id, id) FROM alerts
       WHERE (? = '' OR coalesce(transaction_id, id) = ?) AND state IN (SELECT value FROM json_each(?))
         ${notClosed ? `AND ${isOpenSql}` : ''}
       GROUP BY 1 HAVING max(first_ms) >= ? ORDER BY max(first_ms) DESC, max(seq) DESC LIMIT ?`,
    )
    .pluck()
    .all(id, id, JSON.stringify(states), sinceMs, limit)
    .reverse();
}

/** The ids of transactions with an alert that begin with the prefix, the newest first, at most `limit`. */
export function transactionsByPrefix(db: Database, prefix: string, limit: number): string[] {
  return db
    .prepare<[string, string, number], string>(
      `SELECT transaction_id FROM alerts WHERE substr(transaction_id, 1, length(?)) = ?
       GROUP BY transaction_id ORDER BY max(seq) DESC LIMIT ?`,
    )
    .pluck()
    .all(prefix, prefix, limit);
}

/**
 * Reads the alerts of one incident in any state, oldest first. Rows are read in pages, so the database is not locked
 * while the caller works.
 */
export function* listIncidentAlerts(
  db: Database,
  id: string,
): Generator<{ state: AlertState; document: StepparentEvent }> {
  const rows = pages<{ seq: number; first_ms: number; state: AlertState; document: string }>(
    db,
    [id, id],
    `SELECT seq, first_ms, state, document FROM alerts
     WHERE (transaction_id = ? OR (transaction_id IS NULL AND id = ?)) AND (first_ms, seq) > (?, ?) ORDER BY first_ms, seq LIMIT ?`,
    ({ first_ms, seq }) => [first_ms, seq],
  );
  for (const page of rows) for (const { state, document } of page) yield { state, document: parseDocument(document) };
}

/** Reads the stored events of one transaction, oldest first, in pages. */
export function* listTransactionEvents(db: Database, id: string): Generator<StepparentEvent> {
  const compose = prepareCompose(db);
  const rows = pages<EventRow>(
    db,
    [id],
    `SELECT * FROM events WHERE transaction_id = ? AND (time_ms, id) > (?, ?) ORDER BY time_ms, id LIMIT ?`,
    (row) => [row.time_ms, row.id],
  );
  for (const page of rows) yield* compose(page);
}

/** Number of stored events of one transaction; 0 if no such transaction is stored. */
export function countTransactionEvents(db: Database, id: string): number {
  const count = db.prepare<[string], number>('SELECT count(*) FROM events WHERE transaction_id = ?').pluck();
  return count.get(id) ?? 0;
}

function* pages<Row>(
  db: Database,
  ids: readonly string[],
  sql: string,
  positionOf: (row: Row) => readonly [number, number],
): Generator<Row[]> {
  const select = db.prepare<(string | number)[], Row>(sql);
  let position: readonly [number, number] = [Number.MIN_SAFE_INTEGER, 0];
  for (;;) {
    const rows = select.all(...ids, ...position, pageRows);
    yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) return;
    position = positionOf(last);
  }
}
