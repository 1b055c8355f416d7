// The command line as a user meets it: output, messages and exit codes, each from a process of its own.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { allowedDuration } from '../../../agent/configuration/duration.ts';
import { unknownField } from '../../../agent/configuration/rule-warnings.ts';
import { baselinePatternFault, termFault } from '../../../agent/configuration/term-fault.ts';
import { formatStatus } from '../../../agent/daemon/agent-status.ts';
import { listenControl } from '../../../agent/daemon/control-socket.ts';
import { localTime } from '../../../agent/output/local-time.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { parseRule } from '../../../detectors/rules/load-rules.ts';
import { missingText } from '../../../storage/database-file.ts';
import { openStore } from '../../../storage/store.ts';
import { needsRoot, titled } from '../../needs.ts';
import { exampleEvent, exampleJudged } from '../../storage/examples.ts';
import { alertDocument } from '../journal/alert-document.ts';

const main = join(import.meta.dirname, '../../../agent/main.ts');
const ruleText = (id: string, severity: string) => `
[rule]
rule_id = "${id}"
name = "Parent \\u001b[2J"
description = "d"
severity = "${severity}"
risk_score = 47
type = "new_terms"
query = "process.name:dpkg"
note = """
# Look
at it"""
[rule.new_terms]
field = "new_terms_fields"
value = ["process.parent.executable"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-5d"
[rule.stepparent]
reason = "not seen"
`;

let directory: string;
let config: string;
const nowMs = Date.now();

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stepparent-commands-'));
  // A user who may not read the database may still read the configuration.
  chmodSync(directory, 0o755);
  config = join(directory, 'config.toml');
  mkdirSync(join(directory, 'rules'));
  writeFileSync(join(directory, 'rules', 'a-rule.toml'), ruleText('a-rule', 'medium'));
  writeFileSync(join(directory, 'rules', 'b-rule.toml'), ruleText('b-rule', 'high'));
  writeFileSync(
    config,
    `directories.state = "${directory}/state"
directories.runtime = "${directory}/run"
directories.rules = ["${directory}/rules"]`,
  );
  const store = openStore(join(directory, 'state', 'stepparent.db'), { sinks: ['ndjson'], nowMs: nowMs - 100_000_000 });
  const put = (id: string, rule: string, severity: string, term: string, ageMs: number): void => {
    const { rule: _, threat: __, message: ___, ...document } = alertDocument();
    const event: StepparentEvent = {
      ...document,
      '@timestamp': new Date(nowMs - ageMs).toISOString(),
      event: { id, kind: 'event', action: 'exec' },
      process: { ...document.process, parent: { pid: 70, executable: term } },
    };
    const verdict = { rule: parseRule(`${rule}.toml`, ruleText(rule, severity)), terms: [term] };
    store.record([{ event, scope: '', verdicts: [exampleJudged(event, verdict)] }], nowMs - ageMs);
  };
  put('1', 'a-rule', 'medium', '/usr/bin/python3', 86_400_000);
  put('2', 'b-rule', 'high', '/tmp/x\n\x1b[31m', 3_600_000);
  put('3', 'b-rule', 'high', '/opt/y', 60_000);
  store.close();
});

afterAll(() => rmSync(directory, { recursive: true }));

interface Result {
  code: number;
  out: string;
  err: string;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { env: { ...process.env, ...env } }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const stepparent = (...args: string[]): Promise<Result> => run(process.execPath, [main, ...args, '--config', config]);

/** The numbers of a summary line: valid, rejected, warnings. */
const countsOf = (line = ''): number[] => (line.match(/\d+/g) ?? []).map(Number);

const idOf = async (...args: string[]): Promise<string> => {
  const { out } = await stepparent('alerts', '--json', ...args);
  return JSON.parse(out.split('\n')[0] ?? '').stepparent.alert.id;
};

test('alerts prints a heading and one line each, escaped, newest last, without colour off a terminal', async () => {
  const { code, out, err } = await stepparent('alerts');
  expect({ code, err }).toEqual({
    code: 0,
    err: '3 alerts: 2 high, 1 medium; `stepparent show ID` explains one\n',
  });
  const lines = out.split('\n');
  expect(lines).toHaveLength(5);
  expect(lines[0]).toMatch(/^ID {8}LAST +SEV +WHO +WHAT - WHY$/);
  expect(lines[1]).toMatch(
    /^[0-9a-f]{8} {2}(?:\d\d-\d\d )?\d\d:\d\d {2}medium {2}mallory thr.*… {2}install x\.deb - not seen$/,
  );
  expect(lines[1]?.startsWith((await idOf('--rule', 'a-rule')).slice(0, 8))).toBe(true);
  expect(lines[3]).toContain(`${localTime(nowMs - 60_000).slice(11, 16)}  high  `);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(out).not.toContain('\x1b');
});

test.for([
  [['--severity', 'low'], 3],
  [['--severity', 'medium'], 3],
  [['--severity', 'high'], 2],
  [['--severity', 'critical'], 0],
  [['--user', 'mallory'], 3],
  [['--user', '1000'], 3],
  [['--user', 'root', '--severity', 'high'], 2],
  [['--user', 'mall'], 0],
  [['--unit', 'cron.service'], 3],
  [['--unit', 'cron'], 3],
  [['--unit', 'cro'], 0],
] as const)('alerts %j', async ([args, count]) => {
  const { code, out } = await stepparent('alerts', '--json', ...args);
  expect(code).toBe(0);
  expect(out.split('\n').filter(Boolean)).toHaveLength(count);
});

test('alerts ack, close and reopen note who, when and why; a closed alert is listed with --all', async () => {
  const state = join(directory, 'reviewed');
  const file = join(directory, 'reviewed.toml');
  writeFileSync(
    file,
    `directories.state = "${state}"\ndirectories.runtime = "${directory}/run"\ndirectories.rules = ["${directory}/rules"]\n`,
  );
  const rule = parseRule('a-rule.toml', ruleText('a-rule', 'low'));
  const store = openStore(join(state, 'stepparent.db'), { sinks: [] });
  for (const term of ['/a', '/b']) {
    const event = { ...exampleEvent(term, nowMs), process: { pid: 8, parent: { pid: 7, executable: term } } };
    store.record([{ event, scope: '', verdicts: [exampleJudged(event, { rule, terms: [term] })] }], nowMs);
  }
  store.close();
  const cli = (...args: string[]) => run(process.execPath, [main, ...args, '--config', file]);
  const list = async (...args: string[]): Promise<{ id: string; review?: object }[]> => {
    const { out } = await cli('alerts', '--json', ...args);
    return out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).stepparent.alert);
  };
  const [first, second] = await list();
  const [id, other] = [first?.id ?? '', second?.id ?? ''];

