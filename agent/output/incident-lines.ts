// Formats an incident as lines for a terminal: the command and who ran it, facts, and the steps.

import { styleText } from 'node:util';
import { escapeText } from '../../collectors/event/escape-text.ts';
import type { Incident, IncidentStep } from '../../detectors/incident.ts';
import { subjectText } from '../../detectors/message/who.ts';
import { severityColours } from '../configuration/severity.ts';
import { labelLines } from './label-lines.ts';
import { localTime } from './local-time.ts';

/** The maximum number of steps shown for one incident. */
const maxSteps = 40;
const lineChars = 300;
const valueChars = 120;

const shown = (text: string | number | undefined, chars = valueChars): string => escapeText(String(text ?? ''), chars);

/** The lines of one incident. Everything that was observed is escaped. */
export function incidentLines(incident: Incident): string[] {
  const { process: tool, stepparent } = incident;
  const {
    severity,
    explained,
    survivors,
    survivors_count: alive,
    steps,
    left_out,
    unread,
    last_alert,
  } = stepparent.incident;
  const { risk_score: score } = incident.event;
  const coloured = styleText(severityColours[severity], `${severity} ${score}`, { stream: process.stdout });
  const program = tool?.executable ?? stepparent.transaction.executable;
  const command = tool?.args === undefined ? (program ?? '(tool not observed)') : tool.args.join(' ');
  const facts: [string, string][] = [
    ['by', startedBy(incident)],
    ['packages', packagesText(incident)],
    ['score', shown(explained, lineChars)],
    ['alerts', alertsText(incident)],
    ['scripts', scriptsText(incident)],
    [
      'running',
      survivors
        .slice(0, 5)
        .map(({ pid, command_line, executable }) => `${shown(command_line ?? executable)} (pid ${pid})`)
        .join(', ') + more(alive - Math.min(survivors.length, 5)),
    ],
  ];
  const { chosen, left } = chooseSteps(steps, left_out);
  return [
    `${localTime(last_alert)}  ${coloured}  ${shown(stepparent.transaction.id)}  ${shown(command, lineChars)}`,
    ...labelLines(
      facts.filter(([, text]) => text !== ''),
      { width: 10 },
    ),
    ...chosen.map(stepLine),
    ...(unread === undefined ? [] : [`  and ${unread} later events, not read`]),
    ...(left === '' ? [] : [`  and ${left}; --json lists up to 500`]),
  ];
}

/** As alerts name them; then the programs above the tool, nearest first. */
function startedBy({ user, stepparent }: Incident): string {
  const { initiator, lineage } = stepparent;
  const [parent] = lineage;
  const who = subjectText({
    ...(user === undefined ? {} : { user }),
    process: parent === undefined ? {} : { parent },
    stepparent,
  }).replace(/,$/, '');
  const above = lineage.slice(0, 6).map(({ name, executable, pid }) => shown(name ?? executable ?? `pid ${pid}`));
  return [
    initiator === undefined ? who : `${who} (pid ${initiator.pid})`,
    ...(above.length === 0 ? [] : [`through ${above.join(' < ')}`]),
  ].join(', ');
}

function packagesText({ stepparent }: Incident): string {
  const { packages, packages_count: count, operations } = stepparent.incident;
  const names = packages.slice(0, 8).map(({ name, version, inferred = [] }) => {
    const text = shown(version === undefined ? name : `${name} ${version}`);
    if (inferred.length === 0) return text;
    return `${text} (${inferred.includes('name') ? '' : 'version '}from its file name)`;
  });
  const operationsText = operations.length === 0 ? '' : ` (${operations.map((each) => shown(each)).join(', ')})`;
  return names.length === 0
    ? operationsText.trim()
    : `${names.join(', ')}${more(count - names.length)}${operationsText}`;
}

function alertsText({ stepparent }: Incident): string {
  const { contributions } = stepparent.incident;
  return contributions
    .filter(({ alerts }) => alerts > 0)
    .slice(0, 10)
    .map((each) => `${shown(each['rule.id'])}${each.alerts > 1 ? ` ×${each.alerts}` : ''}`)
    .join(', ');
}

/** Lists the scripts with an alert or an unusual state. The others are only counted: scripts of ordinary packages have findings too. */
function scriptsText({ stepparent }: Incident): string {
  const { scripts } = stepparent.incident;
  const suspicious = scripts.filter(({ alerted, state }) => alerted || state === 'changed' || state === 'unowned');
  const parts = suspicious.slice(0, 5).map(({ path, state, findings = [] }) => {
    const found = findings.slice(0, 3).map(({ id, line }) => `${shown(id)} in line ${line}`);
    return `${shown(path ?? '(script not observed)')}${state === undefined ? '' : ` (${state})`}: ${found.join(', ')}${more(findings.length - found.length)}`;
  });
  return parts.join('; ') + more(scripts.length - parts.length);
}

const more = (count: number): string => (count > 0 ? ` and ${count} more` : '');

/** Chooses the steps of the highest rank, in order of time, and counts the others by kind. */
function chooseSteps(steps: readonly IncidentStep[], leftOut: Incident['stepparent']['incident']['left_out']) {
  const ranked = [...steps].sort((a, b) => b.rank - a.rank);
  const chosen = new Set(ranked.slice(0, maxSteps));
  const counts = new Map(Object.entries(leftOut));
  for (const { kind } of ranked.slice(maxSteps)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const names: Record<string, string> = {
    package: 'package runs',
    script: 'scripts',
    exec: 'programs',
    file: 'files',
    connect: 'connections',
    running: 'lists of running programs',
  };
  return {
    chosen: steps.filter((step) => chosen.has(step)),
    left: [...counts].map(([kind, count]) => `${count} ${names[kind]}`).join(', '),
  };
}

function stepLine(step: IncidentStep): string {
  const { kind, what, by, rules = [], alive } = step;
  const pid = step['process.pid'];
  const who = kind === 'file' ? `${shown(by ?? '(process not observed)')} ` : '';
  const parent = kind === 'file' || by === undefined ? '' : `, by ${shown(by)}`;
  const marks = [...rules.map((rule) => `ALERT ${shown(rule)}`), ...(alive ? ['STILL RUNNING'] : [])];
  const text = `${who}${shown(what, lineChars)}${pid === undefined ? '' : ` (pid ${pid}${parent})`}`;
  return `  ${localTime(step['@timestamp']).slice(11)}  ${kind.padEnd(7)}  ${text}${marks.map((mark) => `  <- ${mark}`).join('')}`;
}
