// Commits a batch of judged events: events, rows of the package ledger, baseline terms, alerts and their
// deliveries, all or nothing.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { userClassOf } from '../collectors/event/user-class.ts';
import type { JudgedEvent, Match } from '../detectors/judge.ts';
import type { Rule, Verdict } from '../detectors/rules/rule.ts';
import { prepareInsertEvent } from './event-rows.ts';
import { prepareSuppressed } from './exceptions.ts';
import { foldFindings } from './fold-findings.ts';
import { type LatestAlert, prepareLatestAlerts } from './latest-alerts.ts';
import { prepareLearning } from './learning.ts';
import { limits } from './limits.ts';
import { prepareLedger } from './package-ledger.ts';
import { type NewAlert, prepareRaise } from './raise.ts';
import type { AlertRecord } from './records.ts';
import { type EventTimes, isAllowed, prepareTerms, type TermKey, type TermRow } from './terms.ts';

/** The outcome of one committed batch. */
export interface Recorded {
  /** The alerts that this batch raised, in order and in any state but `suppressed`. */
  alerts: AlertRecord[];
}

/** A match that raises an alert, its own or that of another rule. */
interface NewFinding {
  rule: Rule;
  match: Match;
  key: TermKey;
  alert: NewAlert;
  document: NonNullable<Match['alert']>;
  /** Adds the terms to the baseline; not called for an alert that is not delivered. */
  learn(): void;
}

function countedMs(event: StepparentEvent, nowMs: number): number {
  const ms = Date.parse(event['@timestamp']);
  return Number.isNaN(ms) ? nowMs : Math.min(ms, nowMs);
}

/**
 * Prepares the only function that adds to the baseline. It looks up every term before it learns it, and skips an event
 * that is already stored. The time of a term is the event's time, but never later than `nowMs`, and `nowMs` if the
 * event's time cannot be parsed. A clock that was ahead can therefore extend a term by at most one window, and a clock
 * that was behind can only repeat alerts. An event that was not stored never makes an alert or a term.
 */
