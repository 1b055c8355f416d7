// `npm run docs:rules`: writes docs/rules/ and docs/hunts/, a page for each rule and hunt that comes with stepparent, from its file.

import { durationText } from '../detectors/duration.ts';
import '../agent/locked-node.ts';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Hunt } from '../detectors/hunts/hunt.ts';
import { readHunts, shippedHunts } from '../detectors/hunts/load-hunts.ts';
import { readRules } from '../detectors/rules/load-rules.ts';
import type { Rule, Threat } from '../detectors/rules/rule.ts';

const here = import.meta.dirname;
const root = path.join(here, '..');

/** The directories below docs/ that contain only these pages. */
export const pageDirectories = ['rules', 'hunts'] as const;

/** Every page by its path below docs/. Throws when a rule or a hunt is rejected. */
export function rulePages(): Map<string, string> {
  const { rules, rejected } = readRules([path.join(root, 'detectors/rules')]);
  const { hunts, rejected: rejectedHunts } = readHunts([shippedHunts]);
  const [fault] = [...rejected, ...rejectedHunts];
  if (fault !== undefined) throw new Error(`${fault.file}:${fault.line}:${fault.column}: ${fault.message}`);
  return new Map([
    ['rules/README.md', rulesPage(rules)],
    ...rules.map((rule): [string, string] => [`rules/${rule.id}.md`, rulePage(rule)]),
    ['hunts/README.md', huntsPage(hunts)],
    ...hunts.map((hunt): [string, string] => [`hunts/${hunt.id}.md`, huntPage(hunt)]),
  ]);
}

const rulesPage = (rules: readonly Rule[]): string =>
  page('The rules that come with stepparent', [
    table(
      ['Rule', 'Severity, risk', 'ATT&CK', 'What it detects'],
      rules.map(({ id, name, severity, riskScore, threat }) => [
        `[\`${id}\`](${id}.md)`,
        `${severity}, ${riskScore}`,
        techniqueIds(threat),
        name,
      ]),
    ),
    '[rules.md](../rules.md) describes how to write a rule file. `stepparent rules show RULE` prints a rule on the host.',
  ]);

const rulePage = (rule: Rule): string =>
  page(rule.name, [
    table(
      ['', ''],
      [
        ['Rule', `\`${rule.id}\``],
        ...(rule.version === undefined ? [] : [['Version', String(rule.version)]]),
        ['Severity', `${rule.severity}, risk score ${rule.riskScore}`],
        ['Type', `\`${rule.type}\``],
        ['File', fileLink(rule.file)],
        ...(rule.tags.length > 0 ? [['Tags', rule.tags.join('; ')]] : []),
      ],
    ),
    rule.description,
    '## Query',
    `In ${rule.language === 'eql' ? 'EQL' : 'KQL'}; see [query languages](../query-languages.md).`,
    fenced(rule.language === 'eql' ? 'eql' : 'kuery', rule.query),
    rule.type === 'new_terms' ? '## When a match is new' : '## When matches are one alert',
    whenReported(rule),
    `The alert's message says who did what, and then: ${code(rule.reason)}.`,
    ...threatSection(rule.threat),
    ...listSection('False positives', rule.falsePositives),
    ...(rule.note === '' ? [] : ['## Investigation guide', demoted(rule.note)]),
    ...listSection('References', rule.references),
  ]);

const huntsPage = (hunts: readonly Hunt[]): string =>
  page('The hunts that come with stepparent', [
    table(
      ['Hunt', 'Asks', 'Reported as a finding', 'What it lists'],
      hunts.map(({ id, name, source, finding }) => [
        `[\`${id}\`](${id}.md)`,
        sources[source],
        finding === undefined ? 'no' : 'each new row once',
        name,
      ]),
    ),
    '[hunts.md](../hunts.md) describes hunts and how to run them.',
  ]);

