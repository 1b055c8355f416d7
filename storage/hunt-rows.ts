// Remembers which rows of a hunt were there before, and makes an alert of each that was not.

import type { Database } from 'better-sqlite3';
import { alertId } from '../collectors/event/alert-id.ts';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { prepareSuppressed } from './exceptions.ts';
import { prepareLearning } from './learning.ts';
import { limits } from './limits.ts';
import { type NewAlert, prepareRaise } from './raise.ts';
import type { AlertRecord } from './records.ts';
import { prepareTerms, type TermKey } from './terms.ts';

/** A row that a scheduled hunt has found. */
export interface HuntRow {
  /** What makes it the same row the next time. */
  identity: readonly (string | null)[];
  /** Its alert, in the state `open`; called for new rows only, of which there are few. */
  document(id: string): StepparentEvent;
  /** The exception that covers it: it is kept and counted, not reported. */
  exceptionId?: string | undefined;
}

export interface RecordedHunt {
  /** The hunt's first run on this database: all its rows were taken as known. */
  first: boolean;
  /** Rows that had not been there, each with its alert. */
  alerts: AlertRecord[];
  /** Rows that were known, or are from now on without an alert. */
  known: number;
  /** Rows that an exception hid. */
  suppressed: number;
}

interface HuntRun {
  ruleId: string;
  rows: readonly HuntRow[];
  nowMs: number;
}

export function recordHunt(db: Database, sinks: readonly string[], { ruleId, rows, nowMs }: HuntRun): RecordedHunt {
  const isLearning = prepareLearning(db);
  const terms = prepareTerms(db);
  const { raise } = prepareRaise(db, sinks);
  const storeSuppressed = prepareSuppressed(db, { terms, raise });
  const ran = db.prepare('SELECT 1 FROM hunts WHERE id = ?');
  const noteRun = db.prepare(
    `INSERT INTO hunts (id, first_ms, last_ms) VALUES (?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET last_ms = excluded.last_ms`,
  );
  const times = { eventMs: nowMs, nowMs };
  const record = db.transaction((): RecordedHunt => {
    const recorded: RecordedHunt = { first: ran.get(ruleId) === undefined, alerts: [], known: 0, suppressed: 0 };
    noteRun.run(ruleId, nowMs, nowMs);
    terms.begin();
    for (const { identity, document, exceptionId } of rows) {
      const key: TermKey = [ruleId, '', JSON.stringify(identity)];
      const row = terms.find(key);
      const learning = isLearning(nowMs, nowMs);
      const alert: NewAlert = {
        ruleId,
        scope: '',
        terms: identity,
        eventMs: nowMs,
        byRoot: true,
        learning,
        document: () => document(alertId(`${JSON.stringify(identity)} ${nowMs}`, ruleId)),
      };
      if (exceptionId !== undefined && row?.origin !== 'allowed') {
        storeSuppressed(exceptionId, key, alert, times);
        recorded.suppressed++;
        continue;
      }
      const isKnown = row !== undefined && (row.origin === 'allowed' || row.last_ms > nowMs - limits.huntRowMs);
      if (isKnown || recorded.first) {
        terms.learn(key, row, row?.origin ?? 'first-run', times);
        recorded.known++;
        continue;
      }
      const raised = raise(alert, nowMs);
      if (raised !== undefined) recorded.alerts.push(raised);
      terms.learn(key, row, learning ? 'learning' : 'alert', times);
    }
    terms.end();
    return recorded;
  });
  return record.immediate();
}