  expect(await cli('alerts', 'close', id, 'ffff0000', '--reason', 'x')).toEqual({
    code: 1,
    out: '',
    err: 'stepparent: no alert or incident has an id that begins with ffff0000; see `stepparent alerts`\n',
  });
  expect((await cli('alerts', 'close', id)).code).toBe(2);
  expect(await list()).toHaveLength(2);

  expect(await cli('alerts', 'ack', id.slice(0, 12), other)).toEqual({
    code: 0,
    out: '',
    err: 'acknowledged: 2 alerts\n',
  });
  expect((await cli('alerts')).out.match(/\(acknowledged\)/g)).toHaveLength(2);
  expect(await cli('alerts', 'close', id, '--reason', 'ticket\x1b[2J OPS-12')).toEqual({
    code: 0,
    out: '',
    err: 'closed: 1 alert\n',
  });
  expect((await list()).map((alert) => alert.id)).toEqual([other]);
  expect((await list('--all'))[0]).toMatchObject({
    id,
    review: {
      state: 'closed',
      reason: 'ticket\x1b[2J OPS-12',
      by: expect.stringMatching(/./),
      time: expect.any(String),
    },
  });
  expect((await cli('incidents')).out.split('\n').filter(Boolean)).toHaveLength(2);
  const { out: shown } = await cli('show', id);
  expect(shown).toMatch(/^review {4}closed by \S+, \d{4}-\d\d-\d\d .*: ticket\S* OPS-12$/m);
  expect(shown).not.toContain('\x1b');

  expect(await cli('alerts', 'reopen', id)).toEqual({ code: 0, out: '', err: 'opened again: 1 alert\n' });
  expect(await list()).toHaveLength(2);
  const { out: events } = await cli('events', '--json');
  const actions = events
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter((event) => event.stepparent.review !== undefined);
  expect(actions.map((event) => [event.event.action, event.stepparent.review.state])).toEqual([
    ['alert-acknowledged', 'acknowledged'],
    ['alert-acknowledged', 'acknowledged'],
    ['alert-closed', 'closed'],
    ['alert-reopened', 'open'],
  ]);
  expect(actions[2].stepparent.review).toMatchObject({
    alert: id,
    rule: 'a-rule',
    user: { id: String(process.getuid?.()) },
  });
});

test('metrics prints Prometheus text, and writes a whole file that other users can read', async () => {
  const { code, out, err } = await stepparent('metrics');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain('\nstepparent_up 0\n');
  expect(out).toContain('\nstepparent_alerts{rule="b-rule",severity="high",state="open"} 2\n');
  const file = join(directory, 'stepparent.prom');
  const before = process.umask(0o077);
  const written = await stepparent('metrics', '--output', file);
  process.umask(before);
  expect(written).toEqual({ code: 0, out: '', err: '' });
  expect(readFileSync(file, 'utf8')).toBe(out);
  expect(statSync(file).mode & 0o777).toBe(0o644);
  expect(readdirSync(directory).filter((name) => name.startsWith('stepparent.prom'))).toEqual(['stepparent.prom']);
  const missing = await stepparent('metrics', '--output', join(directory, 'none', 'x.prom'));
  expect(missing.code).toBe(1);
  expect(missing.err).toMatch(/^stepparent: \/.*\/none\/x\.prom cannot be written: .*\n$/);
});

test('alerts --new lists each alert once, and moves the mark only when it listed all', async () => {
  const state = join(directory, 'new');
  const file = join(directory, 'new.toml');
  writeFileSync(file, `directories.state = "${state}"\ndirectories.rules = ["${directory}/rules"]\n`);
  const rule = parseRule('a-rule.toml', ruleText('a-rule', 'low'));
  const put = (term: string): void => {
    const store = openStore(join(state, 'stepparent.db'), { sinks: ['ndjson'] });
    const event = { ...exampleEvent(term, nowMs), process: { pid: 8, parent: { pid: 7, executable: term } } };
    store.record([{ event, scope: '', verdicts: [exampleJudged(event, { rule, terms: [term] })] }], nowMs);
    store.close();
  };
  const list = async (...args: string[]) => {
    const { out } = await run(process.execPath, [main, 'alerts', '--config', file, '--json', '--new', ...args]);
    return out.split('\n').filter(Boolean).length;
  };
  put('/a');
  put('/b');
  expect(await list('--rule', 'a-rule')).toBe(2);
  expect(await list('--limit', '1')).toBe(1);
  expect(await list()).toBe(2);
  expect(await list()).toBe(0);
  put('/c');
  expect(await list()).toBe(1);
  // A new database begins with new alerts.
  renameSync(state, `${state}.old`);
  put('/d');
  expect(await list()).toBe(1);
  expect(await run(process.execPath, [main, 'alerts', '--config', file, '--new'])).toEqual({
    code: 0,
    out: '',
    err: 'no new alerts\n',
  });
});