const huntPage = (hunt: Hunt): string =>
  page(hunt.name, [
    table(
      ['', ''],
      [
        ['Hunt', `\`${hunt.id}\``],
        ['Asks', sources[hunt.source]],
        ['Window', durationText(hunt.windowMs)],
        ['Rows', `${hunt.limit} at most`],
        ['File', fileLink(hunt.file)],
        ...(hunt.tags.length > 0 ? [['Tags', hunt.tags.join('; ')]] : []),
      ],
    ),
    hunt.description,
    '## Statement',
    fenced(hunt.language, hunt.query),
    '## When a row is new',
    `Rows with the same ${fieldList(hunt.identity)} are one row.`,
    ...(hunt.finding === undefined
      ? ['The agent reports none of its rows; they are listed when you run the hunt.']
      : [
          `The agent reports a new row once: ${code([hunt.finding.what, hunt.finding.reason].filter(Boolean).join(' - '))}.`,
        ]),
    ...(hunt.finding?.unless === undefined
      ? []
      : ['Rows for which this condition holds are listed but not reported:', fenced('sql', hunt.finding.unless)]),
    ...threatSection(hunt.threat),
    ...(hunt.note === '' ? [] : ['## Investigation guide', demoted(hunt.note)]),
    ...listSection('References', hunt.references),
  ]);

const sources: Readonly<Record<Hunt['source'], string>> = {
  events: 'stored events',
  alerts: 'alerts, also those of many hosts',
  host: 'the host as it is now',
};

function whenReported({ type, termFields, windowMs, knownTerms, knownBy, partOf }: Rule): string {
  if (type !== 'new_terms') {
    return `Matches with the same ${fieldList(termFields)} raise one alert in ${durationText(windowMs)}. If one of these fields was not observed, each match raises an alert.`;
  }
  const lists = knownTerms.map((list) => `\`${list}\``).join(', ');
  const known =
    lists === ''
      ? ''
      : ` Genuine programs that [known-terms.toml](../../detectors/rules/known-terms.toml) lists as ${lists} count as seen from the first day.`;
  const links = (ids: readonly string[]): string => ids.map((id) => `[\`${id}\`](${id}.md)`).join(', ');
  const others = [
    knownBy.length === 0 ? '' : ` What ${links(knownBy)} has seen counts as seen, too.`,
    partOf.length === 0
      ? ''
      : ` If a rule of these raises an alert of the same event, the finding goes into it: ${links(partOf)}.`,
  ].join('');
  return `A match raises an alert if ${fieldList(termFields)} was not seen in a match on this host in the last ${durationText(windowMs)}. Each sighting restarts that time.${known}${others} If one of these fields was not observed, each match raises an alert.`;
}

function threatSection(threat: readonly Threat[]): string[] {
  const rows = threat.flatMap(({ tactic, technique }) =>
    technique
      .flatMap((each) => [each, ...each.subtechnique])
      .map((each, index) => [index === 0 ? attackLink(tactic) : '', attackLink(each)]),
  );
  return rows.length === 0 ? [] : ['## MITRE ATT&CK', table(['Tactic', 'Technique'], rows)];
}

const attackLink = ({ id, name, reference }: { id: string; name: string; reference: string }): string =>
  `[${id}](${reference}) ${name}`;

const techniqueIds = (threat: readonly Threat[]): string =>
  [
    ...new Set(
      threat.flatMap(({ technique }) =>
        technique.flatMap(({ id, subtechnique }) => [id, ...subtechnique.map((sub) => sub.id)]),
      ),
    ),
  ].join(', ');

const listSection = (title: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [`## ${title}`, items.map((item) => `- ${item.trim()}`).join('\n')];

const fieldList = (fields: readonly string[]): string => fields.map(code).join(' and ');

const code = (text: string): string => `\`${text}\``;

const fenced = (language: string, text: string): string => `\`\`\`${language}\n${text.trim()}\n\`\`\``;

const fileLink = (file: string): string => {
  const name = path.relative(root, file);
  return `[\`${name}\`](../../${name})`;
};

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');

/** The guide's headings one level lower: the page has its own. */
function demoted(note: string): string {
  let inCode = false;
  return note
    .trim()
    .split('\n')
    .map((line) => {
      if (line.startsWith('```')) inCode = !inCode;
      return !inCode && /^#{1,5} /.test(line) ? `#${line}` : line;
    })
    .join('\n');
}

const page = (title: string, blocks: readonly string[]): string =>
  `${[`# ${title}`, '<!-- Made from the file by `npm run docs:rules`; change that. -->', ...blocks].join('\n\n')}\n`;

if (import.meta.main) {
  const pages = rulePages();
  for (const directory of pageDirectories) {
    mkdirSync(path.join(here, directory), { recursive: true });
    for (const name of readdirSync(path.join(here, directory))) {
      if (!pages.has(`${directory}/${name}`)) rmSync(path.join(here, directory, name));
    }
  }
  for (const [name, text] of pages) writeFileSync(path.join(here, name), text);
  process.stdout.write(`${pages.size} pages\n`);
}
