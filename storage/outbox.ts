// What is still to be delivered: one row for each sink, until that sink has it.

import type { Database } from 'better-sqlite3';
import { limits } from './limits.ts';
import type { OutboxItem } from './records.ts';

export interface Outbox {
  /** The oldest deliveries to this sink that are due at `nowMs`, at most `limit`. */
  pending(sink: string, limit: number, nowMs: number): OutboxItem[];
  /** When the next delivery to this sink is due, in the past if it is already; undefined: none waits. */
  nextDueMs(sink: string): number | undefined;
  /** These arrived: they are taken out, in one transaction. A crash before this delivers again; `stepparent.alert.id` tells. */
  delivered(ids: readonly number[]): void;
  /** These did not arrive: each counts an attempt and waits until `nextMs`. */
  failed(ids: readonly number[], nextMs: number): void;
}

interface OutboxRow {
  id: number;
  sink: string;
  attempts: number;
  created_ms: number;
  document: string;
}

/** Prepares the outbox's statements. */
export function prepareOutbox(db: Database): Outbox {
  const pending = db.prepare<[string, number, number, number], OutboxRow>(
    `SELECT o.id, o.sink, o.attempts, o.created_ms, coalesce(o.document, a.document) AS document
     FROM outbox o LEFT JOIN alerts a ON a.seq = o.alert_seq
     WHERE o.sink = ? AND (o.next_ms <= ? OR o.next_ms > ?) ORDER BY o.id LIMIT ?`,
  );
  const nextDue = db.prepare<[string], number | null>('SELECT min(next_ms) FROM outbox WHERE sink = ?').pluck();
  const remove = db.prepare('DELETE FROM outbox WHERE id = ?');
  const delay = db.prepare('UPDATE outbox SET attempts = attempts + 1, next_ms = ? WHERE id = ?');
  const removeAll = db.transaction((ids: readonly number[]) => {
    for (const id of ids) remove.run(id);
  });
  const delayAll = db.transaction((ids: readonly number[], nextMs: number) => {
    for (const id of ids) delay.run(nextMs, id);
  });
  return {
    pending: (sink, limit, nowMs) =>
      pending.all(sink, nowMs, nowMs + limits.longestDelayMs, limit).map((row) => ({
        id: row.id,
        sink: row.sink,
        document: JSON.parse(row.document),
        attempts: row.attempts,
        createdMs: row.created_ms,
      })),
    nextDueMs: (sink) => nextDue.get(sink) ?? undefined,
    delivered: (ids) => removeAll.immediate(ids),
    failed: (ids, nextMs) => delayAll.immediate(ids, nextMs),
  };
}