test('alerts --follow lists the alerts that are stored after its start, until a signal ends it', async () => {
  const state = join(directory, 'followed');
  const file = join(directory, 'followed.toml');
  writeFileSync(file, `directories.state = "${state}"\ndirectories.rules = ["${directory}/rules"]\n`);
  const rule = parseRule('a-rule.toml', ruleText('a-rule', 'low'));
  let events = 0;
  const put = (): void => {
    const store = openStore(join(state, 'stepparent.db'), { sinks: ['ndjson'] });
    const event = exampleEvent(`f${events++}`, nowMs);
    store.record([{ event, scope: '', verdicts: [exampleJudged(event, { rule, terms: [`/${events}`] })] }], nowMs);
    store.close();
  };
  put();
  const child = execFile(process.execPath, [main, 'alerts', '--config', file, '--follow', '--json']);
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  child.stdout?.on('data', (text: string) => {
    out += text;
  });
  // It says nothing before the first alert, so alerts are stored until it has listed one.
  while (!out.includes('\n')) {
    put();
    await sleep(200);
  }
  const ids = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).event.id);
  expect(ids).not.toContain('f0');
  expect(new Set(ids).size).toBe(ids.length);
  child.kill('SIGTERM');
  await once(child, 'exit');
});

test.for([
  [
    ['--since', '2h'],
    ['/tmp/x\n\x1b[31m', '/opt/y'],
  ],
  [['--since', new Date(nowMs - 120_000).toISOString()], ['/opt/y']],
  [['--rule', 'a-rule'], ['/usr/bin/python3']],
  [['--state', 'learning'], []],
  [['--limit', '1'], ['/opt/y']],
] as const)('alerts %j', async ([args, terms]) => {
  const { code, out } = await stepparent('alerts', '--json', ...args);
  expect(code).toBe(0);
  const documents = out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  expect(documents.map((document) => document.process.parent.executable)).toEqual(terms);
  for (const document of documents) {
    const iso = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(document.stepparent.alert).toMatchObject({ state: 'open', count: 1, first: iso, last: iso });
    expect(document.ecs.version).toBe('9.4.0');
  }
});

test('an empty listing is a message on standard error', async () => {
  expect(await stepparent('alerts', '--rule', 'none')).toEqual({ code: 0, out: '', err: 'no alerts\n' });
  expect((await stepparent('alerts', '--limit', '2')).err.split('\n')[1]).toBe(
    'only the newest 2 are shown; --limit shows more',
  );
});

test('colours the severity on a terminal unless NO_COLOR is set', async () => {
  const coloured = await run(process.execPath, [main, 'alerts', '--config', config], {
    FORCE_COLOR: '1',
    NO_COLOR: undefined,
  });
  expect(coloured.out).toContain('\x1b[33mmedium');
  const plain = await run(process.execPath, [main, 'alerts', '--config', config], {
    NO_COLOR: '1',
    FORCE_COLOR: undefined,
  });
  expect(plain.out).not.toContain('\x1b');
});

