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
  /** Before the event is described it gives what is cheap to know, and afterwards what the document says. */
  read: FieldReader;
  isDescribed(): boolean;
  /** The full description, made when it is first called. */
  document(): StepparentEvent;
  /** Whose baseline the event counts in: '' is the host itself, else a container.id. */
  scope(): string;
  /** Events of one key that read the same are judged the same; undefined: each is judged, and kept though no rule matches. */
  key: string | undefined;
  /** Whether the first term of a match is a known one. */
  classify(verdict: Verdict): TermStanding;
}

/** By what an event is judged: one policy judges an event as a whole. */
export interface JudgePolicy {
  rules: readonly Rule[];
  /** Which events are kept whether or not a rule matches. */
  records: Predicate;
  containerAlerts: boolean;
  /** The exception in force now that covers a rule's match, if any. */
  exceptionFor(ruleId: string, read: FieldReader): Exception | undefined;
}

/** One rule's match on an event. */
export interface Match {
  verdict: Verdict;
  /** The alert of this match, in the state `open`: built when it is first asked for, always the same. Undefined: the match makes none. */
  alert: (() => StepparentEvent) | undefined;
  /** The term is on a known-terms list and verified: learned, never an alert. */
  known: boolean;
  /** False: stored and learned without an alert (containers, unless configured). */
  alerting: boolean;
  /** Covers the match: its alert is kept and counted, not delivered. */
  exception?: Exception;
}

/** One event with what the rules found: the unit that is committed. */
export interface JudgedEvent {
  event: StepparentEvent;
  scope: string;
  verdicts: Match[];
}

export type OnRuleFault = (rule: Rule, error: unknown) => void;

/** Judges events by one policy. Undefined: no rule matches, and the event is not stored. */
export type Judge = (candidate: Candidate) => JudgedEvent | undefined;

/** Script indicators that a reason names. */
const maxNamedFindings = 2;

/** A term's value as text; several values are one term, sorted, since their order says nothing. */
const termOf = (value: FieldValue): string | null => {
  if (value === undefined) return null;
  return Array.isArray(value) ? [...value].map(String).sort().join('\n') : String(value);
};

/** A matching rule's verdict, with the values of its terms. */
export const verdictOf = (rule: Rule, read: FieldReader): Verdict => ({
  rule,
  terms: rule.termFields.map((field) => termOf(read(field))),
});

/** A rule that throws does not match and is reported: the other rules are still asked. */
function isMatch(rule: Rule, read: FieldReader, onFault: OnRuleFault): boolean {
  try {
    return rule.matches(read);
  } catch (error) {
    onFault(rule, error);
    return false;
  }
}

/** Each rule reads an event once; only where the description contradicts what was read, the rules that matched read again. */
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
    // A rule may have read a fact that was worked out for another rule: each that matched reads again.
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

/** A borrowed name has terms of its own, so that it neither profits from the real one's baseline nor spoils it. */
const unverified = (verdict: Verdict): Verdict => ({
  ...verdict,
  terms: verdict.terms.map((term, index) => (index === 0 ? `${term} (unverified)` : term)),
  remark: "not verified as the distribution's own program",
});

/** Other users than root cannot install for the host: their terms are their own, and teach nothing of root's. */
function withUserTerm(verdict: Verdict, event: StepparentEvent): Verdict {
  if (verdict.rule.type !== 'new_terms' || isRootEvent(event)) return verdict;
  return {
    ...verdict,
    terms: verdict.terms.map((term, index) => (index === 0 && term !== null ? `${term} (not root)` : term)),
  };
}

/** The indicators in a script belong to the reason of a rule about scripts; they are no reason by themselves. */
function withIndicators(verdict: Verdict, { stepparent }: StepparentEvent): Verdict {
  const findings = stepparent.script?.findings ?? [];
  if (findings.length === 0 || ![...verdict.rule.fields].some((field) => field.startsWith('stepparent.script.'))) {
    return verdict;
  }
  const ids = [...new Set(findings.map(({ id }) => id))];
  const more = ids.length - maxNamedFindings;
  const remark = `it has ${ids.slice(0, maxNamedFindings).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return { ...verdict, remark: verdict.remark === undefined ? remark : `${verdict.remark}; ${remark}` };
}
