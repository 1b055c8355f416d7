// Reads an alert back from its journal entry: the other direction of what the journald sink writes.

import path from 'node:path';
import { ecsVersion, type StepparentEvent } from '../../collectors/event/event.ts';
import { leftOfCut } from './journal-entry.ts';
import { journalFacts } from './journal-fields.ts';

/** The fields that are asked of journalctl; those whose names begin with `_` journald writes itself, on the host that they are from. */
export const alertJournalFields: readonly string[] = [
  '_HOSTNAME',
  '_MACHINE_ID',
  '_SOURCE_REALTIME_TIMESTAMP',
  ...journalFacts.map(({ name }) => name),
];

/**
 * The alert of one entry, as `journalctl -o json` prints it. Undefined for an entry that is no alert, or that does not say of
 * which host it is. `host.id` is the machine id that journald wrote; on the host itself only root can choose it.
 * In a journal that was received, every field is the sender's: systemd-journal-remote checks none of them, so that a
 * sender can write entries of another host.
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

/** Adds the fields that follow from others. */
function completed(document: StepparentEvent): StepparentEvent {
  const { event, file, process, user, stepparent } = document;
  const category =
    event.action === 'hunt-finding' ? 'intrusion_detection' : file?.path === undefined ? 'process' : 'file';
  event.category = [category];
  for (const named of [file, process, process?.parent, stepparent.initiator] as ({ name?: string } | undefined)[]) {
    const file =
      (named as { path?: string } | undefined)?.path ?? (named as { executable?: string } | undefined)?.executable;
    if (named !== undefined && file !== undefined) named.name = path.posix.basename(file);
  }
  for (const one of [user, stepparent.login_user]) withoutName(one);
  return document;
}

/** A user without a name was written with the id in its place; entries of older agents have no id of their own. */
function withoutName(user: { id?: string; name?: string } | undefined): void {
  if (user?.name === undefined || !/^\d+$/.test(user.name)) return;
  user.id ??= user.name;
  if (user.id === user.name) delete user.name;
}

/** Sets the value at a dotted name; an object that is already there is merged with it. */
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

/** journalctl shows bytes that are no text as a list of numbers, and a field that occurs several times as a list. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value) || value.length === 0) return [];
  return value.every((each) => typeof each === 'number') ? [Buffer.from(value).toString()] : value.flatMap(textsOf);
}

/** Of microseconds since 1970. Undefined: that is no time, or none that a date can be; the sender's journald chose it. */
function timeOf(text: string | undefined): string | undefined {
  const date = new Date(Number(text ?? Number.NaN) / 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