test('events', async () => {
  const { code, out } = await stepparent('events');
  expect(code).toBe(0);
  expect(out.split('\n')).toHaveLength(4);
  expect(out).toMatch(/ {2}exec {2}dpkg install {2}root {2}\/tmp\/x\\n\\x1b\[31m ran dpkg -i x\.deb\n/);
  const { out: json } = await stepparent('events', '--json', '--limit', '1');
  expect(JSON.parse(json)).toMatchObject({ event: { id: '3', kind: 'event' } });
});

test('incidents prints one line for each, with the severity of all its alerts; --json; one by its id', async () => {
  const { code, out, err } = await stepparent('incidents');
  expect({ code, err }).toEqual({ code: 0, err: '1 incident: 1 high; `stepparent show ID` explains one\n' });
  // All three alerts are of one transaction, by two rules of 47.
  const lines = out.trimEnd().split('\n');
  expect(lines).toHaveLength(2);
  const id = await idOf('--rule', 'b-rule');
  expect(lines[1]).toMatch(new RegExp(`^${id.slice(0, 8)} .* high .* install x\\.deb - not seen +×3$`));
  const { out: json } = await stepparent('incidents', '01234567-71-100', '--json');
  expect(JSON.parse(json)).toMatchObject({ event: { risk_score: 72 }, stepparent: { incident: { alerts_count: 3 } } });
  expect(await stepparent('incidents', '--since', '10s')).toEqual({ code: 0, out: '', err: 'no incidents\n' });
  expect(await stepparent('incidents', 'none')).toEqual({ code: 1, out: '', err: 'no such incident\n' });
});

test('show explains an alert by a prefix of its id, or a transaction by its id, escaped and within 80 columns', async () => {
  const id = await idOf('--rule', 'a-rule');
  const { code, out, err } = await stepparent('show', id.slice(0, 12));
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const lines = out.trimEnd().split('\n');
  expect(lines[0]).toBe('MEDIUM  Parent \\x1b[2J');
  expect(lines[1]).toContain(`${id.slice(0, 8)} · a-rule · `);
  expect(out.replaceAll(/\s+/g, ' ')).toContain('incident 01234567-71-100 high 72, 3 alerts');
  expect(out).toMatch(/^what +ran dpkg to install x\.deb$/m);
  expect(out).toMatch(/^why +not seen$/m);
  expect(out).toMatch(/^time .*<- ALERT$/m);
  expect(out).toMatch(
    /^rule +process\.name:dpkg\n +the stored fields do not match the rule as it is now:\n +process\.name is absent$/m,
  );
  expect(out).toMatch(/^baseline +\/usr\/bin\/python3: known since .* \(alert\), ×1$/m);
  expect(out).toContain(`stepparent exception add --from ${id.slice(0, 8)} --reason TEXT`);
  expect(lines.slice(-2)).toEqual(['Look', 'at it']);
  for (const line of lines) expect(line).toMatch(/^[^\p{C}]{0,80}$/u);
  const { out: ofTransaction } = await stepparent('show', '01234567-71');
  expect(ofTransaction).toMatch(/^HIGH {2}/);
  expect(JSON.parse((await stepparent('show', id, '--json')).out)).toMatchObject({
    alert: { stepparent: { alert: { id } } },
    incident: { event: { risk_score: 72 } },
    baseline: { count: 0, own: { origin: 'alert' } },
  });
});

test('show says of an unknown id how to list ids', async () => {
  for (const id of ['zz\x1b', 'ffffffffffff']) {
    const { code, out, err } = await stepparent('show', id);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe(
      `stepparent: no alert or incident has an id that begins with ${id.replace('\x1b', '\\x1b')}; see \`stepparent alerts\`\n`,
    );
  }
});

test('show --save writes one archive that only its owner can read, and never over a file', async () => {
  const id = await idOf('--rule', 'a-rule');
  const target = join(directory, 'evidence');
  mkdirSync(target);
  const { code, err } = await stepparent('show', id, '--save', target);
  expect(code).toBe(0);
  const [name = ''] = readdirSync(target);
  expect(err).toBe(`wrote ${target}/${name}\n`);
  const archive = join(target, name);
  expect(statSync(archive).mode & 0o777).toBe(0o600);
  const listed = await run('tar', ['tf', archive]);
  expect(listed.out.trim().split('\n')).toEqual(
    expect.arrayContaining(['story.txt', 'alert.json', 'incident.json', 'rule.toml', 'events-01.ndjson']),
  );
  const alert = await run('tar', ['xOf', archive, 'alert.json']);
  expect(JSON.parse(alert.out).stepparent.alert.id).toBe(id);
  expect((await run('tar', ['xOf', archive, 'events-01.ndjson'])).out.trim().split('\n')).toHaveLength(3);
  expect((await stepparent('show', id, '--save', join(target, 'missing'))).code).toBe(1);
});

test('alerts shows the time of the last match, by which --since and --limit select', async () => {
  const state = join(directory, 'repeated');
  const repeated = join(directory, 'repeated.toml');
  writeFileSync(repeated, `directories.state = "${state}"\ndirectories.rules = ["${directory}/rules"]\n`);
  const store = openStore(join(state, 'stepparent.db'), { sinks: ['ndjson'], nowMs: nowMs - 100_000_000 });
  const rule = parseRule(
    'a-rule.toml',
    ruleText('a-rule', 'low')
      .replace('"new_terms"', '"query"')
      .replace(
        /\[rule.new_terms\][\s\S]*?(?=\[rule.stepparent\])/,
        '[rule.alert_suppression]\ngroup_by = ["process.parent.executable"]\n',
      ),
  );
  const { rule: _, threat: __, message: ___, ...document } = alertDocument();
  const put = (id: string, term: string, ageMs: number): void => {
    const event: StepparentEvent = {
      ...document,
      '@timestamp': new Date(nowMs - ageMs).toISOString(),
      event: { id, kind: 'event' },
    };
    store.record([{ event, scope: '', verdicts: [exampleJudged(event, { rule, terms: [term] })] }], nowMs - ageMs);
  };
  put('1', '/opt/often', 3_600_000);
  put('2', '/opt/once', 1_800_000);
  put('3', '/opt/often', 30_000);
  store.close();
  const list = (...args: string[]) => run(process.execPath, [main, 'alerts', '--config', repeated, ...args]);
  const timesOf = ({ out }: Result) => [...out.matchAll(/ (\d\d:\d\d) /g)].map(([, time]) => time);
  const shown = (ms: number): string => localTime(ms).slice(11, 16);
  const [onceMs, last, first] = [1_800_000, 30_000, 3_600_000].map((ageMs) => nowMs - ageMs) as [
    number,
    number,
    number,
  ];
  // Not `1m`: the tests before this one may take longer.
  const aMinuteAgo = new Date(nowMs - 60_000).toISOString();
  expect(timesOf(await list())).toEqual([shown(onceMs), shown(last)]);
  expect(timesOf(await list('--since', aMinuteAgo))).toEqual([shown(last)]);
  expect(timesOf(await list('--limit', '1'))).toEqual([shown(last)]);
  // The document is that of the first event, with both times, in order of the first.
  expect(JSON.parse((await list('--limit', '1', '--json')).out)['@timestamp']).toBe(new Date(onceMs).toISOString());
  expect(JSON.parse((await list('--since', aMinuteAgo, '--json')).out)).toMatchObject({
    '@timestamp': new Date(first).toISOString(),
    stepparent: { alert: { first: new Date(first).toISOString(), last: new Date(last).toISOString(), count: 2 } },
  });
  const { out } = await list('--json');
  expect(
    out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)['@timestamp']),
  ).toEqual([first, onceMs].map((ms) => new Date(ms).toISOString()));
});

