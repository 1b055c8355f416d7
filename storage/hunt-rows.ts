// Remembers which rows of a hunt were there before, and makes an alert of each that was not.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event.ts';
import { prepareLearning } from './learning.ts';
import { limits } from './limits.ts';
import { prepareRaise } from './raise.ts';
import { alertId } from './record.ts';
import type { AlertRecord, AlertState } from './records.ts';
import { prepareTerms, type TermKey } from './terms.ts';

/** A row that a scheduled hunt has found. */
export interface HuntRow {
  /** What makes it the same row the next time. */
  identity: readonly (string | null)[];
  /** The alert that tells of it. */
  document(state: AlertState, id: string): StepparentEvent;
}

interface RecordedHunt {
  /** The hunt's first run on this database: all its rows were taken as known. */
  first: boolean;
  /** Rows that had not been there, each with its alert. */
  alerts: AlertRecord[];
  /** Rows that were known, or are from now on without an alert. */
  known: number;
}

export interface HuntRows {
  /**
   * Commits what a run of a hunt has found. `ruleId` is the hunt's id among alerts and in the baseline, so that
   * `baseline` shows and edits its rows as it does the terms of rules.
   */
  recordHunt(ruleId: string, rows: readonly HuntRow[], nowMs: number): RecordedHunt;
}

/** Prepares the statements. */
export function prepareHuntRows(db: Database, sinks: readonly string[]): HuntRows {
  const learns = prepareLearning(db);
  const terms = prepareTerms(db);
  const raise = prepareRaise(db, sinks);
  const ran = db.prepare('SELECT 1 FROM hunts WHERE id = ?');
  const noteRun = db.prepare(
    `INSERT INTO hunts (id, first_ms, last_ms) VALUES (?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET last_ms = excluded.last_ms`,
  );
  const record = db.transaction((ruleId: string, rows: readonly HuntRow[], nowMs: number): RecordedHunt => {
    const recorded: RecordedHunt = { first: ran.get(ruleId) === undefined, alerts: [], known: 0 };
    const at = { eventMs: nowMs, nowMs };
    noteRun.run(ruleId, nowMs, nowMs);
    terms.begin();
    for (const { identity, document } of rows) {
      const key: TermKey = [ruleId, '', JSON.stringify(identity)];
      const row = terms.find(key);
      const isKnown = row !== undefined && (row.origin === 'trusted' || row.last_ms > nowMs - limits.huntRowMs);
      if (isKnown || recorded.first) {
        terms.learn(key, row, row?.origin ?? 'first-run', at);
        recorded.known++;
        continue;
      }
      const learning = learns(nowMs, nowMs);
      const id = alertId(`${JSON.stringify(identity)} ${nowMs}`, ruleId);
      const alert = raise(
        {
          id,
          ruleId,
          scope: '',
          terms: identity,
          eventMs: nowMs,
          learning,
          document: (state) => document(state, id),
        },
        nowMs,
      );
      if (alert !== undefined) recorded.alerts.push(alert);
      terms.learn(key, row, learning ? 'learning' : 'alert', at);
    }
    return recorded;
  });
  return { recordHunt: (ruleId, rows, nowMs) => record.immediate(ruleId, rows, nowMs) };
}
