// The way of an event: rules look at it, what matters is described, and a batch is committed as one.

import type { FieldReader, StepparentEvent } from '../../collectors/event/event.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import type { ObservedExec } from '../../collectors/process/describe-process.ts';
import { buildAlert } from '../../detectors/alert.ts';
import type { Exception } from '../../detectors/exceptions.ts';
import { withFacts } from '../../detectors/facts/facts.ts';
import { matchingRules, verdictOf } from '../../detectors/judge.ts';
import { createNoMatchCache } from '../../detectors/no-match-cache.ts';
import type { Predicate } from '../../detectors/query/query.ts';
import type { Rule, Verdict } from '../../detectors/rules/rule.ts';
import { isRootEvent } from '../../storage/event-rows.ts';
import type { JudgedEvent } from '../../storage/records.ts';
import { StoreError } from '../../storage/store-error.ts';
import type { TermClassifier } from './term-standing.ts';

/** By what events are judged; each event is judged by one of these, whole. */
export interface PipelinePolicy {
  rules: readonly Rule[];
  /** Which events are kept whether or not a rule matches. */
  records: Predicate;
  containerAlerts: boolean;
  knownTerms: TermClassifier;
  /** The exception in force now that covers a rule's match, if any. */
  exceptionFor(ruleId: string, read: FieldReader): Exception | undefined;
}

export interface PipelineDeps {
  /** The one in force, the same object until a reload puts another one in its place. */
  policy(): PipelinePolicy;
  /** Commits; throws when it cannot, and is then asked again with the same findings. */
  commit(findings: readonly JudgedEvent[]): void;
  onFault(what: string, error?: unknown): void;
}

export interface Pipeline {
  take(exec: ObservedExec): void;
  /** A file event: rules look at it, and it is kept in any case. */
  takeFile(event: StepparentEvent): void;
  /** An event that no rule looks at: lost records, a degraded sensor. */
  keep(event: StepparentEvent): void;
  /** Commits what was taken since the last time. */
  commit(): void;
  /** Findings that could not be committed yet. */
  readonly waiting: number;
  /** Findings given up since there were too many of them. */
  readonly dropped: number;
}

/** Findings that are committed together; a larger batch of records makes several commits. */
const commitEvery = 64;
/** Findings that are kept while the store refuses them: a full disk should not fill the memory as well. */
const maxWaiting = 2000;
/** The same in characters of arguments, the one part of a finding that an attacker can make large. */
const maxWaitingArgsLength = 16 * 1024 * 1024;

/** Findings of a script that the reason names. */
const maxSaidFindings = 4;

const argsLength = ({ event: { process, stepparent } }: JudgedEvent): number => {
  let length = process?.command_line?.length ?? 0;
  for (const { args = [] } of stepparent.lineage ?? []) for (const arg of args) length += arg.length;
  return length;
};

/** A borrowed name has terms of its own, so that it neither profits from the real one's baseline nor spoils it. */
const unverified = (verdict: Verdict): Verdict => ({
  ...verdict,
  terms: verdict.terms.map((term, place) => (place === 0 ? `${term} (unverified)` : term)),
  remark: "it could not be verified as the distribution's own program of that name",
});

/** Who is not root cannot install for the host: what others try teaches nothing of root's, and has terms of its own. */
function withUserTerm(verdict: Verdict, event: StepparentEvent): Verdict {
  if (verdict.rule.type !== 'new_terms' || isRootEvent(event)) return verdict;
  return {
    ...verdict,
    terms: verdict.terms.map((term, place) => (place === 0 && term !== null ? `${term} (not root)` : term)),
  };
}

/** What is to be found in a script belongs to the reason, and alone is none. */
function withFindings(verdict: Verdict, { stepparent }: StepparentEvent): Verdict {
  const findings = stepparent.script?.findings ?? [];
  if (findings.length === 0 || ![...verdict.rule.fields].some((field) => field.startsWith('stepparent.script.'))) {
    return verdict;
  }
  const said = findings.slice(0, maxSaidFindings).map(({ id, line }) => `${id} (line ${line})`);
  const more = findings.length > said.length ? ' and more' : '';
  const remark = `in it: ${said.join(', ')}${more}`;
  return { ...verdict, remark: verdict.remark === undefined ? remark : `${verdict.remark}; ${remark}` };
}

/** The store takes nothing at all for now; what else it throws may be for one event's sake. */
const isOfStore = (error: unknown): boolean => error instanceof StoreError && error.trouble !== 'other';