test('baseline: list, allow, remove', async () => {
  const { out } = await stepparent('baseline', 'list', '--rule', 'a-rule');
  expect(out).toMatch(/^a-rule {2}\S+ \S+ {2}×1 {2}alert {2}\/usr\/bin\/python3\n$/);
  expect(await stepparent('baseline', 'remove', 'a-rule', '/usr/bin/python3')).toMatchObject({ code: 0, out: '' });
  expect(await stepparent('baseline', 'remove', 'a-rule', '/usr/bin/python3')).toMatchObject({ code: 1, out: '' });
  expect(await stepparent('baseline', 'list', '--rule', 'a-rule')).toEqual({
    code: 0,
    out: '',
    err: 'no known terms\n',
  });
  expect((await stepparent('baseline', 'allow', 'a-rule', '/opt/z')).code).toBe(0);
  expect((await stepparent('baseline', 'allow', 'a-rule', '/opt/z', '--place', 'container')).code).toBe(0);
  const { out: json } = await stepparent('baseline', 'list', '--rule', 'a-rule', '--json');
  expect(
    json
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { rule: 'a-rule', terms: ['/opt/z'], origin: 'allowed' },
    { rule: 'a-rule', terms: ['/opt/z'], origin: 'allowed', place: 'container' },
  ]);
  const unknown = await stepparent('baseline', 'allow', 'no-such-rule', 'x');
  expect(unknown).toEqual({
    code: 1,
    out: '',
    err: 'stepparent: no rule with the id no-such-rule; see `stepparent rules list`\n',
  });
  const mistyped = await stepparent('baseline', 'allow', 'a-rul', '/x');
  expect(mistyped.err).toBe(
    'stepparent: no rule with the id a-rul; did you mean a-rule? see `stepparent rules list`\n',
  );
  const two = await stepparent('baseline', 'allow', 'a-rule', 'x', 'y');
  expect(two.err).toBe('stepparent: a-rule needs 1 term (process.parent.executable), 2 given\n');
  // A value that cannot be a term is neither allowed nor reported as removed.
  const before = (await stepparent('baseline', 'list', '--json')).out;
  for (const command of ['allow', 'remove']) {
    expect(await stepparent('baseline', command, 'a-rule', '/tmp/x_[12].sh')).toEqual({
      code: 1,
      out: '',
      err: `stepparent: process.parent.executable "/tmp/x_[12].sh" ${termFault('process.parent.executable', '/tmp/x_[12].sh')}; use "*" and "?" only, and only for terms of rules\n`,
    });
    expect(await stepparent('baseline', command, 'a-rule', '')).toMatchObject({
      code: 1,
      err: expect.stringContaining(`process.parent.executable "" ${termFault('process.parent.executable', '')}; `),
    });
    expect(await stepparent('baseline', command, 'a-rule', '/opt/z', '--place', 'c1')).toMatchObject({ code: 2 });
  }
  expect((await stepparent('baseline', 'list', '--json')).out).toBe(before);
});

test('baseline allow takes a pattern, and first shows which alerts it would have suppressed', async () => {
  const list = async () => (await stepparent('baseline', 'list', '--rule', 'b-rule')).out;
  const before = await list();
  const general = await stepparent('baseline', 'allow', 'b-rule', '/*');
  expect(general).toEqual({
    code: 1,
    out: '',
    err: `stepparent: process.parent.executable "/*" ${baselinePatternFault('process.parent.executable', '/*')}\n`,
  });
  const ofHunt = await stepparent('baseline', 'allow', 'hunt:package-database-files', '*.postinst', '/opt/x');
  expect(ofHunt).toMatchObject({ code: 1, err: expect.stringContaining(' and only for terms of rules\n') });
  const shown = await stepparent('baseline', 'allow', 'b-rule', '/opt/y*', '--dry-run');
  expect(shown).toMatchObject({ code: 0, err: 'nothing was changed\n' });
  expect(shown.out).toMatch(
    /^ {2}would suppress 1 of 2 stored alerts of its rule \(1 open\), 1 match; the newest:\n {4}\S+ \S+ {2}open {2}.*\n$/,
  );
  expect(await list()).toBe(before);
  const allowed = await stepparent('baseline', 'allow', 'b-rule', '/opt/y*');
  expect(allowed).toEqual({
    code: 0,
    out: shown.out,
    err: 'allowed: what this pattern covers no longer raises alerts\n',
  });
  expect(await list()).toMatch(/^b-rule {2}\S+ \S+ {2}×0 {2}pattern {2}\/opt\/y\*$/m);
  const { out: alerts } = await stepparent('alerts', '--rule', 'b-rule', '--json');
  const id = alerts
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .find(({ stepparent: { alert } }) => alert.terms[0] === '/opt/y').stepparent.alert.id;
  expect((await stepparent('show', id)).out).toMatch(/^ +allowed by the pattern \/opt\/y\* \(×0, last .*\)$/m);
  expect(await stepparent('baseline', 'remove', 'b-rule', '/opt/y*')).toMatchObject({ code: 0 });
  expect(await stepparent('baseline', 'remove', 'b-rule', '/opt/y*')).toEqual({
    code: 1,
    out: '',
    err: 'no such term in the baseline; see `stepparent baseline list`\n',
  });
  expect(await list()).toBe(before);
});

test('rules: list and show', async () => {
  expect((await stepparent('rules', 'list')).out).toBe(
    'a-rule  medium  47  new_terms  Parent \\x1b[2J\nb-rule  high    47  new_terms  Parent \\x1b[2J\n',
  );
  const file = join(directory, 'settings.toml');
  const set = '[[rules]]\nid = "a-rule"\nenabled = false\n[[rules]]\nid = "b-rule"\nseverity = "low"\nwindow = "2d"\n';
  writeFileSync(file, `directories.rules = [${JSON.stringify(join(directory, 'rules'))}]\n${set}`);
  const withSettings = (...args: string[]) => run(process.execPath, [main, ...args, '--config', file]);
  expect((await withSettings('rules', 'list')).out).toBe(
    `a-rule  off  47  new_terms  Parent \\x1b[2J (enabled: ${file}:2)\n` +
      `b-rule  low  21  new_terms  Parent \\x1b[2J (severity, window: ${file}:5)\n`,
  );
  const summaries = (await withSettings('rules', 'list', '--json')).out.trim().split('\n');
  expect(summaries.map((line) => JSON.parse(line))).toMatchObject([
    { id: 'a-rule', enabled: false, settings: [{ key: 'enabled', file, line: 2 }] },
    { id: 'b-rule', enabled: true, severity: 'low', risk_score: 21 },
  ]);
  expect((await withSettings('rules', 'show', 'a-rule')).out).toContain('runs          no\n');
  expect((await withSettings('rules', 'show', 'b-rule')).out).toContain('window        48 h, sliding\n');
  const { out } = await stepparent('rules', 'show', 'a-rule');
  expect(out).toContain('\nquery:\n  process.name:dpkg\n');
  expect(out).toContain('\nnote:\n  # Look\n  at it\n');
  expect(out).not.toContain('\x1b');
  expect(await stepparent('rules', 'show', 'none')).toMatchObject({ code: 1, out: '' });
});

