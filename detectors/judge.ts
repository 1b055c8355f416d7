// Judges one event: which rules match, by which terms, and the alert that each match would make. Nothing is learned here.

import { alertId } from '../collectors/event/alert-id.ts';
import type { FieldReader, FieldValue, StepparentEvent } from '../collectors/event/event.ts';
import { readPath } from '../collectors/event/read-path.ts';
import type { Scope } from '../collectors/event/scope.ts';
import { userClassOf } from '../collectors/event/user-class.ts';
import { buildAlert } from './alert.ts';
import { coversValues, valuesOf } from './baseline-pattern.ts';
import type { Exception } from './exceptions.ts';
import { withFacts } from './facts/facts.ts';
import type { CausedEvent, TermStanding } from './facts/term-standing.ts';
import { foldedAlert, type OwnAlert } from './folded-alert.ts';
import { createNoMatchCache, recordReads } from './no-match-cache.ts';
import type { LedgerEntry } from './package-ledger.ts';
import type { Predicate } from './query/query.ts';
import type { Rule, Verdict } from './rules/rule.ts';
import { termsOf, unverifiedMark, userMarks } from './term.ts';

/** An event as the judge reads it: complete, and described in full only where that is needed. */
export interface Candidate {
  /** Reads the values that are cheap to know before the event is described, and the document's values afterwards. */
  read: FieldReader;
  isDescribed(): boolean;
  /** The full description; the first call makes it. */
  document(): StepparentEvent;
  /** The baseline that the event counts in. */
  scope(): Scope;
  /**
   * Events with the same key and the same field values get the same judgement. Undefined: every event is judged, and
   * stored even if no rule matches, unless it is optional.
   */
  key: string | undefined;
  /** The event is stored only if a rule or `records` matches, as one with a key. */
  isOptional?: true;
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
   * The alert of this match, in the state `open`: the first call builds it, later calls return the same one. With `parts`,
   * the alert also stands for these matches of the same event. Undefined: the match raises no alert.
   */
  alert: ((parts?: readonly Match[]) => StepparentEvent) | undefined;
  /** The term is on a known-terms list and verified: it is learned and never raises an alert. */
  known: boolean;
  /**
   * False: the match is stored and learned without an alert (in containers, unless the configuration alerts on them).
   */
  alerting: boolean;
  /** The exception that covers the match: its alert is stored and counted, not delivered. */
  exception?: Exception;
  /** Whether an allowed pattern, a text for each term field, covers the match. Absent: none does. */
  isAllowedBy?(patterns: readonly string[]): boolean;
}

/** One event with its matches: the unit that is committed. */
export interface JudgedEvent {
  event: StepparentEvent;
  scope: Scope;
  verdicts: Match[];
  /** The rows of the package ledger. Undefined: the event adds none. */
  packages?: LedgerEntry | undefined;
}

/**
 * Called with the error of a rule that throws on an event. The rule does not match the event; the other rules still
 * run.
 */
type OnRuleFault = (rule: Rule, error: unknown) => void;

/** What the judge asks and reports besides the policy. */
export interface JudgeDeps {
  /** Whether the first term of a match is on a known-terms list. */
  classify(verdict: Verdict, cause: CausedEvent): TermStanding;
  onFault: OnRuleFault;
}

/**
 * Judges events by one policy. `cause`: the process that caused the event; without one, no term is on a known-terms list.
 * Undefined: no rule matches, and the event is not stored.
 */
export type Judge = (candidate: Candidate, cause?: CausedEvent) => JudgedEvent | undefined;

/** Script indicators that a reason names. */
const maxNamedFindings = 2;

