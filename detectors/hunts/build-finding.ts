// Builds the alert document for a row of a hunt that is new, and one sentence for a person.

import { type AlertState, ecsVersion, type StepparentEvent } from '../../collectors/event/event.ts';
import { messageBytes, messageOf, severityNumbers, threatFields } from '../alert.ts';
import { cutBytes } from '../cut-text.ts';
import { type Exception, exceptionFields } from '../exceptions.ts';
import { named } from '../message/shown.ts';
import { type Hunt, huntRuleId, rowIdentity } from './hunt.ts';

/** A value as SQL answers it. */
type RowValue = string | number | null;

/** What a finding is built from; `id` is the alert's. */
export interface FindingDeps {
  hunt: Hunt;
  row: Readonly<Record<string, RowValue>>;
  host: StepparentEvent['host'];
  agent: StepparentEvent['agent'];
  state: AlertState;
  id: string;
  nowMs: number;
  /** What hides it; given with the state `suppressed`. */
  exception?: Exception | undefined;
}

const valueBytes = 160;

const unobserved = (column: string): string =>
  /(?:^|\.)executable$/.test(column) ? 'an unobserved process' : `(no ${column})`;

/**
 * The row as an alert of severity low: `rule.id` is `hunt:` with the hunt's id, `stepparent.hunt.row` the row whole, and the
 * columns that have ECS names of processes and files stand under these too. Pure. Values in `message` and
 * `stepparent.alert.reason` are escaped; all others are as they came.
 */
export function buildFinding({ hunt, row, host, agent, state, id, nowMs, exception }: FindingDeps): StepparentEvent {
  const now = new Date(nowMs).toISOString();
  const fill = (template: string): string =>
    template.replaceAll(/\{([^{}]+)\}/g, (_, column: string) => named(row[column], valueBytes) ?? unobserved(column));
  const reason = cutBytes(fill(hunt.finding?.reason ?? hunt.name), messageBytes);
  const what = hunt.finding?.what;
  const file = pick(row, { path: 'file.path', name: 'file.name' });
  const parent = pick(row, { executable: 'process.parent.executable', command_line: 'process.parent.command_line' });
  const process = pick(row, { executable: 'process.executable', command_line: 'process.command_line' });
  const subject = parent === undefined ? process : { ...process, parent };
  const category = hunt.threat[0]?.tactic.name;
  const reference = hunt.references[0];
  return {
    '@timestamp': now,
    ecs: { version: ecsVersion },
    message: cutBytes(what === undefined ? reason : messageOf(fill(what), reason), messageBytes),
    tags: [...hunt.tags],
    event: {
      id,
      kind: 'alert',
      category: ['intrusion_detection'],
      type: ['info'],
      action: 'hunt-finding',
      module: 'stepparent',
      dataset: 'stepparent.hunt',
      created: now,
      severity: severityNumbers.low,
      risk_score: severityNumbers.low,
    },
    host,
    agent,
    ...(subject === undefined ? {} : { process: subject }),
    ...(file === undefined ? {} : { file }),
    rule: {
      id: huntRuleId(hunt.id),
      name: hunt.name,
      description: hunt.description,
      ...(category === undefined ? {} : { category }),
      ...(reference === undefined ? {} : { reference }),
      ruleset: 'stepparent',
    },
    threat: hunt.threat.map(threatFields),
    stepparent: {
      hunt: { id: hunt.id, row: { ...row } },
      alert: {
        id,
        terms: rowIdentity(hunt, row),
        reason,
        state,
        ...(exception === undefined ? {} : { exception: exceptionFields(exception) }),
      },
    },
  };
}

/** The columns that the row has, under short names; undefined when it has none of them. */
function pick<Name extends string>(
  row: FindingDeps['row'],
  columns: Readonly<Record<Name, string>>,
): Partial<Record<Name, string>> | undefined {
  const found = Object.entries<string>(columns).flatMap(([name, column]) => {
    const value = row[column];
    return value === undefined || value === null ? [] : [[name, String(value)]];
  });
  return found.length === 0 ? undefined : (Object.fromEntries(found) as Partial<Record<Name, string>>);
}