test('rules check reports file, line and column of a rejected rule', async () => {
  expect(await stepparent('rules', 'check')).toEqual({ code: 0, out: '', err: '2 rules valid, 0 rejected\n' });
  const wrong = join(directory, 'wrong.toml');
  writeFileSync(wrong, ruleText('wrong', 'loud'));
  const { code, out, err } = await stepparent('rules', 'check', wrong, join(directory, 'rules'), '/nowhere.toml');
  expect(code).toBe(1);
  expect(out).toMatch(new RegExp(`^rejected: ${wrong}:6:1: \`rule\\.severity\` .*"low"`));
  expect(out).toContain('severity = "loud"\n');
  expect(out).toContain('^');
  expect(out).toMatch(/^rejected: \/nowhere\.toml:1:1: .*ENOENT/m);
  expect(countsOf(err)).toEqual([2, 2]);
});

test('rules check rejects the id of a rule that is loaded already, as the agent does', async () => {
  const rule = join(directory, 'rules', 'a-rule.toml');
  const copy = join(directory, 'copy-of-a-rule.toml');
  writeFileSync(copy, ruleText('a-rule', 'low'));
  const rejectedAt = (file: string): RegExp =>
    new RegExp(`^rejected: ${file}:3:1: \`rule\\.rule_id\` .*${rule}.*\nrule_id = "a-rule"\n\\^~~~~~~\n$`);
  const rejected = await stepparent('rules', 'check', copy);
  expect(rejected).toMatchObject({ code: 1, out: expect.stringMatching(rejectedAt(copy)) });
  expect(countsOf(rejected.err)).toEqual([0, 1]);
  // By its name, by another name, and in its directory, it is the same rule.
  const link = join(directory, 'link.toml');
  symlinkSync(rule, link);
  expect(await stepparent('rules', 'check', rule, link, join(directory, 'rules'))).toMatchObject({ code: 0, out: '' });
  // The same holds for a file that is given by its name and with its directory.
  const alone = join(directory, 'alone');
  mkdirSync(alone);
  writeFileSync(join(alone, 'c.toml'), ruleText('c-rule', 'low'));
  const twice = await stepparent('rules', 'check', join(alone, 'c.toml'), alone);
  expect(twice).toEqual({ code: 0, out: '', err: '1 rule valid, 0 rejected\n' });

  const second = join(directory, 'second');
  mkdirSync(second);
  renameSync(copy, join(second, 'copy.toml'));
  const both = join(directory, 'both.toml');
  writeFileSync(both, readFileSync(config, 'utf8').replace(/\["(.*)"\]/, `["$1", "${second}"]`));
  for (const args of [
    ['rules', 'check'],
    ['run', '--check'],
  ]) {
    const { code, out, err } = await run(process.execPath, [main, ...args, '--config', both]);
    expect({ code, out }).toEqual({ code: 1, out: expect.stringMatching(rejectedAt(join(second, 'copy.toml'))) });
    expect(countsOf(err.split('\n')[0])).toEqual([2, 1]);
  }
});

test('rules check and run --check warn of a rule that can never match; with --strict, that is a failure', async () => {
  const odd = join(directory, 'odd.toml');
  writeFileSync(
    odd,
    ruleText('odd', 'low').replace('process.name:dpkg', 'not proces.name:dpkg and event.category:registry'),
  );
  const shownOf = (file: string): string[] => [
    expect.stringMatching(`^warning: ${file}:9:14: \`rule\\.query\`: .*"proces\\.name".*"process\\.name"`),
    'query = "not proces.name:dpkg and event.category:registry"',
    '             ^~~~~~~~~~~',
    expect.stringMatching(`^warning: ${file}:9:35: \`rule\\.query\`: .*\`event\\.category\` .*process/start/exec`),
    'query = "not proces.name:dpkg and event.category:registry"',
    '                                  ^~~~~~~~~~~~~~',
    '',
  ];
  const checked = async (args: readonly string[], file: string) => {
    const { code, out, err } = await run(process.execPath, [main, ...args]);
    expect(out.split('\n')).toEqual(shownOf(file));
    return { code, err };
  };
  const err = '1 rule valid, 0 rejected, 2 warnings\n';
  expect(await checked(['rules', 'check', odd, '--config', config], odd)).toEqual({ code: 0, err });
  expect(await checked(['rules', 'check', '--strict', odd, '--config', config], odd)).toEqual({ code: 1, err });
  expect(await stepparent('rules', 'check', '--strict')).toMatchObject({ code: 0, out: '' });

  const configured = join(directory, 'odd-config.toml');
  mkdirSync(join(directory, 'odd-rules'));
  renameSync(odd, join(directory, 'odd-rules', 'odd.toml'));
  const text = (record: string): string => `directories.rules = ["${directory}/odd-rules"]
directories.hunts = []
events = { store = "${record}" }`;
  writeFileSync(configured, text('process.name:x'));
  const moved = join(directory, 'odd-rules', 'odd.toml');
  expect((await checked(['run', '--check', '--config', configured], moved)).code).toBe(0);
  const check = [main, 'run', '--check', '--strict', '--config', configured];
  expect(await run(process.execPath, check)).toMatchObject({ code: 1 });
  rmSync(moved);
  expect(await run(process.execPath, check)).toMatchObject({ code: 0, out: '' });
  writeFileSync(configured, text('process.nam:x'));
  const record = `${configured}:3: \`events.store\`: ${unknownField('process.nam')}`;
  const { code, err: stderr } = await run(process.execPath, check);
  expect(code).toBe(1);
  expect(stderr).toContain(`stepparent: warning: ${record}\n`);
  expect(await run(process.execPath, [main, 'config', 'check', '--config', configured])).toMatchObject({
    code: 0,
    out: expect.stringContaining(`warning: ${record}\n`),
  });
});

