// Facts about the store, for `status` and `doctor`.

import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { AlertState, TermOrigin } from './records.ts';

/** The facts of the database that `status` prints. */
export interface StoreStatus {
  path: string;
  schemaVersion: number;
  /** Size of the database with its write-ahead log. */
  sizeBytes: number;
  events: number;
  /** Undefined: no event is stored. */
  oldestEventMs: number | undefined;
  /** Number of terms by origin. */
  terms: Partial<Record<TermOrigin, number>>;
  alerts: Record<AlertState, number>;
  /** Pending deliveries by sink; a sink without any is absent. */
  outbox: Record<string, { waiting: number; failing: number; oldestMs: number }>;
}

/** Reads the facts. It counts every row, which is too slow for a hot path. */
export function readStatus(db: Database, path: string): StoreStatus {
  const grouped = (sql: string) => Object.fromEntries(db.prepare<[], [string, number]>(sql).raw().all());
  const events = db
    .prepare<[], { n: number; oldest: number | null }>('SELECT count(*) AS n, min(time_ms) AS oldest FROM events')
    .get();
  const outbox = db
    .prepare<[], { sink: string; waiting: number; failing: number; oldestMs: number }>(
      `SELECT sink, count(*) AS waiting, sum(attempts > 0) AS failing, min(created_ms) AS oldestMs
       FROM outbox GROUP BY sink`,
    )
    .all();
  return {
    path,
    schemaVersion: db.pragma('user_version', { simple: true }) as number,
    sizeBytes: sizeBytes(path) + sizeBytes(`${path}-wal`),
    events: events?.n ?? 0,
    oldestEventMs: events?.oldest ?? undefined,
    terms: grouped('SELECT origin, count(*) FROM terms GROUP BY origin'),
    alerts: {
      open: 0,
      learning: 0,
      rate_limited: 0,
      suppressed: 0,
      ...grouped('SELECT state, count(*) FROM alerts GROUP BY state'),
    },
    outbox: Object.fromEntries(outbox.map(({ sink, ...counts }) => [sink, counts])),
  };
}

function sizeBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
