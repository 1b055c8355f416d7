// How far the alerts have been looked at: `stepparent alerts --new` lists those after the mark, and moves it.

import type { Database } from 'better-sqlite3';

const markKey = 'alerts_looked_at';

/** The number of the alert that was stored last; 0: there is no alert. Later alerts have greater numbers. */
export const lastAlertSeq = (db: Database): number =>
  db.prepare<[], number | null>('SELECT max(seq) FROM alerts').pluck().get() ?? 0;

/** The number of the last alert that was looked at; 0: none was. */
export const readAlertMark = (db: Database): number =>
  db.prepare<[string], number>('SELECT value FROM meta WHERE key = ?').pluck().get(markKey) ?? 0;

/** Moves the mark, never back. */
export function moveAlertMark(db: Database, seq: number): void {
  db.prepare(
    `INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)`,
  ).run(markKey, seq);
}
