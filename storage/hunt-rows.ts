// Records the rows that a hunt found, and raises an alert for each new row.

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
  /** The values that identify the row from one run to the next. */
  identity: readonly (string | null)[];
  /** Builds the row's alert, in the state `open`; called for new rows only. */
  document(id: string): StepparentEvent;
  /** The exception that covers the row: its alert is stored and counted, not delivered. */
  exceptionId?: string | undefined;
}

/** The outcome of one run of a scheduled hunt. */
export interface RecordedHunt {
  /** Whether this was the hunt's first run on this database: all its rows are then known, without an alert. */
  first: boolean;
  /** The alerts of the new rows. */
  alerts: AlertRecord[];
  /** Number of rows that were known, or became known without an alert. */
  known: number;
  /** Number of rows that an exception covers. */
  suppressed: number;
}

interface HuntRun {
  ruleId: string;
  rows: readonly HuntRow[];
  nowMs: number;
}

/**
 * Commits the rows of one run in one transaction. A row is new if the baseline does not have it, or if the hunt last
 * found it more than `limits.huntRowMs` ago. A new row raises an alert, unless an exception covers it or the run is the
 * hunt's first.
 */
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
        userClass: 'root',
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