/** A matching rule's verdict, with the values of its terms. */
export const verdictOf = (rule: Rule, read: FieldReader): Verdict => ({ rule, terms: termsOf(rule.termFields, read) });

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
export function openJudge(policy: JudgePolicy, { classify, onFault }: JudgeDeps): Judge {
  const noMatch = createNoMatchCache();
  return (candidate, cause) => {
    const { key, isOptional } = candidate;
    // The comparison may itself describe the event. Fields of a description can differ from the cheap values that were read before.
    if (key !== undefined && isUnmatched(candidate, key)) return undefined;
    const read: FieldReader = (field) => candidate.read(field);
    const document = (): StepparentEvent => candidate.document();
    const reads = recordReads(read);
    let seen = withFacts(reads.read, document);
    let faults = 0;
    const countFault: OnRuleFault = (rule, error) => {
      faults++;
      onFault(rule, error);
    };
    let rules = policy.rules.filter((rule) => isMatch(rule, seen.read, countFault));
    if ((key !== undefined || isOptional) && rules.length === 0 && !policy.records(seen.read)) {
      if (key !== undefined && faults === 0 && !candidate.isDescribed()) noMatch.remember(key, reads);
      return undefined;
    }
    const described = document();
    // A rule may have read a fact that was computed for another rule, so each rule that matched reads the event again.
    if (!reads.areSame(read)) {
      seen = withFacts(read, document);
      rules = rules.filter((rule) => isMatch(rule, seen.read, countFault));
    }
    const event = { ...described, stepparent: { ...described.stepparent, ...seen.facts() } };
    const scope = candidate.scope();
    return { event, scope, verdicts: rules.map((rule) => matchOf(rule, seen.read, event, scope, cause)) };
  };

  function isUnmatched(candidate: Candidate, key: string): boolean {
    return !candidate.isDescribed() && noMatch.covers(key, candidate) && !candidate.isDescribed();
  }

  function matchOf(
    rule: Rule,
    read: FieldReader,
    event: StepparentEvent,
    scope: Scope,
    cause: CausedEvent | undefined,
  ): Match {
    const plain = verdictOf(rule, read);
    const standing = cause === undefined ? 'unlisted' : classify(plain, cause);
    const verdict = withIndicators(withUserTerm(standing === 'unverified' ? unverified(plain) : plain, event), event);
    const known = standing === 'known';
    const alerting = scope !== 'container' || policy.containerAlerts;
    const exception = exceptionFor(rule, event);
    const own = once(() => {
      const id = alertId(event.event.id, rule.id);
      return buildAlert({ event, verdict, state: 'open', id, exception });
    });
    const alert: Match['alert'] = (parts = []) => foldedAlert({ rule, document: own() }, parts.flatMap(ownAlert));
    const isAllowedBy = (patterns: readonly string[]): boolean => {
      const marks = (verdict.terms[0] ?? '').slice(plain.terms[0]?.length ?? 0);
      return coversValues(patterns, { values: valuesOf(event, rule.termFields), marks });
    };
    return {
      verdict,
      alert: known || !alerting ? undefined : alert,
      known,
      alerting,
      ...(exception && { exception }),
      isAllowedBy,
    };
  }

  /** An exception of a rule whose baseline counts for this one counts for it, too. */
  function exceptionFor({ id, knownBy }: Rule, event: StepparentEvent): Exception | undefined {
    for (const ruleId of [id, ...knownBy]) {
      const exception = policy.exceptionFor(ruleId, (field) => readPath(event, field));
      if (exception !== undefined) return exception;
    }
    return undefined;
  }
}

const ownAlert = ({ verdict: { rule }, alert }: Match): OwnAlert[] =>
  alert === undefined ? [] : [{ rule, document: alert() }];

/**
 * Whether an optional event may be stored, by the fields that are known before it is described; `cheap` returns
 * undefined for any other field. False: no rule and no store query matches, whatever the others are.
 */
export function mayMatch(
  { rules, records }: Pick<JudgePolicy, 'rules' | 'records'>,
  cheap: (field: string) => { value: FieldValue } | undefined,
): boolean {
  const read: FieldReader = (field) => {
    const known = cheap(field);
    if (known === undefined) throw new Error(`${field} is not known yet`);
    return known.value;
  };
  try {
    return records(read) || rules.some((rule) => rule.matches(read));
  } catch {
    // A rule that fails by itself is reported when the event is judged.
    return true;
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
  terms: verdict.terms.map((term, index) => (index === 0 ? `${term}${unverifiedMark}` : term)),
  remark: "not verified as the distribution's own program",
});

/**
 * Users other than root cannot install packages on the host, and a user who was not observed may be one of them: they
 * get terms of their own. They add nothing to root's baseline, and their alerts hide none of root's.
 */
function withUserTerm(verdict: Verdict, event: StepparentEvent): Verdict {
  const mark = userMarks[userClassOf(event)];
  // A file event without an observed writer says nothing about the user, so that its terms have no mark.
  const isMarked = verdict.rule.type === 'new_terms' || event.event.category?.includes('process') === true;
  const first = verdict.terms.findIndex((term) => term !== null);
  if (!isMarked || mark === '' || first < 0) return verdict;
  return {
    ...verdict,
    terms: verdict.terms.with(first, `${verdict.terms[first]}${mark}`),
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
