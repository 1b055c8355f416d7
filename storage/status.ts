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

/** The number of alerts of one rule, severity and state. */
export interface AlertCount {
  ruleId: string;
  /** `event.severity`; 0: the document has none. */
  severity: number;
  state: AlertState;
  count: number;
  /** When the last of them last matched, in milliseconds since 1970. */
  lastMs: number;
}

/** Counts the alerts by rule, severity and state. Reads every alert. */
export const countAlerts = (db: Database): AlertCount[] =>
  db
    .prepare<[], AlertCount>(
      `SELECT rule_id AS ruleId, coalesce(document ->> '$.event.severity', 0) AS severity, state, count(*) AS count, max(last_ms) AS lastMs
       FROM alerts GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    )
    .all();

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
