// Formats one alert with everything around it: who, what and why, process tree, difference, time line, packages, baseline, next steps.

import { styleText } from 'node:util';
import { escapeText } from '../../collectors/event/escape-text.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import { inferredBases, unobservedReasons } from '../../collectors/event/reasons.ts';
import { foldPath } from '../../collectors/process/folded-path.ts';
import type { Incident, IncidentStep } from '../../detectors/incident.ts';
import { subjectText } from '../../detectors/message/who.ts';
import { outcomeOf } from '../../detectors/query/conditions.ts';
import { isProgramField } from '../../detectors/term.ts';
import type { AlertRecord, TermRecord } from '../../storage/records.ts';
import { severityColours, severityNamed, severityOf } from '../configuration/severity.ts';
import type { Story } from '../query/read-story.ts';
import { idChars, partsOf } from './alert-table.ts';
import { cellWidth, cutCells, wrapCells } from './cell-width.ts';
import { guideLines } from './guide-lines.ts';
import { localTime } from './local-time.ts';
import { shownText } from './shown-message.ts';

const labelCells = 10;
const valueChars = 160;
/** Numbers of lines of one part; more are counted. */
const most = { steps: 24, diff: 40, packages: 12, fields: 12, findings: 8, notes: 12 };
const minText = 20;
/** The longest id of a transaction has a boot, a pid and a start time. */
const incidentIdChars = 40;

const shown = (value: unknown, chars = valueChars): string => escapeText([value ?? ''].flat().join(' '), chars);

/** A part of the story: its label stands before the first line. Texts are wrapped; lines that are cut are marked by `cut`. */
interface Part {
  label: string;
  texts: readonly string[];
  /** Lines that keep their form: they are cut, not wrapped. */
  isFixed?: boolean;
}

/** The lines, escaped, each at most `columns` cells wide. */
export function storyLines(story: Story, columns: number): string[] {
  const { alert, incident, rule } = story;
  const { document } = alert;
  const { what, why } = partsOf(document);
  const parts: Part[] = [
    { label: 'who', texts: [whoText(document)] },
    { label: 'what', texts: [what] },
    { label: 'why', texts: [why] },
    { label: 'also', texts: otherRuleLines(document) },
    { label: 'review', texts: reviewLines(alert) },
    { label: 'user', texts: [userText(document)] },
    { label: 'tree', texts: treeLines(story, columns - labelCells), isFixed: true },
    { label: 'diff', texts: diffLines(document), isFixed: true },
    { label: 'script', texts: findingLines(document) },
    { label: 'time', texts: timeLines(incident, columns - labelCells), isFixed: true },
    { label: 'packages', texts: packageLines(story) },
    { label: 'running', texts: runningLines(incident) },
    { label: 'unseen', texts: unseenLines(document) },
    { label: 'rule', texts: ruleLines(story) },
    { label: 'baseline', texts: baselineLines(story) },
    { label: 'related', texts: relatedLines(story), isFixed: true },
    { label: 'do', texts: nextLines(story) },
  ];
  return [
    ...headingLines(story, columns),
    '',
    ...parts.flatMap((part) => partLines(part, columns)),
    ...(rule === undefined || rule.note === '' ? [] : ['', ...guideLines(guideOf(story), Math.max(minText, columns))]),
  ];
}

function headingLines({ alert, incident }: Story, columns: number): string[] {
  const { id, ruleId, state, firstMs, lastMs, count, document } = alert;
  const severity = severityOf(document);
  const name = `  ${shown(document.rule?.name ?? ruleId)}`;
  const { risk_score: score } = incident.event;
  const { severity: whole, alerts_count: alerts } = incident.stepparent.incident;
  const isSingle = incident.event.action === 'single-alert';
  const incidentId = shown(isSingle ? id.slice(0, idChars) : incident.stepparent.transaction.id, incidentIdChars);
  const facts = [
    shown(id.slice(0, idChars)),
    shown(ruleId),
    localTime(lastMs),
    shown(document.host.name ?? document.host.hostname),
    count > 1 ? `×${count} since ${localTime(firstMs)}` : 'once',
    ...(state === 'open' ? [] : [state]),
    `incident ${incidentId} ${whole} ${score}${alerts > 1 ? `, ${alerts} alerts` : ''}`,
  ];
  return [
    `${styleText(severityColours[severity], severity.toUpperCase(), { stream: process.stdout })}${cutCells(name, columns - severity.length)}`,
    ...wrapCells(facts.filter((fact) => fact !== '').join(' · '), columns),
  ];
}

