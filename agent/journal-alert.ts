// Reads an alert back from its journal entry: the other direction of what the journald sink writes.

import { ecsVersion, type StepparentEvent } from '../collectors/event.ts';
import { severityNumbers } from '../detectors/alert.ts';
import type { Severity } from '../detectors/rules/rule.ts';

/** The fields that are asked of journalctl; those whose names begin with `_` journald writes itself, on the host that they are from. */
export const alertJournalFields = [
  'MESSAGE',
  '_HOSTNAME',
  '_MACHINE_ID',
  '_SOURCE_REALTIME_TIMESTAMP',
  'STEPPARENT_ACTION',
  'STEPPARENT_AGENT_ID',
  'STEPPARENT_ALERT_ID',
  'STEPPARENT_COMMAND_LINE',
  'STEPPARENT_CONTAINER_ID',
  'STEPPARENT_EXECUTABLE',
  'STEPPARENT_FILE',
  'STEPPARENT_LOGIN_USER',
  'STEPPARENT_PACKAGES',
  'STEPPARENT_PARENT_COMMAND_LINE',
  'STEPPARENT_PARENT_EXECUTABLE',
  'STEPPARENT_PARENT_PID',
  'STEPPARENT_PID',
  'STEPPARENT_REASON',
  'STEPPARENT_RISK_SCORE',
  'STEPPARENT_RULE',
  'STEPPARENT_RULE_NAME',
  'STEPPARENT_SCRIPT',
  'STEPPARENT_SCRIPT_DEPTH',
  'STEPPARENT_SEVERITY',
  'STEPPARENT_TRANSACTION',
  'STEPPARENT_UNIT',
  'STEPPARENT_USER',
] as const;

type FieldName = (typeof alertJournalFields)[number];

/**
 * The alert of one entry, as `journalctl -o json` prints it. Undefined for an entry that is no alert, or that does not say of
 * which host it is. `host.id` is the machine id that journald wrote, which nobody but root can choose on the host itself.
 * Of a journal that was received, the sender provides every field: systemd-journal-remote checks none of them, so that
 * whoever may send can speak for another host.
 */
export function alertOfEntry(line: string): StepparentEvent | undefined {
  const entry = parseEntry(line);
  const text = (name: FieldName | '__REALTIME_TIMESTAMP'): string | undefined => textOf(entry?.[name]);
  const rule = text('STEPPARENT_RULE');
  const id = text('STEPPARENT_ALERT_ID');
  const host = text('_MACHINE_ID');
  const time = timeOf(text('_SOURCE_REALTIME_TIMESTAMP')) ?? timeOf(text('__REALTIME_TIMESTAMP'));
  if (rule === undefined || id === undefined || host === undefined || time === undefined) return undefined;

  const hostName = text('_HOSTNAME');
  const file = text('STEPPARENT_FILE');
  const executable = text('STEPPARENT_EXECUTABLE');
  const action = text('STEPPARENT_ACTION');
  const category = action === 'hunt-finding' ? 'intrusion_detection' : file === undefined ? 'process' : 'file';
  const severity = severityNumbers[text('STEPPARENT_SEVERITY') as Severity];
  const script = text('STEPPARENT_SCRIPT');
  const depth = Number(text('STEPPARENT_SCRIPT_DEPTH') ?? Number.NaN);
  return defined({
    '@timestamp': time,
    ecs: { version: ecsVersion },
    message: text('MESSAGE'),
    event: {
      // The same alert id on two hosts is two alerts.
      id: `${host} ${id}`,
      kind: 'alert',
      category: [category],
      action,
      severity,
      risk_score: numberOf(text('STEPPARENT_RISK_SCORE')),
    },
    host: { id: host, name: hostName, hostname: hostName },
    agent: { id: text('STEPPARENT_AGENT_ID') ?? host, type: 'stepparent' },
    process: {
      executable,
      pid: numberOf(text('STEPPARENT_PID')),
      command_line: text('STEPPARENT_COMMAND_LINE'),
      parent: {
        executable: text('STEPPARENT_PARENT_EXECUTABLE'),
        pid: numberOf(text('STEPPARENT_PARENT_PID')),
        command_line: text('STEPPARENT_PARENT_COMMAND_LINE'),
      },
    },
    user: { name: text('STEPPARENT_USER') },
    file: file === undefined ? undefined : { path: file, name: file.slice(file.lastIndexOf('/') + 1) },
    container: { id: text('STEPPARENT_CONTAINER_ID') },
    rule: { id: rule, name: text('STEPPARENT_RULE_NAME') },
    stepparent: {
      alert: { id, terms: [], reason: text('STEPPARENT_REASON') ?? '', state: 'open' },
      login_user: { name: text('STEPPARENT_LOGIN_USER') },
      systemd: { unit: text('STEPPARENT_UNIT') },
      package: { packages: text('STEPPARENT_PACKAGES')?.split(' ') },
      transaction: { id: text('STEPPARENT_TRANSACTION') },
      lifecycle_script:
        script === undefined && Number.isNaN(depth)
          ? undefined
          : { path: script, depth: Number.isNaN(depth) ? undefined : depth },
    },
  }) as StepparentEvent;
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
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.every((each) => typeof each === 'number') ? Buffer.from(value).toString() : textOf(value[0]);
}

/** Of microseconds since 1970. Undefined: that is no time, or none that a date can be; the sender's journald chose it. */
function timeOf(text: string | undefined): string | undefined {
  const date = new Date(Number(text ?? Number.NaN) / 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

/** Without what is undefined and without objects that are empty then. */
function defined(value: object): object {
  const entries = Object.entries(value).flatMap(([key, each]) => {
    if (each === undefined) return [];
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return [[key, each]];
    const inner = defined(each);
    return Object.keys(inner).length === 0 ? [] : [[key, inner]];
  });
  return Object.fromEntries(entries);
}
