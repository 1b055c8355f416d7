// Reads an alert from its journal entry: the inverse of the journald sink.

import path from 'node:path';
import { ecsVersion, type StepparentEvent } from '../../collectors/event/event.ts';
import { leftOfCut } from './journal-entry.ts';
import { journalFacts } from './journal-fields.ts';

/** The fields to request from journalctl. journald itself writes those whose names begin with `_`, on the host of the alert. */
export const alertJournalFields: readonly string[] = [
  '_HOSTNAME',
  '_MACHINE_ID',
  '_SOURCE_REALTIME_TIMESTAMP',
  ...journalFacts.map(({ name }) => name),
];

/**
 * The alert in one line of `journalctl -o json`. Undefined if the entry is not an alert or does not name its host.
 * `host.id` is the machine id that journald wrote; on the host itself only root can choose it. In a received journal the
 * sender chooses every field: systemd-journal-remote verifies none of them, so a sender can forge entries of another host.
 */
export function alertOfEntry(line: string): StepparentEvent | undefined {
  const entry = parseEntry(line);
  const text = (name: string): string | undefined => textsOf(entry?.[name])[0];
  const rule = text('STEPPARENT_RULE');
  const id = text('STEPPARENT_ALERT_ID');
  const host = text('_MACHINE_ID');
  const time = timeOf(text('_SOURCE_REALTIME_TIMESTAMP')) ?? timeOf(text('__REALTIME_TIMESTAMP'));
  if (rule === undefined || id === undefined || host === undefined || time === undefined) return undefined;

  const hostName = text('_HOSTNAME');
  const document = {
    '@timestamp': time,
    ecs: { version: ecsVersion },
    // The same alert id on two hosts is two alerts.
    event: { id: `${host} ${id}`, kind: 'alert' },
    host: { id: host, ...(hostName !== undefined && { name: hostName, hostname: hostName }) },
    agent: { id: host, type: 'stepparent' },
    stepparent: { alert: { terms: [], reason: '', state: 'open' } },
  };
  for (const { name, field, form } of journalFacts) {
    const texts = textsOf(entry?.[name]);
    const value = texts.length === 0 ? undefined : form.read(texts);
    if (value !== undefined) setAt(document, field, value);
    for (const { maxBytes } of texts.flatMap((each) => leftOfCut(each) ?? [])) {
      setAt(document, 'stepparent.truncated', { [field]: maxBytes });
    }
  }
  return completed(document as unknown as StepparentEvent);
}

/** Adds the fields that are derived from others. */
function completed(document: StepparentEvent): StepparentEvent {
  const { file, process, user, stepparent } = document;
  document.event.category = [categoryOf(document)];
  for (const named of [file, process, process?.parent, stepparent.initiator] as ({ name?: string } | undefined)[]) {
    const file =
      (named as { path?: string } | undefined)?.path ?? (named as { executable?: string } | undefined)?.executable;
    if (named !== undefined && file !== undefined) named.name = path.posix.basename(file);
  }
  for (const one of [user, stepparent.login_user]) withoutName(one);
  return document;
}

/** The category of an alert follows from the fields that only one kind of event has. */
function categoryOf({ event, file, destination, stepparent }: StepparentEvent): string {
  if (event.action === 'hunt-finding') return 'intrusion_detection';
  if (file?.path !== undefined) return 'file';
  if (destination !== undefined) return 'network';
  return stepparent.transaction?.manager === undefined ? 'process' : 'package';
}

/** Undoes the fallback of the sink, which writes the id in place of a missing user name. Entries of older agents have no id field. */
function withoutName(user: { id?: string; name?: string } | undefined): void {
  if (user?.name === undefined || !/^\d+$/.test(user.name)) return;
  user.id ??= user.name;
  if (user.id === user.name) delete user.name;
}

/** Sets the value at a dotted name, and merges it with an existing object. */
function setAt(document: object, field: string, value: unknown): void {
  const names = field.split('.');
  const last = names.pop() ?? field;
  let parent = document as Record<string, unknown>;
  for (const name of names) {
    parent[name] ??= {};
    parent = parent[name] as Record<string, unknown>;
  }
  const before = parent[last];
  const isBoth = [before, value].every((each) => typeof each === 'object' && each !== null && !Array.isArray(each));
  parent[last] = isBoth ? { ...(before as object), ...(value as object) } : value;
}

function parseEntry(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The values of a field. journalctl prints bytes that are not text as a list of numbers, and a repeated field as a list. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value) || value.length === 0) return [];
  return value.every((each) => typeof each === 'number') ? [Buffer.from(value).toString()] : value.flatMap(textsOf);
}

/** ISO 8601, from microseconds since 1970. Undefined if the text, which the sender's journald chose, is not a time in the range of Date. */
function timeOf(text: string | undefined): string | undefined {
  const date = new Date(Number(text ?? Number.NaN) / 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
