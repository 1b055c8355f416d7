// Judges one event: which rules match, by which terms, and the alert that each match would make. Nothing is learned here.

import { alertId } from '../collectors/event/alert-id.ts';
import type { FieldReader, FieldValue, StepparentEvent } from '../collectors/event/event.ts';
import { isRootEvent } from '../collectors/event/is-root-event.ts';
import { readPath } from '../collectors/event/read-path.ts';
import { buildAlert } from './alert.ts';
import type { Exception } from './exceptions.ts';
import { withFacts } from './facts/facts.ts';
import type { TermStanding } from './facts/term-standing.ts';
import { createNoMatchCache, recordReads } from './no-match-cache.ts';
import type { Predicate } from './query/query.ts';
import type { Rule, Verdict } from './rules/rule.ts';

/** An event as the judge reads it: complete, and described in full only where that is needed. */
export interface Candidate {
  /** Reads the values that are cheap to know before the event is described, and the document's values afterwards. */
  read: FieldReader;
  isDescribed(): boolean;
  /** The full description; the first call makes it. */
  document(): StepparentEvent;
  /** The baseline that the event counts in: '' for the host itself, else a `container.id`. */
  scope(): string;
  /**
   * Events with the same key and the same field values get the same judgement. Undefined: every event is judged, and
   * stored even if no rule matches.
   */
  key: string | undefined;
  /** Whether the first term of a match is on a known-terms list. */
  classify(verdict: Verdict): TermStanding;
}

/** The rules, exceptions and filters that one event is judged by. */
export interface JudgePolicy {
  rules: readonly Rule[];
  /** The events that are stored even if no rule matches. */
  records: Predicate;
  containerAlerts: boolean;
  /** The exception that is in force now and covers a match of this rule, if there is one. */
  exceptionFor(ruleId: string, read: FieldReader): Exception | undefined;
}

/** One rule's match on an event. */
export interface Match {
  verdict: Verdict;
  /**
   * The alert of this match, in the state `open`: the first call builds it, later calls return the same one. Undefined:
   * the match raises no alert.
   */
  alert: (() => StepparentEvent) | undefined;
  /** The term is on a known-terms list and verified: it is learned and never raises an alert. */
  known: boolean;
  /**
   * False: the match is stored and learned without an alert (in containers, unless the configuration alerts on them).
   */
  alerting: boolean;
  /** The exception that covers the match: its alert is stored and counted, not delivered. */
  exception?: Exception;
}

/** One event with its matches: the unit that is committed. */
export interface JudgedEvent {
  event: StepparentEvent;
  scope: string;
  verdicts: Match[];
}

/**
 * Called with the error of a rule that throws on an event. The rule does not match the event; the other rules still
 * run.
 */
export type OnRuleFault = (rule: Rule, error: unknown) => void;

/** Judges events by one policy. Undefined: no rule matches, and the event is not stored. */
export type Judge = (candidate: Candidate) => JudgedEvent | undefined;

/** Script indicators that a reason names. */
const maxNamedFindings = 2;

/** A term's value as text. Several values are one term, sorted, because their order has no meaning. */
const termOf = (value: FieldValue): string | null => {
  if (value === undefined) return null;
  return Array.isArray(value) ? [...value].map(String).sort().join('\n') : String(value);
};

/** A matching rule's verdict, with the values of its terms. */
export const verdictOf = (rule: Rule, read: FieldReader): Verdict => ({
  rule,
  terms: rule.termFields.map((field) => termOf(read(field))),
});

/** A rule that throws is reported and does not match; the other rules still run. */
function isMatch(rule: Rule, read: FieldReader, onFault: OnRuleFault): boolean {
  try {
    return rule.matches(read);
  } catch (error) {
    onFault(rule, error);
    return false;
  }
}

/**
 * Prepares the judge. Each rule reads an event once. If the description contradicts the values that were read, the
 * rules that matched read the event again.
 */