test('status prints the answer of a running agent, or the store of a stopped one with exit code 1', async () => {
  const stopped = await stepparent('status');
  expect(stopped.code).toBe(1);
  expect(stopped.out.startsWith(formatStatus({ state: 'stopped' }))).toBe(true);
  expect(stopped.out).toContain(join(directory, 'state', 'stepparent.db'));
  expect(JSON.parse((await stepparent('status', '--json')).out)).toMatchObject({
    state: 'stopped',
    store: { events: 3, alerts: { open: 3 }, outbox: { ndjson: { waiting: 3 } } },
  });
  const control = await listenControl(
    join(directory, 'run', 'control.sock'),
    { status: () => ({ pid: 7, state: 'running' }) },
    (what) => expect.unreachable(what),
  );
  onTestFinished(() => control.close());
  expect(await stepparent('status', '--json')).toEqual({ code: 0, out: '{"pid":7,"state":"running"}\n', err: '' });
});

test('reload prints the result', async () => {
  expect(await stepparent('reload')).toEqual({ code: 1, out: '', err: 'stepparent: the agent is not running\n' });
  const fault = { file: '/r/a.toml', line: 3, column: 1, message: 'wrong\u001b' };
  const expectedOutput = {
    reloaded: { last: '2026-01-01T00:00:00.000Z' },
    rules: { loaded: ['a', 'b'], rejected: [] as object[] },
    hunts: { rejected: [] },
    warnings: ['/r/b.toml:1: odd'],
    restart_needed: ['sensor'],
  };
  let answer: unknown = expectedOutput;
  const control = await listenControl(join(directory, 'run', 'control.sock'), { reload: () => answer }, (what) =>
    expect.unreachable(what),
  );
  onTestFinished(() => control.close());
  const notes = 'stepparent: warning: /r/b.toml:1: odd\nstepparent: a restart is needed for: sensor\n';
  expect(await stepparent('reload')).toEqual({
    code: 0,
    out: 'reloaded: 2 rules loaded, 0 files rejected\n',
    err: notes,
  });
  answer = { ...expectedOutput, rules: { ...expectedOutput.rules, rejected: [fault] } };
  expect(await stepparent('reload')).toEqual({
    code: 1,
    out: 'reloaded: 2 rules loaded, 1 file rejected\n',
    err: `stepparent: rejected: /r/a.toml:3:1: wrong\\x1b\n${notes}`,
  });
  answer = { ...expectedOutput, reloaded: { ...expectedOutput.reloaded, rejected: '/r/a.toml:3:1: wrong' } };
  expect(await stepparent('reload')).toEqual({
    code: 1,
    out: '',
    err: 'stepparent: reload failed, keeping the previous configuration: /r/a.toml:3:1: wrong\n',
  });
});

test.for([
  [[], 2, 'Usage: stepparent'],
  [['alrts'], 2, "error: unknown command 'alrts'"],
  [['alerts', '--state', 'shut'], 2, 'Allowed choices are open, learning, rate_limited'],
  [['alerts', '--since', 'yesterday'], 2, `argument 'yesterday' is invalid. Allowed: ${allowedDuration}`],
  [['events', '--limit', '0'], 2, "argument '0' is invalid. Allowed: "],
  [['baseline', 'remove', 'a-rule'], 2, "missing required argument 'term'"],
  [['baseline', 'trust', 'a-rule', '/x'], 2, 'stepparent: `baseline trust` is now `baseline allow`\n'],
  [['except', 'list'], 2, 'stepparent: `except` is now `exception`\n'],
  [['alerts', '--state', 'capped'], 2, 'argument \'capped\' is invalid. It is now "rate_limited".'],
  [['alerts', '--state', 'excepted'], 2, 'argument \'excepted\' is invalid. It is now "suppressed".'],
  [['--config', '/x', 'baseline', 'forget', 'a-rule'], 2, 'stepparent: `baseline forget` is now `baseline remove`\n'],
] as const)('wrong use: %j', async ([args, code, err]) => {
  const result = await run(process.execPath, [main, ...args]);
  expect(result).toMatchObject({ code, out: '', err: expect.stringContaining(err) });
});

