// Reads what belongs to one package transaction: its alerts, its events, and which transactions there are.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import type { AlertState } from './records.ts';
import { storeError } from './store-error.ts';

interface TransactionFilter {
  /** With an alert that began at or after this, in milliseconds since 1970. */
  sinceMs?: number | undefined;
  /** `stepparent.transaction.id`. */
  id?: string | undefined;
  /** Which alerts count. */
  states: readonly AlertState[];
  /** The newest so many. */
  limit: number;
}

export interface Transactions {
  /** The ids of transactions with an alert, newest last by the last alert. */
  listTransactions(filter: TransactionFilter): string[];
  /** Oldest first; read in pages, like the events. */
  transactionAlerts(id: string): Generator<{ state: AlertState; document: StepparentEvent }>;
  /** Oldest first. */
  transactionEvents(id: string): Generator<StepparentEvent>;
  countTransactionEvents(id: string): number;
}

interface Row {
  cursor: number;
  ms: number;
  state: AlertState;
  document: string;
}

const pageRows = 200;

/** Prepares reading; `path` is for error messages. */
export function prepareTransactions(db: Database, path: string): Transactions {
  const list = db
    .prepare<[string, string, string, number, number], string>(
      `SELECT transaction_id FROM alerts
       WHERE transaction_id IS NOT NULL AND (? = '' OR transaction_id = ?) AND state IN (SELECT value FROM json_each(?))
       GROUP BY transaction_id HAVING max(first_ms) >= ? ORDER BY max(first_ms) DESC, max(seq) DESC LIMIT ?`,
    )
    .pluck();
  const alerts = db.prepare<[string, number, number, number], Row>(
    `SELECT seq AS cursor, first_ms AS ms, state, document FROM alerts
     WHERE transaction_id = ? AND (first_ms, seq) > (?, ?) ORDER BY first_ms, seq LIMIT ?`,
  );
  const events = db.prepare<[string, number, number, number], Row>(
    `SELECT f.event AS cursor, f.time_ms AS ms, '' AS state, e.document FROM fields f JOIN events e ON e.id = f.event
     WHERE f.transaction_id = ? AND (f.time_ms, f.event) > (?, ?) ORDER BY f.time_ms, f.event LIMIT ?`,
  );

  const count = db.prepare<[string], number>('SELECT count(*) FROM fields WHERE transaction_id = ?').pluck();

  function* pages(statement: typeof alerts, id: string): Generator<Row> {
    try {
      for (let at: readonly [number, number] = [Number.MIN_SAFE_INTEGER, 0]; ; ) {
        const rows = statement.all(id, ...at, pageRows);
        yield* rows;
        const last = rows.at(-1);
        if (last === undefined || rows.length < pageRows) return;
        at = [last.ms, last.cursor];
      }
    } catch (error) {
      throw storeError(error, path);
    }
  }

  return {
    listTransactions: ({ sinceMs = 0, id = '', states, limit }) =>
      list.all(id, id, JSON.stringify(states), sinceMs, limit).reverse(),
    *transactionAlerts(id) {
      for (const { state, document } of pages(alerts, id)) yield { state, document: JSON.parse(document) };
    },
    countTransactionEvents: (id) => count.get(id) ?? 0,
    *transactionEvents(id) {
      for (const { document } of pages(events, id)) yield JSON.parse(document);
    },
  };
}
