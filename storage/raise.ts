// Raises an alert: inserts its row and its deliveries, and counts alerts over the rate limit.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import type { UserClass } from '../collectors/event/user-class.ts';
import { limits } from './limits.ts';
import type { AlertRecord, AlertState } from './records.ts';

/** An alert that is to be raised. */
export interface NewAlert {
  ruleId: string;
  scope: string;
  terms: readonly (string | null)[];
  /** The time of the event, in milliseconds since 1970, never later than now. */
  eventMs: number;
  /** Each class has a rate limit of its own, so that no other user can use up root's. */
  userClass: UserClass;
  /** True: the alert is stored, not delivered. */
  learning: boolean;
  /** True: an exception covers the alert. It is stored, not delivered, and does not count for the rate limit. */
  suppressed?: boolean;
  /** Builds the document, in the state `open`; it has the alert's id. */
  document(): StepparentEvent;
}

/** The functions that store alerts. They must be called within a transaction. */
export interface Raise {
  /** Stores the alert and its deliveries. Undefined: an alert with that id is already stored. */
  raise(alert: NewAlert, nowMs: number): AlertRecord | undefined;
  /** Whether the rule is over its rate limit now. */
  isRateLimited(alert: Pick<NewAlert, 'ruleId' | 'userClass'>, nowMs: number): boolean;
}

/** Prepares the functions, which must be called within a transaction. */
export function prepareRaise(db: Database, sinks: readonly string[]): Raise {
  const countOpen = db
    .prepare<[string, number, number, UserClass], number>(
      `SELECT count(*) FROM alerts WHERE state = 'open' AND rule_id = ? AND stored_ms > ? AND stored_ms <= ? AND user_class = ?`,
    )
    .pluck();
  const insertAlert = db.prepare(
    `INSERT INTO alerts (id, rule_id, scope, terms, state, first_ms, last_ms, count, stored_ms, user_class, document,
       transaction_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  );
  const insertDelivery = db.prepare('INSERT INTO outbox (sink, alert_seq, created_ms, next_ms) VALUES (?, ?, ?, ?)');
  const addRateLimited = db.prepare(
    `INSERT INTO rate_limits (rule_id, from_ms, last_ms, count, document) VALUES (?, ?, ?, 1, ?)
     ON CONFLICT (rule_id) DO UPDATE SET last_ms = excluded.last_ms, count = count + 1`,
  );
  const isRateLimited: Raise['isRateLimited'] = ({ ruleId, userClass }, nowMs) =>
    (countOpen.get(ruleId, nowMs - limits.rateLimitWindowMs, nowMs, userClass) ?? 0) >= limits.rateLimitAlerts;

  const raise: Raise['raise'] = (alert, nowMs) => {
    const { ruleId, scope, terms, eventMs, userClass, learning, suppressed } = alert;
    const state = suppressed
      ? 'suppressed'
      : learning
        ? 'learning'
        : isRateLimited(alert, nowMs)
          ? 'rate_limited'
          : 'open';
    const document = withState(alert.document(), state);
    const id = document.stepparent.alert?.id ?? '';
    const text = JSON.stringify(document);
    const { changes, lastInsertRowid } = insertAlert.run(
      id,
      ruleId,
      scope,
      JSON.stringify(terms),
      state,
      eventMs,
      eventMs,
      nowMs,
      userClass,
      text,
      document.stepparent.transaction?.id ?? null,
    );
    if (changes === 0) return undefined;
    if (state === 'open') for (const sink of sinks) insertDelivery.run(sink, lastInsertRowid, nowMs, nowMs);
    if (state === 'rate_limited') addRateLimited.run(ruleId, nowMs, nowMs, text);
    return { id, ruleId, scope, terms: [...terms], state, firstMs: eventMs, lastMs: eventMs, count: 1, document };
  };
  return { raise, isRateLimited };
}

function withState(document: StepparentEvent, state: AlertState): StepparentEvent {
  const { alert } = document.stepparent;
  if (alert === undefined || alert.state === state) return document;
  return { ...document, stepparent: { ...document.stepparent, alert: { ...alert, state } } };
}
