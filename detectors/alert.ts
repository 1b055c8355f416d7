// Builds the alert document: the event, the fields of the rule, and one sentence for a person.

import { escapeText } from '../collectors/event/escape-text.ts';
import type { AlertState, StepparentEvent } from '../collectors/event/event.ts';
import { valueAt } from '../collectors/event/read-path.ts';
import { cutBytes } from './cut-text.ts';
import { durationText } from './duration.ts';
import { type Exception, exceptionFields } from './exceptions.ts';
import type { Rule, Severity, Threat, Verdict } from './rules/rule.ts';

/** `event.severity`, by Elastic's convention for the four names; `event.risk_score` is the rule's own number. */
export const severityNumbers: Readonly<Record<Severity, number>> = { low: 21, medium: 47, high: 73, critical: 99 };

/**
 * The most that `message` takes, in UTF-8 bytes. Each value has its own share, small enough that no long path or argument
 * pushes the user, the unit or the reason out of the sentence.
 */
export const messageBytes = 1024;
const reasonBytes = 360;
const commandBytes = 200;
const valueBytes = 128;
const directoryBytes = 96;
const nameBytes = 40;
const unitBytes = 64;

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
    message: `${cutBytes(actionText(event), messageBytes - Buffer.byteLength(reason) - 2)}; ${reason}`,
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

function ruleFields(rule: Rule): Record<string, unknown> {
  const category = rule.threat[0]?.tactic.name;
  const reference = rule.references[0];
  return {
    id: rule.id,
    name: rule.name,
    description: rule.description,
    ...(category === undefined ? {} : { category }),
    license: rule.license,
    author: [...rule.author],
    ...(reference === undefined ? {} : { reference }),
    ruleset: 'stepparent',
  };
}

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

/** The rule's clause with its `{field.name}` and `{window}` filled in; says so when what it compares was not observed. */
function reasonText(event: StepparentEvent, { rule, terms, remark }: Verdict): string {
  const missing = rule.termFields.filter((_, i) => terms[i] === null);
  if (missing.length > 0) return `${missing.join(', ')} not observed, so the baseline could not be checked`;
  const reason = rule.reason.replaceAll(/\{([^{}]+)\}/g, (_, name: string) =>
    name === 'window' ? durationText(rule.windowMs) : (shown(fieldValue(event, name)) ?? `(${name} not observed)`),
  );
  return remark === undefined ? reason : `${reason}; ${remark}`;
}

/** Who did what, where, under which user and unit: one escaped clause. */
export function actionText(event: StepparentEvent): string {
  const { process } = event;
  const user = userText(event.user ?? process?.user);
  const login = userText(event.stepparent.login_user);
  const unit = shown(event.stepparent.systemd?.unit, unitBytes);
  const container = shown(event.container?.id?.slice(0, 12));
  const directory = shown(process?.working_directory, directoryBytes);
  return [
    event.file?.path === undefined ? execText(process) : fileText(event, event.file.path),
    directory === undefined ? '' : ` in ${directory}`,
    user === undefined ? ' (user not observed)' : ` as ${user}`,
    login === undefined || login === user ? '' : ` (logged in as ${login})`,
    unit === undefined ? '' : ` in unit ${unit}`,
    container === undefined ? '' : ` in container ${container}`,
  ].join('');
}

function userText(user: { id?: string; name?: string } | undefined): string | undefined {
  const id = shown(user?.id, nameBytes);
  return shown(user?.name, nameBytes) ?? (id === undefined ? undefined : `uid ${id}`);
}

function execText(process: StepparentEvent['process']): string {
  const command = commandText(process);
  const parent = programText(process?.parent);
  return parent === undefined
    ? `"${command}"${pidText(process?.pid)} was run, parent not observed,`
    : `${parent} ran "${command}"`;
}

function fileText(event: StepparentEvent, path: string): string {
  const action = event.event.action ?? 'change';
  const verb = fileVerbs.get(action) ?? `changed (${shown(action)})`;
  const program = programText(event.process);
  return program === undefined
    ? `${shown(path)} was ${verb}, process not observed,`
    : `${program} ${verb} ${shown(path)}`;
}

const fileVerbs: ReadonlyMap<string, string> = new Map([
  ['creation', 'created'],
  ['deletion', 'deleted'],
  ['rename', 'renamed'],
  ['modification', 'changed'],
  ['attribute-change', 'changed'],
]);

function commandText(process: StepparentEvent['process']): string {
  const args = process?.args;
  const program = process?.executable ?? process?.name;
  if (args === undefined && program === undefined) return '(program not observed)';
  const words = [args ?? program ?? ''].flat();
  const line = words.map((word) => (/^[^\s']+$/.test(word) ? word : `'${word}'`)).join(' ');
  return cutBytes(escapeText(line, commandBytes).replaceAll('"', '\\"'), commandBytes);
}

function programText(program: { executable?: string; name?: string; pid?: number } | undefined): string | undefined {
  const name = shown(program?.executable ?? program?.name);
  return name === undefined ? undefined : `${name}${pidText(program?.pid)}`;
}

function pidText(pid: number | undefined): string {
  return pid === undefined ? '' : ` (pid ${pid})`;
}

/** A value of any field, escaped and cut; a list's members stand side by side. */
function shown(value: unknown, maxBytes = valueBytes): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = Array.isArray(value) ? value.join(' ') : String(value);
  return cutBytes(escapeText(text, maxBytes), maxBytes);
}

function fieldValue(event: StepparentEvent, name: string): unknown {
  const value = valueAt(event, name);
  return typeof value === 'object' && !Array.isArray(value) ? undefined : value;
}