function partLines({ label, texts, isFixed }: Part, columns: number): string[] {
  const width = Math.max(minText, columns - labelCells);
  const lines = texts
    .filter((text) => text !== '')
    .flatMap((text) => {
      if (isFixed) return [cutCells(text, width)];
      if (cellWidth(text) <= width) return [text];
      // A continued line is indented below its text.
      return wrapCells(text, width - 2).map((line, i) => (i === 0 ? line : `  ${line}`));
    });
  return lines.map((line, i) => `${(i === 0 ? label : '').padEnd(labelCells)}${line}`.trimEnd());
}

const reviewLines = ({ review }: AlertRecord): string[] =>
  review === undefined
    ? []
    : [
        `${review.state} by ${shown(review.by)}, ${localTime(review.timeMs)}${review.reason === undefined ? '' : `: ${shown(review.reason)}`}`,
      ];

const more = (count: number, what: string): string[] => (count > 0 ? [`and ${count} more ${what}`] : []);

function whoText(document: StepparentEvent): string {
  const { stepparent } = document;
  if (stepparent.hunt !== undefined) return partsOf(document).who;
  return shownText(subjectText(document)).replace(/,$/, '');
}

function userText({ user, process, stepparent }: StepparentEvent): string {
  const { login_user: login, systemd, terminal } = stepparent;
  const nameOf = (identity: { id?: string; name?: string } | undefined): string | undefined =>
    identity && (identity.name ?? (identity.id === undefined ? undefined : `uid ${identity.id}`));
  const facts: [string, unknown][] = [
    ['', nameOf(user ?? process?.user)],
    ['login ', nameOf(login) ?? 'none'],
    ['unit ', systemd?.unit],
    ['terminal ', terminal],
    ['directory ', process?.working_directory],
    ['', stepparent.place === undefined ? undefined : `${stepparent.place.kind} ${stepparent.place.root ?? ''}`],
  ];
  return facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name}${shown(value)}`])).join(', ');
}

/** The processes from the first ancestor down to that of the alert; the one that the rule is about is marked. */
function treeLines({ alert: { document }, rule }: Story, width: number): string[] {
  const { process, stepparent } = document;
  if (process?.entity_id === undefined && process?.executable === undefined) return [];
  const { lineage = [], initiator, genuine } = stepparent;
  const steps = [...lineage].reverse();
  const isNewTerms = rule?.type === 'new_terms';
  const odd =
    isNewTerms && rule.termFields.includes('stepparent.initiator.executable')
      ? initiator?.entity_id
      : (isNewTerms && rule.termFields.includes('process.parent.executable')) || genuine?.parent === false
        ? process.parent?.entity_id
        : process.entity_id;
  const mark = rule?.brief ?? 'this alert';
  const all = [...steps, { ...process, isOwn: true }];
  const isMarked = odd !== undefined && all.some(({ entity_id: id }) => id === odd);
  return all.map((step, depth) => {
    const { pid, name, executable, args } = step;
    const isOdd = isMarked ? step.entity_id === odd : 'isOwn' in step;
    const isLeader = step.entity_id !== undefined && step.entity_id === process.session_leader?.entity_id;
    const notes = [...(isLeader ? ['session leader'] : []), ...(isOdd ? [`<- ${shown(mark)}`] : [])];
    const suffix = notes.length === 0 ? '' : `  ${notes.join('  ')}`;
    const indent = depth === 0 ? '' : `${'  '.repeat(Math.min(depth - 1, 12))}└ `;
    const command = args === undefined ? shown(executable) : shown(args);
    // A shell or an interpreter has another name than its first argument.
    const isNamed = nameOf([args ?? executable ?? ''].flat()[0]) === shown(name);
    const text = `${indent}${isNamed ? '' : `${shown(name ?? executable ?? '(not observed)')} `}${pid ?? ''}  ${command}`;
    return `${cutCells(text, Math.max(minText, width - cellWidth(suffix)))}${suffix}`;
  });
}

/** The difference of the script or watched file, with tabs as spaces. */
function diffLines({ stepparent }: StepparentEvent): string[] {
  const diff = stepparent.script?.diff ?? stepparent.file?.diff;
  if (diff === undefined) return [];
  const lines = diff.replace(/\n$/, '').split('\n');
  return [
    ...lines.slice(0, most.diff).map((line) =>
      line
        .split('\t')
        .map((piece) => escapeText(piece, valueChars))
        .join('    '),
    ),
    ...more(lines.length - most.diff, 'lines'),
  ];
}

function findingLines({ stepparent: { script } }: StepparentEvent): string[] {
  if (script === undefined) return [];
  const { path, package: name, version, state, sha256, findings = [] } = script;
  const facts = [
    path,
    name === undefined ? undefined : `of ${name} ${version ?? ''}`.trim(),
    state,
    sha256?.slice(0, 16),
  ];
  return [
    facts
      .filter((fact) => fact !== undefined)
      .map((fact) => shown(fact))
      .join(', '),
    ...findings
      .slice(0, most.findings)
      .map(({ id, technique, line, text }) => `line ${line}: ${shown(id)} (${shown(technique)}): ${shown(text)}`),
    ...more(findings.length - most.findings, 'findings'),
  ];
}

interface FoldedStep extends IncidentStep {
  /** Number of steps of this kind, program and parent. */
  times: number;
  /** Whether their texts differ. */
  isMixed: boolean;
}

/** Joins repeated steps: runs of one program by one parent, and changes of one directory by one program. Alerts and what runs stay by themselves. */
export function foldSteps(steps: readonly IncidentStep[]): FoldedStep[] {
  const folded = new Map<string, FoldedStep>();
  for (const [i, step] of steps.entries()) {
    const { kind, by = '', what, rules, alive } = step;
    const isAlone = rules !== undefined || alive || !['exec', 'file'].includes(kind);
    const subject =
      kind === 'file' ? what.slice(what.indexOf('/'), what.lastIndexOf('/')) : (step['process.executable'] ?? what);
    const key = isAlone ? String(i) : [kind, by, subject].join('\0');
    const earlier = folded.get(key);
    if (earlier === undefined) folded.set(key, { ...step, times: 1, isMixed: false });
    else {
      earlier.times++;
      earlier.isMixed ||= earlier.what !== what;
      earlier.rank = Math.max(earlier.rank, step.rank);
    }
  }
  return [...folded.values()];
}

const kindNames: Readonly<Record<IncidentStep['kind'], string>> = {
  package: 'package runs',
  script: 'scripts',
  exec: 'programs',
  file: 'changes of files',
  connect: 'connections',
  running: 'lists of running programs',
};

function timeLines({ stepparent }: Incident, width: number): string[] {
  const { steps, left_out: leftOut, unread } = stepparent.incident;
  const folded = foldSteps(steps);
  const chosen = new Set([...folded].sort((a, b) => b.rank - a.rank).slice(0, most.steps));
  const counts = new Map<string, number>(Object.entries(leftOut));
  for (const step of folded) if (!chosen.has(step)) counts.set(step.kind, (counts.get(step.kind) ?? 0) + step.times);
  const left = [...counts].map(([kind, count]) => `${count} ${kindNames[kind as IncidentStep['kind']]}`);
  return [
    ...folded.filter((step) => chosen.has(step)).map((step) => stepLine(step, width)),
    ...(left.length === 0 ? [] : [`and ${left.join(', ')}; --json lists up to 500`]),
    ...(unread === undefined ? [] : [`and ${unread} later events, not read`]),
  ];
}

function stepLine(step: FoldedStep, width: number): string {
  const { kind, by, what, rules = [], alive, times, isMixed } = step;
  const marks = [
    ...(times > 1 ? [`×${times}`] : []),
    ...(rules.length === 0 ? [] : ['<- ALERT']),
    ...(alive ? ['<- STILL RUNNING'] : []),
  ];
  const suffix = marks.map((mark) => `  ${mark}`).join('');
  const text =
    kind === 'file'
      ? `${nameOf(by)} ${isMixed ? `changed files in ${shown(what.slice(what.indexOf('/'), what.lastIndexOf('/')))}` : shown(what)}`
      : isMixed
        ? `${nameOf(step['process.executable'])} …, by ${nameOf(by)}`
        : `${kind === 'connect' ? 'connection of ' : ''}${shown(what)}`;
  const line = `${localTime(step['@timestamp']).slice(11)}  ${text}`;
  return `${cutCells(line, Math.max(minText, width - cellWidth(suffix)))}${suffix}`;
}

const nameOf = (file: string | undefined): string =>
  shown(file === undefined ? '(not observed)' : file.slice(file.lastIndexOf('/') + 1));

function packageLines({ packages, incident }: Story): string[] {
  const { packages: named, packages_count: count } = incident.stepparent.incident;
  if (packages.length === 0) {
    const texts = named.slice(0, most.packages).map(({ name, version, inferred = [] }) => {
      const text = shown(version === undefined ? name : `${name} ${version}`);
      if (inferred.length === 0) return text;
      return `${text} (${inferred.includes('name') ? '' : 'version '}from its file name)`;
    });
    return [texts.join(', '), ...more(count - texts.length, 'packages')];
  }
  const texts = packages.map((each) => {
    const { name, version, former_version: former, action, applied, archive, source, repository, signature } = each;
    const done = `${action}${applied === true ? '' : ' (not applied)'}`;
    const origin = [
      archive === undefined ? undefined : `from ${archive}`,
      repository === undefined
        ? source
        : [
            repository.site,
            repository.suite,
            repository.component,
            repository.signed === true ? 'signed' : 'not signed',
          ],
      signature?.key === undefined ? undefined : `key ${signature.key}`,
    ];
    return [
      `${shown(done)} ${shown(name)} ${former === undefined ? '' : `${shown(former)} -> `}${shown(version)}`.trim(),
      ...origin.flatMap((text) => (text === undefined ? [] : [shown(text)])),
    ].join(', ');
  });
  // A transaction that was reported twice, such as one that failed and was repeated, has the same lines.
  const lines = [...new Set(texts)];
  return [...lines.slice(0, most.packages), ...more(lines.length - most.packages, 'packages')];
}

function runningLines({ stepparent }: Incident): string[] {
  const { survivors, survivors_count: count } = stepparent.incident;
  const texts = survivors
    .slice(0, 5)
    .map(({ pid, command_line: line, executable }) => `pid ${pid}: ${shown(line ?? executable)}`);
  return [...texts, ...more(count - texts.length, 'processes')];
}

function unseenLines({ stepparent: { unobserved = {}, inferred = {}, truncated = {} } }: StepparentEvent): string[] {
  const meaningOf = (meanings: Readonly<Record<string, string>>, keyword: unknown): string =>
    shown(Object.hasOwn(meanings, String(keyword)) ? meanings[String(keyword)] : keyword);
  const lines = [
    ...Object.entries(unobserved).map(([field, reason]) => `${shown(field)}: ${meaningOf(unobservedReasons, reason)}`),
    ...Object.entries(inferred).map(([field, basis]) => `${shown(field)} inferred: ${meaningOf(inferredBases, basis)}`),
    ...Object.keys(truncated).map((field) => `${shown(field)}: cut`),
  ];
  return [
    ...lines.slice(0, most.notes),
    ...more(lines.length - most.notes, 'fields'),
    ...(lines.length === 0 ? ['nothing'] : []),
  ];
}

/** The other rules with a finding in the alert, with their severity and terms. */
function otherRuleLines({ stepparent: { alert } }: StepparentEvent): string[] {
  const { findings = [] } = alert ?? {};
  const texts = findings
    .slice(0, most.findings)
    .map(({ rule, severity, terms }) => `${shown(rule.id)} (${severityNamed(severity)}): ${termsText(terms)}`);
  return [...texts, ...more(findings.length - most.findings, 'rules')];
}

/** The query of the rule, and the fields that decided it with their values. */
function ruleLines({ alert: { document, ruleId }, rule }: Story): string[] {
  if (rule === undefined) return [`${shown(ruleId)} is not loaded`];
  const { result, fields } = outcomeOf(rule.matches, (field) => ({ value: readPath(document, field) }));
  const decided = [...fields].flatMap((field) => {
    const value = readPath(document, field);
    if (value !== undefined) return [`${shown(field)} = ${shown(value)}`];
    return result === 'true' ? [] : [`${shown(field)} is absent`];
  });
  return [
    ...rule.query
      .trim()
      .split('\n')
      .map((line) => shown(line)),
    result === 'true' ? 'matched:' : 'the stored fields do not match the rule as it is now:',
    ...decided.slice(0, most.fields).map((line) => `  ${line}`),
    ...more(decided.length - most.fields, 'fields'),
  ];
}

const termsText = (terms: readonly (string | null)[]): string =>
  terms.map((term) => (term === null ? '(not observed)' : shown(term))).join(', ');

const termText = ({ terms, lastMs, count }: TermRecord): string =>
  `${termsText(terms)} (×${count}, last ${localTime(lastMs)})`;

function baselineLines({ alert, rule, baseline: { count, newest, own, pattern } }: Story): string[] {
  if (rule?.type !== 'new_terms') return [];
  return [
    `${termsText(alert.terms)}: ${own === undefined ? 'not known' : `known since ${localTime(own.firstMs)} (${own.origin}), ×${own.count}`}`,
    ...foldedLines(alert, rule.termFields),
    ...(pattern === undefined ? [] : [`allowed by the pattern ${termText(pattern)}`]),
    `${count === 0 ? 'no other value' : `${count} other ${count === 1 ? 'value' : 'values'}`} known before`,
    ...newest.map((term) => `  ${termText(term)}`),
  ];
}

/** The paths of which a part does not count, since it is new in each run. */
function foldedLines({ document, terms }: AlertRecord, termFields: readonly string[]): string[] {
  return termFields.flatMap((field, index) => {
    const value = readPath(document, field);
    if (typeof value !== 'string' || !isProgramField(field)) return [];
    const { text, isFolded } = foldPath(value);
    return isFolded && terms[index]?.startsWith(text)
      ? [`"*" in ${shown(text)} is a part that is new in each run: here ${shown(value)}`]
      : [];
  });
}

function relatedLines({ related }: Story): string[] {
  return related.map((alert) => alertLine(alert));
}

/** One alert on one line: id, time, severity, who, what. */
export function alertLine({ id, lastMs, document }: AlertRecord): string {
  const { who, briefWhat, why } = partsOf(document);
  return `${shown(id.slice(0, idChars))}  ${localTime(lastMs).slice(5, 16)}  ${severityOf(document)}  ${who} ${briefWhat === '' ? why : briefWhat}`;
}

function nextLines({ alert, packages }: Story): string[] {
  const id = shown(alert.id.slice(0, idChars));
  const { sha256 } = alert.document.stepparent.script ?? {};
  const { findings = [] } = alert.document.stepparent.alert ?? {};
  const [first] = packages;
  const isPlain = first !== undefined && /^[\w.+:~-]{1,128}$/.test(`${first.name}${first.version ?? ''}`);
  const steps: [string, string | undefined][] = [
    ['keep it', `stepparent show ${id} --save DIRECTORY`],
    ['script', sha256 === undefined ? undefined : `stepparent scripts show ${shown(sha256.slice(0, 16))}`],
    ['package', isPlain ? `stepparent packages --match '${first.name}=*'` : undefined],
    ['expected', `stepparent exception add --from ${id} --reason TEXT`],
    ['answered', `stepparent alerts close ${id} --reason TEXT`],
    ['rule', alert.document.stepparent.hunt === undefined ? `stepparent rules show ${shown(alert.ruleId)}` : undefined],
    ...findings
      .slice(0, most.findings)
      .map(({ rule }): [string, string] => ['also', `stepparent rules show ${shown(rule.id)}`]),
  ];
  return steps.flatMap(([when, command]) => (command === undefined ? [] : [`${when.padEnd(10)}${command}`]));
}

/** The guide of the rule, with the id of the alert in its commands. */
const guideOf = ({ alert, rule }: Story): string =>
  (rule?.note ?? '')
    .split('\n')
    .map((line) => shown(line, 1000).replaceAll(/\bALERT\b/g, shown(alert.id.slice(0, idChars))))
    .join('\n');
