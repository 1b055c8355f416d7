// Reads what belongs to one package transaction: its alerts, its events, and which transactions there are.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { documentSql } from './document-sql.ts';
import type { AlertState } from './records.ts';
import { parseDocument } from './stored-json.ts';

export interface TransactionFilter {
  /** With an alert that began at or after this, in milliseconds since 1970. */
  sinceMs?: number | undefined;
  /** `stepparent.transaction.id`. */
  id?: string | undefined;
  /** Which alerts count. */
  states: readonly AlertState[];
  /** How many of the newest. */
  limit: number;
}

interface Row {
  cursor: number;
  ms: number;
  state: AlertState;
  document: string;
}

const pageRows = 200;

export function listTransactions(db: Database, { sinceMs = 0, id = '', states, limit }: TransactionFilter): string[] {
  return db
    .prepare<[string, string, string, number, number], string>(
      `SELECT transaction_id FROM alerts
       WHERE transaction_id IS NOT NULL AND (? = '' OR transaction_id = ?) AND state IN (SELECT value FROM json_each(?))
       GROUP BY transaction_id HAVING max(first_ms) >= ? ORDER BY max(first_ms) DESC, max(seq) DESC LIMIT ?`,
    )
    .pluck()
    .all(id, id, JSON.stringify(states), sinceMs, limit)
    .reverse();
}

export function* listTransactionAlerts(
  db: Database,
  id: string,
): Generator<{ state: AlertState; document: StepparentEvent }> {
  const rows = pages(
    db,
    id,
    `SELECT seq AS cursor, first_ms AS ms, state, document FROM alerts
     WHERE transaction_id = ? AND (first_ms, seq) > (?, ?) ORDER BY first_ms, seq LIMIT ?`,
  );
  for (const { state, document } of rows) yield { state, document: parseDocument(document) };
}

export function* listTransactionEvents(db: Database, id: string): Generator<StepparentEvent> {
  const rows = pages(
    db,
    id,
    `SELECT id AS cursor, time_ms AS ms, '' AS state, ${documentSql} AS document FROM events e
     WHERE transaction_id = ? AND (time_ms, id) > (?, ?) ORDER BY time_ms, id LIMIT ?`,
  );
  for (const { document } of rows) yield parseDocument(document);
}

export function countTransactionEvents(db: Database, id: string): number {
  const count = db.prepare<[string], number>('SELECT count(*) FROM events WHERE transaction_id = ?').pluck();
  return count.get(id) ?? 0;
}

function* pages(db: Database, id: string, sql: string): Generator<Row> {
  const select = db.prepare<[string, number, number, number], Row>(sql);
  let position: readonly [number, number] = [Number.MIN_SAFE_INTEGER, 0];
  for (;;) {
    const rows = select.all(id, ...position, pageRows);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) return;
    position = [last.ms, last.cursor];
  }
}
