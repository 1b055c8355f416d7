// Builds the alert document: the event, the fields of the rule, and its sentence: who did what - why it is unusual.

import type { AlertState, StepparentEvent } from '../collectors/event/event.ts';
import { valueAt } from '../collectors/event/read-path.ts';
import { cutBytes } from './cut-text.ts';
import { durationText } from './duration.ts';
import { type Exception, exceptionFields } from './exceptions.ts';
import { named } from './message/shown.ts';
import { whatText } from './message/what.ts';
import { subjectText, whoText } from './message/who.ts';
import { isReasonWord, type ReasonWord, type Rule, type Severity, type Threat, type Verdict } from './rules/rule.ts';

/** `event.severity`, by Elastic's convention for the four names; `event.risk_score` is the rule's own number. */
export const severityNumbers: Readonly<Record<Severity, number>> = { low: 21, medium: 47, high: 73, critical: 99 };

/** The most that `message` takes, in UTF-8 bytes. Each value in it has its own share, so that no long one pushes out another. */
export const messageBytes = 1024;
const reasonBytes = 360;
/** Between what was done and why that is unusual. */
const dash = ' - ';

/** What an alert is built from; `id` is the alert's, and repeats when the same event is judged again. */
export interface AlertDeps {
  event: StepparentEvent;
  verdict: Verdict;
  state: AlertState;
  id: string;
  /** What hides it; given with the state `suppressed`. */
  exception?: Exception | undefined;
}

/**
 * The event as an alert document: ECS `event.kind`, `event.severity`, `event.risk_score`, `rule.*`, `threat[]`, `tags`,
 * `stepparent.alert` and `message`. Pure; shares nested objects with the event. `rule.category` is the first tactic's name.
 * Values in `message` and `stepparent.alert.reason` are escaped; all others are as observed.
 */
export function buildAlert({ event, verdict, state, id, exception }: AlertDeps): StepparentEvent {
  const { rule, terms } = verdict;
  const reason = cutBytes(reasonText(event, verdict), reasonBytes);
  return {
    ...event,
    message: messageOf(actionText(event), reason),
    tags: [...rule.tags],
    event: { ...event.event, kind: 'alert', severity: severityNumbers[rule.severity], risk_score: rule.riskScore },
    rule: ruleFields(rule),
    threat: rule.threat.map(threatFields),
    stepparent: {
      ...event.stepparent,
      alert: {
        id,
        terms: [...terms],
        reason,
        state,
        ...(exception === undefined ? {} : { exception: exceptionFields(exception) }),
      },
    },
  };
}

/** The sentence of an alert: who did what, and why that is unusual. Of the two the first is cut to fit. */
export const messageOf = (action: string, reason: string): string =>
  `${cutBytes(action, messageBytes - Buffer.byteLength(reason) - dash.length)}${dash}${reason}`;

function ruleFields(rule: Rule): Record<string, unknown> {
  const category = rule.threat[0]?.tactic.name;
  const reference = rule.references[0];
  return {
    id: rule.id,
    name: rule.name,
    description: rule.description,
    ...(rule.version === undefined ? {} : { version: String(rule.version) }),
    ...(category === undefined ? {} : { category }),
    license: rule.license,
    author: [...rule.author],
    ...(reference === undefined ? {} : { reference }),
    ruleset: 'stepparent',
  };
}

/** An ATT&CK tactic as the ECS field set `threat`. `technique` is absent if there is none. */
export function threatFields(threat: Threat): Record<string, unknown> {
  const subtechniques = threat.technique.flatMap((technique) => technique.subtechnique);
  return {
    framework: threat.framework,
    tactic: lists([threat.tactic]),
    ...(threat.technique.length === 0
      ? {}
      : {
          technique: {
            ...lists(threat.technique),
            ...(subtechniques.length === 0 ? {} : { subtechnique: lists(subtechniques) }),
          },
        }),
  };
}

function lists(entries: readonly { id: string; name: string; reference: string }[]) {
  return {
    id: entries.map((part) => part.id),
    name: entries.map((part) => part.name),
    reference: entries.map((part) => part.reference),
  };
}

/**
 * The paths of the programs that only have the name or the content of one of the distribution's, the process before its parent. Paths, since an impostor
 * may also be at the usual path.
 */
function impostorText({ process, stepparent: { genuine, program } }: StepparentEvent): string {
  const impostors = [
    ...(genuine?.process === false ? [program?.argument ?? process?.executable] : []),
    ...(genuine?.parent === false ? [process?.parent?.executable] : []),
  ];
  return impostors.map((file) => named(file) ?? 'an unobserved program').join(' or ') || 'no observed program';
}

/**
 * The rule's clause with `{field.name}` and the names of `reasonWords` filled in. A new_terms rule whose terms were not observed has nothing to
 * compare, and says that instead.
 */
function reasonText(event: StepparentEvent, { rule, terms, remark }: Verdict): string {
  const missing = rule.type === 'new_terms' ? rule.termFields.filter((_, i) => terms[i] === null) : [];
  if (missing.length > 0) return `${missing.join(' and ')} not observed, so the baseline could not be checked`;
  const values: Readonly<Record<ReasonWord, () => string>> = {
    window: () => durationText(rule.windowMs),
    who: () => whoText(event),
    impostor: () => impostorText(event),
  };
  const reason = rule.reason.replaceAll(/\{([^{}]+)\}/g, (_, name: string) =>
    isReasonWord(name) ? values[name]() : (named(fieldValue(event, name)) ?? `(${name} not observed)`),
  );
  return remark === undefined ? reason : `${reason}; ${remark}`;
}

/** Who did what. */
export const actionText = (event: StepparentEvent): string => `${subjectText(event)} ${whatText(event)}`;

function fieldValue(event: StepparentEvent, name: string): unknown {
  const value = valueAt(event, name);
  return typeof value === 'object' && !Array.isArray(value) ? undefined : value;
}