export function prepareRecord(
  db: Database,
  sinks: readonly string[],
): (judgedEvents: readonly JudgedEvent[], nowMs: number) => Recorded {
  const isLearning = prepareLearning(db);
  const events = prepareInsertEvent(db);
  const { raise, isRateLimited } = prepareRaise(db, sinks);
  const terms = prepareTerms(db);
  const storeSuppressed = prepareSuppressed(db, { terms, raise });
  const latestAlerts = prepareLatestAlerts(db);
  const ledger = prepareLedger(db);
  /** Learns and counts a match. Returns what it finds if that is new and raises an alert. */
  function commitMatch(
    { event, scope, verdicts }: JudgedEvent,
    match: Match,
    times: EventTimes,
  ): NewFinding | undefined {
    const { verdict, alert: document, known, alerting, exception } = match;
    const { rule } = verdict;
    const key: TermKey = [rule.id, scope, JSON.stringify(verdict.terms)];
    const learnable = rule.window === 'sliding' && !verdict.terms.includes(null);
    const row = learnable ? terms.find(key) : undefined;
    if (known || !alerting || document === undefined) {
      if (learnable) terms.learn(key, row, row?.origin ?? (known ? 'known' : 'container'), times);
      return undefined;
    }
    // Before exceptions: a term that the operator allows permanently needs none.
    const pattern = learnable && match.isAllowedBy && terms.findPattern(rule.id, scope, match.isAllowedBy);
    const patternRow = pattern ? terms.find(pattern) : undefined;
    if (pattern && patternRow !== undefined) {
      terms.learn(pattern, patternRow, 'pattern', times);
      return undefined;
    }
    const learning = isLearning(times.eventMs, times.nowMs);
    const alert: NewAlert = {
      ruleId: rule.id,
      scope,
      terms: verdict.terms,
      eventMs: times.eventMs,
      userClass: userClassOf(event),
      learning,
      document,
    };
    if (exception !== undefined && !isAllowed(row)) {
      storeSuppressed(exception.id, key, alert, times);
      return undefined;
    }
    if (addsNothing(match, verdicts)) return undefined;
    const latest = latestAlerts.find(key);
    const seen = learnable ? isSeen(row, rule, times) : isSuppressed(latest, verdict, times, learning);
    if (seen) {
      if (row !== undefined) terms.learn(key, row, row.origin, times);
      if (latest !== undefined && (!learnable || latest.last_ms > times.eventMs - rule.windowMs)) {
        latestAlerts.repeat(latest, times.eventMs);
      }
      return undefined;
    }
    if (learnable && isSeenByOther(rule, key, times)) {
      terms.learn(key, row, 'known', times);
      return undefined;
    }
    // The latest alert was not delivered because of the rate limit. Until the limit allows a delivery, matches are
    // counted and not learned.
    if (latest?.state === 'rate_limited' && isRateLimited(alert, times.nowMs)) {
      latestAlerts.repeat(latest, times.eventMs);
      return undefined;
    }
    return {
      rule,
      match,
      key,
      alert,
      document,
      learn() {
        // What was learned meanwhile may have removed the row.
        if (learnable) terms.learn(key, terms.find(key), learning ? 'learning' : 'alert', times);
      },
    };
  }

  /** Whether a rule whose baseline counts for this one has seen the terms. */
  const isSeenByOther = (rule: Rule, [, scope, values]: TermKey, times: EventTimes): boolean =>
    rule.knownBy.some((id) => isSeen(terms.find([id, scope, values]), rule, times));

  /** Raises the alerts of one event. An alert that is not delivered takes in no findings. */
  function raiseAlerts(recorded: Recorded, found: readonly NewFinding[], { nowMs }: EventTimes): void {
    const isDelivered = ({ alert }: NewFinding): boolean => alert.learning || !isRateLimited(alert, nowMs);
    for (const { whole, parts } of foldFindings(found, isDelivered)) {
      const document = () => whole.document(parts.map(({ match }) => match));
      const raised = raise({ ...whole.alert, document }, nowMs);
      latestAlerts.forget(whole.key);
      if (raised !== undefined) recorded.alerts.push(raised);
      if (raised?.state !== 'rate_limited') for (const { learn } of [whole, ...parts]) learn();
    }
  }

  const commit = db.transaction((judgedEvents: readonly JudgedEvent[], nowMs: number): Recorded => {
    const recorded: Recorded = { alerts: [] };
    events.begin();
    terms.begin();
    latestAlerts.begin();
    for (const judgedEvent of judgedEvents) {
      const { event } = judgedEvent;
      const eventMs = countedMs(event, nowMs);
      if (!events.insert(event, eventMs, nowMs)) continue;
      if (judgedEvent.packages !== undefined) ledger.add(judgedEvent.packages, eventMs);
      const times = { eventMs, nowMs };
      const found = judgedEvent.verdicts.flatMap((match) => commitMatch(judgedEvent, match, times) ?? []);
      raiseAlerts(recorded, found, times);
    }
    terms.end();
    latestAlerts.end();
    return recorded;
  });
  return (judgedEvents, nowMs) => {
    try {
      return commit.immediate(judgedEvents, nowMs);
    } catch (error) {
      events.forget();
      throw error;
    }
  };
}

/**
 * Whether neither this match nor one whose alert it goes into has terms to compare: then it says nothing more. It cannot be counted
 * by an alert of its own, and would raise one at the next such event.
 */
function addsNothing({ verdict }: Match, verdicts: readonly Match[]): boolean {
  return (
    verdict.terms.includes(null) &&
    verdicts.some(
      ({ verdict: other, alert, exception }) =>
        verdict.rule.partOf.includes(other.rule.id) &&
        other.terms.includes(null) &&
        alert !== undefined &&
        exception === undefined,
    )
  );
}

function isSeen(row: TermRow | undefined, rule: Rule, times: EventTimes): boolean {
  return row !== undefined && (isAllowed(row) || row.last_ms > times.eventMs - rule.windowMs);
}

/**
 * Whether the latest alert covers this match. An alert that was stored without delivery, in learning mode or over the
 * rate limit, never covers a match that would be delivered.
 */
function isSuppressed(
  latest: LatestAlert | undefined,
  { rule, terms }: Verdict,
  times: EventTimes,
  learning: boolean,
): boolean {
  if (latest === undefined || latest.state === 'rate_limited' || (latest.state === 'learning' && !learning))
    return false;
  const windowMs = terms.includes(null) ? limits.unobservedWindowMs : rule.windowMs;
  return Math.abs(times.eventMs - latest.first_ms) < windowMs;
}
