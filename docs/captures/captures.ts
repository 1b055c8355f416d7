// `npm run docs:captures`: writes the pictures of README from docs/captures/recording.json, which has what auditd and the agent recorded
// of one installation. The alert is built again from its event, so the pictures follow the text of the rules and the formatters.

import '../../agent/locked-node.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { shownMessage } from '../../agent/output/shown-message.ts';
import { storyLines } from '../../agent/output/story-lines.ts';
import type { Story } from '../../agent/query/read-story.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { buildAlert } from '../../detectors/alert.ts';
import type { Incident } from '../../detectors/incident.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import type { Rule } from '../../detectors/rules/rule.ts';

export const rootDirectory = path.join(import.meta.dirname, '../..');

/** What auditd and the agent recorded of one run. */
export interface Recording {
  /** The first of auditd's records, from the execution of dpkg on, and the number of all. */
  audit: { records: string[]; count: number };
  alert: StepparentEvent;
  incident: Incident;
}

export const recordingFile = path.join(import.meta.dirname, 'recording.json');

/** Width in characters; longer lines are cut or wrapped. */
const columns = 118;
const auditLines = 12;

/** Both pictures by their paths. */
export function captures(): Map<string, string> {
  const { audit, alert, incident }: Recording = JSON.parse(readFileSync(recordingFile, 'utf8'));
  const records = audit.records.slice(0, auditLines);
  const lines = storyLines(storyOf(alert, incident), columns).map(stripVTControlCharacters);
  const pictures: [name: string, title: string, lines: string[]][] = [
    [
      'auditd.svg',
      'What auditd records of the installation of a backdoored package',
      [
        '# tail -f /var/log/audit/audit.log',
        ...records.map((line) => cutLine(line)),
        `… and ${audit.count - records.length} more records of this installation`,
      ],
    ],
    [
      'stepparent.svg',
      'The alert that stepparent makes of the same installation, and its story',
      [
        '# journalctl -t stepparent _UID=0 -o cat',
        ...wrapLine(shownMessage(rebuild(alert)), ''),
        '',
        `# stepparent show ${alert.stepparent.alert?.id.slice(0, 8)} | sed '/^unseen/Q'`,
        ...lines.slice(
          0,
          lines.findIndex((line) => line.startsWith('unseen')),
        ),
      ],
    ],
  ];
  return new Map(
    pictures.map(([name, title, lines]) => [path.join(import.meta.dirname, name), terminal(title, lines)]),
  );
}

const ruleOf = (alert: StepparentEvent): Rule | undefined =>
  readRules([path.join(rootDirectory, 'detectors/rules')]).rules.find(({ id }) => id === alert.rule?.id);

/** The recorded alert with its incident, without what only the database has. */
function storyOf(alert: StepparentEvent, incident: Incident): Story {
  const document = rebuild(alert);
  const { id = '', terms = [] } = document.stepparent.alert ?? {};
  const timeMs = Date.parse(document['@timestamp']);
  return {
    alert: {
      id,
      ruleId: String(document.rule?.id),
      scope: '',
      terms: [...terms],
      state: 'open',
      firstMs: timeMs,
      lastMs: timeMs,
      count: 1,
      document,
    },
    incident,
    rule: ruleOf(alert),
    packages: [],
    baseline: { count: 0, newest: [], own: undefined },
    related: [],
  };
}

/** The alert with the present text of the rules that come with the agent. */
function rebuild(alert: StepparentEvent): StepparentEvent {
  const rule = ruleOf(alert);
  const { id, terms, state } = alert.stepparent.alert ?? {};
  if (rule === undefined || id === undefined || state === undefined) throw new Error('the recording has no such alert');
  return buildAlert({ event: alert, verdict: { rule, terms: terms ?? [] }, state, id });
}

const cutLine = (line: string): string => (line.length <= columns ? line : `${line.slice(0, columns - 1)}…`);

function wrapLine(line: string, indent: string): string[] {
  if (line.length <= columns) return [line];
  const space = line.lastIndexOf(' ', columns);
  const end = space > indent.length ? space : columns;
  return [line.slice(0, end), ...wrapLine(`${indent}${line.slice(end).trimStart()}`, indent)];
}

const charWidth = 7.25;
const lineHeight = 17;
const margin = 14;

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** The highlighted parts of a line, by the class of their colour. */
const marks: readonly [pattern: RegExp, colour: string][] = [
  [/^# .*/, 'prompt'],
  [/^… .*/, 'dim'],
  [/&lt;- (?:ALERT(?: [a-z-]+)?|STILL RUNNING)/g, 'alert'],
  [/^(?:LOW|MEDIUM|HIGH|CRITICAL)(?= )/, 'alert'],
];

/** An SVG of lines as in a dark terminal. `textLength` keeps the width in any font. */
function terminal(title: string, lines: readonly string[]): string {
  const width = Math.ceil(columns * charWidth + 2 * margin);
  const height = lines.length * lineHeight + 2 * margin;
  const texts = lines.flatMap((line, i) => {
    if (line === '') return [];
    const marked = marks.reduce(
      (text, [pattern, colour]) => text.replaceAll(all(pattern), `<tspan class="${colour}">$&</tspan>`),
      escapeXml(line),
    );
    const y = margin + i * lineHeight + 13;
    return [
      `<text x="${margin}" y="${y}" textLength="${(line.length * charWidth).toFixed(2)}" lengthAdjust="spacingAndGlyphs">${marked}</text>`,
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${title}</title>
<style>
text { font: 12px ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d5dae0; white-space: pre; }
.prompt { fill: #7ee2a8; }
.dim { fill: #8b96a3; }
.alert { fill: #ff8f7a; font-weight: bold; }
</style>
<rect width="${width}" height="${height}" rx="8" fill="#161b22"/>
${texts.join('\n')}
</svg>
`;
}

const all = (pattern: RegExp): RegExp => new RegExp(pattern.source, 'g');

if (import.meta.main) for (const [file, text] of captures()) writeFileSync(file, text);