export function createPipeline(parts: PipelineDeps): Pipeline {
  let waiting: JudgedEvent[] = [];
  let waitingArgsLength = 0;
  let dropped = 0;
  /** The last commit failed: the next is for the caller to time. */
  let refused = false;

  let noMatchCache = createNoMatchCache();
  /** By whom was dismissed what is remembered. */
  let dismissedBy: PipelinePolicy | undefined;
  let ruleFaults = 0;

  const onRuleFault = (rule: Rule, error: unknown): void => {
    ruleFaults++;
    parts.onFault(`rule ${rule.id} failed`, error);
  };

  /** What is committed of one match. */
  const matched = (
    { exceptionFor }: PipelinePolicy,
    event: StepparentEvent,
    { verdict, known, alerting }: { verdict: Verdict; known: boolean; alerting: boolean },
  ): JudgedEvent['verdicts'][number] => {
    const exception = exceptionFor(verdict.rule.id, (field) => readPath(event, field));
    return {
      verdict,
      document: (state, id) => buildAlert({ event, verdict, state, id, exception }),
      known,
      alerting,
      ...(exception && { exception }),
    };
  };

  const add = (finding: JudgedEvent): void => {
    waiting.push(finding);
    waitingArgsLength += argsLength(finding);
    if (waiting.length >= commitEvery && !refused) commit();
    while (waiting.length > maxWaiting || waitingArgsLength > maxWaitingArgsLength) {
      const oldest = waiting.shift();
      if (oldest === undefined) break;
      waitingArgsLength -= argsLength(oldest);
      dropped++;
    }
  };

  const commit = (): void => {
    if (waiting.length === 0) return;
    try {
      parts.commit(waiting);
      waiting = [];
      waitingArgsLength = 0;
      refused = false;
    } catch (error) {
      refused = !isOfStore(error) && waiting.length > 1 ? !commitEach() : true;
      if (refused) parts.onFault('events could not be committed; they wait in memory', error);
    }
  };

  /** Gives up what cannot be stored by itself, for the sake of the others. False where none could: the store is at fault. */
  const commitEach = (): boolean => {
    const left: { finding: JudgedEvent; error: unknown }[] = [];
    for (const finding of waiting) {
      try {
        parts.commit([finding]);
      } catch (error) {
        left.push({ finding, error });
      }
    }
    if (left.length === waiting.length) return false;
    const lost = left.filter(({ error }) => !isOfStore(error));
    for (const { error } of lost) parts.onFault('an event that cannot be stored was given up', error);
    dropped += lost.length;
    waiting = left.filter(({ error }) => isOfStore(error)).map(({ finding }) => finding);
    waitingArgsLength = waiting.reduce((sum, finding) => sum + argsLength(finding), 0);
    return waiting.length === 0;
  };

  return {
    take(exec) {
      const policy = parts.policy();
      if (policy !== dismissedBy) {
        noMatchCache = createNoMatchCache();
        dismissedBy = policy;
      }
      try {
        const quick = withFacts(exec.read, exec.document);
        const { filename } = exec.snapshot.image;
        // What is read of a description is read otherwise than before it was made.
        if (!exec.described() && noMatchCache.cover(filename, quick.read) && !exec.described()) return;
        const watched = noMatchCache.watch(quick.read);
        const faultsBefore = ruleFaults;
        const matching = matchingRules(policy.rules, watched.read, onRuleFault);
        if (matching.length === 0 && !policy.records(watched.read)) {
          if (!exec.described() && ruleFaults === faultsBefore) watched.keep(filename);
          return;
        }
        const described = exec.document();
        const scope = exec.scope();
        // Only now is it known for sure what ran: the rules look again, at the whole, and facts are worked out anew.
        const { read, facts } = withFacts(exec.read, exec.document);
        const verdicts = matchingRules(matching, read, onRuleFault).map((rule) => verdictOf(rule, read));
        const event = { ...described, stepparent: { ...described.stepparent, ...facts() } };
        add({
          event,
          scope,
          verdicts: verdicts.map((verdict) => {
            const classify = policy.knownTerms.classify(verdict, exec);
            return matched(policy, event, {
              verdict: withFindings(
                withUserTerm(classify === 'unverified' ? unverified(verdict) : verdict, described),
                described,
              ),
              known: classify === 'known',
              alerting: scope === '' || policy.containerAlerts,
            });
          }),
        });
      } catch (error) {
        parts.onFault('an event could not be judged', error);
      }
    },
    takeFile(event) {
      const policy = parts.policy();
      try {
        const { read, facts } = withFacts(
          (field) => readPath(event, field),
          () => event,
        );
        const verdicts = matchingRules(policy.rules, read, onRuleFault).map((rule) =>
          withFindings(verdictOf(rule, read), event),
        );
        const scope = event.container?.id ?? '';
        const alerting = scope === '' || policy.containerAlerts;
        const whole = { ...event, stepparent: { ...event.stepparent, ...facts() } };
        add({
          event: whole,
          scope,
          verdicts: verdicts.map((verdict) => matched(policy, whole, { verdict, known: false, alerting })),
        });
      } catch (error) {
        parts.onFault('an event could not be judged', error);
      }
    },
    keep(event) {
      add({ event, scope: '', verdicts: [] });
    },
    commit,
    get waiting() {
      return waiting.length;
    },
    get dropped() {
      return dropped;
    },
  };
}
