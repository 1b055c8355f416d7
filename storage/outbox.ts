// The pending deliveries: one row for each alert and sink, until the sink has the alert.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { limits } from './limits.ts';
import type { OutboxItem } from './records.ts';
import { parseDocument } from './stored-json.ts';

interface OutboxRow {
  id: number;
  sink: string;
  attempts: number;
  alertId: string | null;
  document: string;
}

/** Documents of alerts in memory, by alert id, which need not be parsed. */
type Documents = ReadonlyMap<string, StepparentEvent>;

/**
 * The oldest deliveries to the sink that are due, at most `limit`. A document in `documents` is used instead of the
 * stored text.
 */
export function pendingDeliveries(
  db: Database,
  documents: Documents,
  { sink, limit, nowMs }: { sink: string; limit: number; nowMs: number },
): OutboxItem[] {
  return db
    .prepare<[string, number, number, number], OutboxRow>(
      `SELECT o.id, o.sink, o.attempts, a.id AS alertId, coalesce(o.document, a.document) AS document
       FROM outbox o LEFT JOIN alerts a ON a.seq = o.alert_seq
       WHERE o.sink = ? AND (o.next_ms <= ? OR o.next_ms > ?) ORDER BY o.id LIMIT ?`,
    )
    .all(sink, nowMs, nowMs + limits.longestDelayMs, limit)
    .map(({ alertId, document, ...item }) => ({
      ...item,
      document: documents.get(alertId ?? '') ?? parseDocument(document),
    }));
}

/**
 * When the next delivery to the sink is due, in milliseconds since 1970, possibly in the past; undefined: no delivery
 * is pending.
 */
export function nextDueMs(db: Database, sink: string): number | undefined {
  const select = db.prepare<[string], number | null>('SELECT min(next_ms) FROM outbox WHERE sink = ?').pluck();
  return select.get(sink) ?? undefined;
}

/** Removes deliveries that succeeded, in one transaction. */
export function removeDeliveries(db: Database, ids: readonly number[]): void {
  const remove = db.prepare('DELETE FROM outbox WHERE id = ?');
  db.transaction(() => {
    for (const id of ids) remove.run(id);
  }).immediate();
}

/**
 * Sets the due time of deliveries that failed to `nextMs`, in milliseconds since 1970, and counts an attempt for each,
 * in one transaction.
 */
export function postponeDeliveries(db: Database, ids: readonly number[], nextMs: number): void {
  const postpone = db.prepare('UPDATE outbox SET attempts = attempts + 1, next_ms = ? WHERE id = ?');
  db.transaction(() => {
    for (const id of ids) postpone.run(nextMs, id);
  }).immediate();
}
