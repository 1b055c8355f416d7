// Learning mode: the time after the creation of a database in which alerts are stored and not delivered.

import type { Database } from 'better-sqlite3';
import { limits } from './limits.ts';

/** The learning mode of one database. Times are milliseconds since 1970. */
export interface Learning {
  startedMs: number;
  untilMs: number;
  /** False once `untilMs` has passed; it never becomes true again, whatever the clock does. */
  active: boolean;
}

/**
 * Stores the start and end of learning. Only for a database that is being created: an existing database without
 * learning never learns.
 */
export function beginLearning(db: Database, nowMs: number, learningMs: number): void {
  const put = db.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
  put.run('learning_started_ms', nowMs);
  put.run('learning_until_ms', nowMs + learningMs);
}

/** The state of learning in this database; undefined when it was created without learning. */
export function readLearning(db: Database, nowMs: number): Learning | undefined {
  const read = db.prepare<[string], number>('SELECT value FROM meta WHERE key = ?').pluck();
  const startedMs = read.get('learning_started_ms');
  const untilMs = read.get('learning_until_ms');
  if (startedMs === undefined || untilMs === undefined) return undefined;
  const ended = read.get('learning_ended_ms') !== undefined;
  return { startedMs, untilMs, active: !ended && nowMs < untilMs && nowMs >= startedMs - limits.learningLeadMs };
}

/**
 * Whether an event counts as learning. The end is stored in the database `learningLagMs` after `untilMs` and is final:
 * a late event or a clock that is set back cannot start learning again. An event from long before the start does not
 * count as learning either.
 */
export function prepareLearning(db: Database): (eventMs: number, nowMs: number) => boolean {
  const learning = readLearning(db, 0);
  if (learning === undefined) return () => false;
  const { startedMs, untilMs } = learning;
  const readEnd = db.prepare("SELECT value FROM meta WHERE key = 'learning_ended_ms'");
  const writeEnd = db.prepare("INSERT INTO meta (key, value) VALUES ('learning_ended_ms', ?) ON CONFLICT DO NOTHING");
  let ended = readEnd.get() !== undefined;
  return (eventMs, nowMs) => {
    if (ended) return false;
    if (nowMs >= untilMs + limits.learningLagMs) {
      writeEnd.run(nowMs);
      ended = true;
      return false;
    }
    return eventMs < untilMs && eventMs >= startedMs - limits.learningLeadMs;
  };
}