test('help and version go to standard output', async () => {
  expect(await run(process.execPath, [main, '--version'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
  expect(await run(process.execPath, [main, '--help'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Usage: /),
    err: '',
  });
});

test('a wrong configuration is exit code 78, with the line and a caret', async () => {
  const wrong = join(directory, 'wrong-config.toml');
  writeFileSync(wrong, '\n[sensor]\nmode = "ebpf"\n');
  const { code, out, err } = await run(process.execPath, [main, 'alerts', '--config', wrong]);
  expect({ code, out }).toEqual({ code: 78, out: '' });
  expect(err).toMatch(/^stepparent: .*wrong-config\.toml:3:1: `sensor\.mode` .*"auto"/);
  expect(err).toContain('mode = "ebpf"\n');
});

test('a missing database is exit code 1, with its path', async () => {
  const empty = join(directory, 'empty.toml');
  writeFileSync(empty, `directories.state = "${directory}/none"\ndirectories.runtime = "${directory}/none"`);
  const err = `stepparent: ${missingText(join(directory, 'none', 'stepparent.db'))}\n`;
  expect(await run(process.execPath, [main, 'alerts', '--config', empty])).toEqual({ code: 1, out: '', err });
  expect(await run(process.execPath, [main, 'status', '--config', empty])).toEqual({
    code: 1,
    out: formatStatus({ state: 'stopped' }),
    err,
  });
});

test.skipIf(needsRoot).for(['alerts', 'status'])(
  titled('%s without privilege is exit code 4', needsRoot),
  async (command) => {
    const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const { code, out, err } = await run('setpriv', [...user, process.execPath, main, command, '--config', config]);
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toMatch(/^stepparent: .*(stepparent\.db|control\.sock).*\n$/);
  },
);

test('a closed pipe ends the listing silently', async () => {
  const script = 'for i in 1 2 3 4 5; do "$0" "$1" events --json --config "$2"; done | head -c 1';
  expect(await run('sh', ['-c', script, process.execPath, main, config])).toEqual({ code: 0, out: '{', err: '' });
});

test('scripts lists and shows stored scripts, escaped without --raw', async () => {
  const text = '#!/bin/sh\n\tsetsid /opt/x &\n\u001b[2J\n';
  const hash = createHash('sha256').update(text).digest('hex');
  const store = openStore(join(directory, 'state', 'stepparent.db'));
  const slot = { package: 'cron', version: '3.0', phase: 'postinst', path: '/var/lib/dpkg/info/cron.postinst' };
  const content = Buffer.from(text);
  const seen = {
    ...slot,
    sha256: hash,
    sizeBytes: content.length,
    content,
    state: 'changed',
    origin: 'change',
  } as const;
  store.saveScripts([seen, { ...seen, package: '', version: '', phase: '', path: '/tmp/\u001b[2J' }], nowMs);
  store.close();
  const { out } = await stepparent('scripts');
  const tail = `${hash.slice(0, 16)}  changed  change  detached-process`;
  expect(out.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '))).toEqual([
    `${localTime(nowMs)}  /tmp/\\x1b[2J  ${tail}`,
    `${localTime(nowMs)}  cron  3.0  postinst  ${tail}`,
    '',
  ]);
  const listed = await stepparent('scripts', 'cron', '--json');
  expect(JSON.parse(listed.out)).toMatchObject({
    ...slot,
    sha256: hash,
    findings: [{ line: 2 }],
    size: content.length,
  });
  expect(await stepparent('scripts', 'none')).toMatchObject({ code: 0, out: '' });
  expect(await stepparent('scripts', 'show', hash.slice(0, 8).toUpperCase())).toEqual({
    code: 0,
    out: '#!/bin/sh\n\tsetsid /opt/x &\n\\x1b[2J\n',
    err: 'line 2: detached-process (T1564.011)\n',
  });
  expect((await stepparent('scripts', 'show', hash, '--raw')).out).toBe(text);
  expect(JSON.parse((await stepparent('scripts', 'show', hash, '--json')).out)).toMatchObject({
    content: text,
    cut: false,
  });
  expect(await stepparent('scripts', 'show', 'ffff')).toMatchObject({ code: 1, out: '' });
});

test('scripts diff compares each script of a package with the content before, escaped', async () => {
  const store = openStore(join(directory, 'state', 'stepparent.db'));
  const save = (version: string, phase: string, text: string, atMs: number): string => {
    const content = Buffer.from(text);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const slot = { package: 'anacron', version, phase, path: `/var/lib/dpkg/info/anacron.${phase}` };
    const seen = { ...slot, sha256, sizeBytes: content.length, content, state: 'first', origin: 'dpkg' } as const;
    store.saveScripts([seen], atMs);
    return sha256.slice(0, 16);
  };
  const hour = 3_600_000;
  save('1.0', 'prerm', 'exit 0\n', nowMs - 5 * hour);
  expect(await stepparent('scripts', 'diff', 'anacron')).toEqual({
    code: 1,
    out: '',
    err: expect.stringMatching(
      /^only one content of its script is known: nothing to compare\nanacron 1\.0 prerm \w{16}\n$/,
    ),
  });
  save('0.9', 'postinst', 'older\n', nowMs - 4 * hour);
  const before = save('1.0', 'postinst', '#!/bin/sh\nset -e\n\ttrue\n', nowMs - 3 * hour);
  const now = save('1.1', 'postinst', '#!/bin/sh\nset -e\n\ttrue \u001b[2J\nsetsid /opt/x &\n', nowMs - hour);
  save('1.1', 'prerm', 'exit 0\n', nowMs - hour);
  expect(await stepparent('scripts', 'diff', 'anacron')).toEqual({
    code: 0,
    out: [
      `--- anacron 1.0 postinst ${before}`,
      `+++ anacron 1.1 postinst ${now}`,
      '@@ -1,3 +1,4 @@',
      ' #!/bin/sh',
      ' set -e',
      '-\ttrue',
      '+\ttrue \\x1b[2J',
      '+setsid /opt/x &',
      '',
    ].join('\n'),
    err: '',
  });
  expect(JSON.parse((await stepparent('scripts', 'diff', 'anacron', '--json')).out)).toMatchObject({
    package: 'anacron',
    phase: 'postinst',
    before: { version: '1.0', size: 23 },
    now: { version: '1.1', state: 'first' },
    diff: expect.stringContaining('+setsid /opt/x &'),
    cut: false,
    partial: false,
  });
  // An older content that is seen again is the newest one.
  save('1.0', 'postinst', '#!/bin/sh\nset -e\n\ttrue\n', nowMs);
  expect((await stepparent('scripts', 'diff', 'anacron')).out).toContain(`+++ anacron 1.0 postinst ${before}\n`);
  // A large difference is cut.
  save('2.0', 'postinst', 'x\n'.repeat(50_000), nowMs + hour);
  const large = await stepparent('scripts', 'diff', 'anacron');
  expect(large.err).toContain('only the first 65536 characters of the difference are shown');
  expect(large.out.length).toBeLessThan(70_000);
  store.close();
  expect(await stepparent('scripts', 'diff', 'none')).toEqual({
    code: 1,
    out: '',
    err: 'no scripts of that package\n',
  });
});