export function openJudge(policy: JudgePolicy, onFault: OnRuleFault): Judge {
  const noMatch = createNoMatchCache();
  return (candidate) => {
    const { key, document } = candidate;
    // The comparison may itself describe the event. Fields of a description can differ from the cheap values that were read before.
    if (key !== undefined && isUnmatched(candidate, key)) return undefined;
    const reads = recordReads(candidate.read);
    let seen = withFacts(reads.read, document);
    let faults = 0;
    const countFault: OnRuleFault = (rule, error) => {
      faults++;
      onFault(rule, error);
    };
    let rules = policy.rules.filter((rule) => isMatch(rule, seen.read, countFault));
    if (key !== undefined && rules.length === 0 && !policy.records(seen.read)) {
      if (faults === 0 && !candidate.isDescribed()) noMatch.remember(key, reads);
      return undefined;
    }
    const described = document();
    const { read } = candidate;
    // A rule may have read a fact that was computed for another rule, so each rule that matched reads the event again.
    if (!reads.areSame(read)) {
      seen = withFacts(read, document);
      rules = rules.filter((rule) => isMatch(rule, seen.read, countFault));
    }
    const event = { ...described, stepparent: { ...described.stepparent, ...seen.facts() } };
    const scope = candidate.scope();
    return { event, scope, verdicts: rules.map((rule) => matchOf(rule, seen.read, event, scope, candidate)) };
  };

  function isUnmatched({ isDescribed, read }: Candidate, key: string): boolean {
    return !isDescribed() && noMatch.covers(key, read) && !isDescribed();
  }

  function matchOf(rule: Rule, read: FieldReader, event: StepparentEvent, scope: string, candidate: Candidate): Match {
    const plain = verdictOf(rule, read);
    const standing = candidate.classify(plain);
    const verdict = withIndicators(withUserTerm(standing === 'unverified' ? unverified(plain) : plain, event), event);
    const known = standing === 'known';
    const alerting = scope === '' || policy.containerAlerts;
    const exception = policy.exceptionFor(rule.id, (field) => readPath(event, field));
    const alert = once(() => {
      const id = alertId(event.event.id, rule.id);
      return buildAlert({ event, verdict, state: 'open', id, exception });
    });
    return { verdict, alert: known || !alerting ? undefined : alert, known, alerting, ...(exception && { exception }) };
  }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/**
 * An unverified program gets a term of its own: it neither profits from the baseline of the genuine program nor adds to
 * it.
 */
const unverified = (verdict: Verdict): Verdict => ({
  ...verdict,
  terms: verdict.terms.map((term, index) => (index === 0 ? `${term} (unverified)` : term)),
  remark: "not verified as the distribution's own program",
});

/**
 * Users other than root cannot install packages on the host: they get terms of their own, and add nothing to root's
 * baseline.
 */
function withUserTerm(verdict: Verdict, event: StepparentEvent): Verdict {
  if (verdict.rule.type !== 'new_terms' || isRootEvent(event)) return verdict;
  return {
    ...verdict,
    terms: verdict.terms.map((term, index) => (index === 0 && term !== null ? `${term} (not root)` : term)),
  };
}

/** Adds the indicators in a script to the reason of a rule about scripts; they never raise an alert by themselves. */
function withIndicators(verdict: Verdict, { stepparent }: StepparentEvent): Verdict {
  const findings = stepparent.script?.findings ?? [];
  if (findings.length === 0 || ![...verdict.rule.fields].some((field) => field.startsWith('stepparent.script.'))) {
    return verdict;
  }
  const ids = [...new Set(findings.map(({ id }) => id))];
  const more = ids.length - maxNamedFindings;
  const remark = `the script has suspicious lines (${ids.slice(0, maxNamedFindings).join(', ')}${more > 0 ? ` and ${more} more` : ''})`;
  return { ...verdict, remark: verdict.remark === undefined ? remark : `${verdict.remark}; ${remark}` };
}
