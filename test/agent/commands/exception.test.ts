// `stepparent exception` from the command line: its output, the files it writes, and the input it rejects.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { readConfiguration } from '../../../agent/configuration/read-configuration.ts';
import { localTime } from '../../../agent/output/local-time.ts';
import { compileExceptions } from '../../../detectors/exceptions.ts';
import type { AlertRecord } from '../../../storage/records.ts';
import { openStore } from '../../../storage/store.ts';
import { missingTools, titled, unmet } from '../../needs.ts';
import { exampleEvent, exampleFinding, exampleJudged, exampleRule } from '../../storage/examples.ts';

const main = join(import.meta.dirname, '../../../agent/main.ts');
const nowMs = Date.now();
const hourMs = 3_600_000;

const ruleText = (id: string, rest: string) => `
[rule]
rule_id = "${id}"
name = "n"
description = "d"
severity = "low"
risk_score = 21
query = "process.name:dpkg"
${rest}
`;
const newTerms = `type = "new_terms"
[rule.new_terms]
field = "new_terms_fields"
value = ["process.parent.executable"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-5d"`;

let directory: string;
let alerts: AlertRecord[];

/**
 * A configuration with two rules, and five alerts: three of a-rule by two parents, one by process, one of a rule that is no longer
 * loaded.
 */
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stepparent-exception-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, 'rules'));
  mkdirSync(join(directory, 'conf.d'));
  writeFileSync(join(directory, 'rules', 'a-rule.toml'), ruleText('a-rule', newTerms));
  writeFileSync(join(directory, 'rules', 'by-process.toml'), ruleText('by-process', 'type = "query"'));
  const directories = ['state', 'run'].map(
    (name) => `directories.${name === 'run' ? 'runtime' : name} = "${directory}/${name}"`,
  );
  writeFileSync(
    join(directory, 'config.toml'),
    `${directories.join('\n')}\ndirectories.rules = ["${directory}/rules"]\n`,
  );
  const store = openStore(join(directory, 'state', 'stepparent.db'), { nowMs });
  const put = (id: string, ruleId: string, parent: string | undefined, terms: (string | null)[], ageMs: number) => {
    const event = exampleEvent(id, nowMs - ageMs);
    const { parent: _, ...process } = { ...event.process, entity_id: `p-${id}`, command_line: 'dpkg -i x.deb' };
    const rule = exampleRule({ id: ruleId, windowMs: hourMs, reason: 'it is new' });
    const whole = {
      ...event,
      process: parent === undefined ? process : { ...process, parent: { executable: parent } },
    };
    store.record([{ event: whole, scope: '', verdicts: [exampleJudged(whole, { rule, terms })] }], nowMs - ageMs);
  };
  put('1', 'a-rule', '/opt/x\n\x1b[31m', ['/opt/x\n\x1b[31m'], 9 * hourMs);
  put('2', 'a-rule', '/opt/y', ['/opt/y'], 8 * hourMs);
  put('3', 'a-rule', '/opt/x\n\x1b[31m', ['/opt/x\n\x1b[31m'], 7 * hourMs);
  put('4', 'by-process', '/opt/x', ['p-4'], 6 * hourMs);
  put('5', 'gone', '/opt/x', ['/opt/x'], 5 * hourMs);
  put('6', 'a-rule', undefined, [null], 4 * hourMs);
  alerts = [...store.listAlerts()];
  store.close();
});

interface Result {
  code: number;
  out: string;
  err: string;
}

const runException = (...args: string[]) => run('exception', ...args);

const run = (...args: string[]): Promise<Result> =>
  new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [main, ...args, '--config', join(directory, 'config.toml')],
      { env: { ...process.env, SUDO_USER: 'mallory' } },
      (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
    child.stdin?.end();
  });

const idOf = (index: number): string => alerts[index]?.id ?? '';
const written = (): string[] => readdirSync(join(directory, 'conf.d')).sort();
const configured = () => readConfiguration(join(directory, 'config.toml')).exceptions;

test('add shows what it would suppress, then writes one file that suppresses it', async () => {
  const { code, out, err } = await runException('add', '--from', idOf(0).slice(0, 12), '--reason', 'OPS-12', '--yes');
  expect({ code, files: written().length }).toEqual({ code: 0, files: 1 });
  const [name = ''] = written();
  const [exception] = configured();
  expect(name).toBe(`50-exception-${exception?.id}.toml`);
  expect(err).toBe(`wrote ${directory}/conf.d/${name}; apply it with: systemctl reload stepparent\n`);
  const lines = out.split('\n');
  expect(lines.slice(0, 5)).toEqual([
    `  id        ${exception?.id}`,
    '  rule      a-rule',
    '  when      process.parent.executable is "/opt/x\\n\\x1b[31m"',
    '  reason    OPS-12',
    '  owner     mallory',
  ]);
  expect(lines[5]).toMatch(/^ {2}expires {3}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  expect(lines[6]).toBe('  would suppress 2 of 4 stored alerts of its rule (2 open), 2 matches; the newest:');
  expect(lines[7]).toContain(
    `    ${localTime(nowMs - 9 * hourMs)}  open  alice through an unobserved ancestor of /opt/x\\n\\x1b[31m `,
  );
  expect(lines.slice(9)).toEqual(['']);
  expect(out).not.toContain('\x1b');
  expect(statSync(join(directory, 'conf.d', name)).mode & 0o777).toBe(0o600);

  const exceptionFor = compileExceptions(configured());
  const read = (parent: string) => (field: string) => (field === 'process.parent.executable' ? parent : undefined);
  expect(exceptionFor('a-rule', read('/opt/x\n\x1b[31m'), nowMs)).toMatchObject({ reason: 'OPS-12', owner: 'mallory' });
  expect(exceptionFor('a-rule', read('/opt/y'), nowMs)).toBeUndefined();
  expect(exceptionFor('a-rule', read('/opt/x\n\x1b[31m'), nowMs + 91 * 86_400_000)).toBeUndefined();

  const again = await runException('add', '--from', idOf(2), '--yes');
  expect(again).toMatchObject({
    code: 1,
    err: `stepparent: this exception already exists: ${directory}/conf.d/${name}:3\n`,
  });
  expect(written()).toEqual([name]);
});

test('add --field adds conditions, one for each value of a list', async () => {
  const fields = ['--field', 'user.name', '--field', 'process.args'];
  const { code, out } = await runException('add', '--from', idOf(1), ...fields, '--expires', 'never', '--dry-run');
  expect({ code, files: written() }).toEqual({ code: 0, files: [] });
  expect(out).toContain(`  when      process.parent.executable is "/opt/y"
  and       user.name is "root"
  and       process.args is "dpkg"
  and       process.args is "-i"
  and       process.args is "x.deb"
  reason    no reason given; created from alert ${idOf(1)}
  owner     mallory
  expires   never
`);
  const text = out.slice(out.indexOf('\n# Created by'));
  expect(text).toContain('expires = "never"\n');
  expect(text.match(/^\[\[exceptions\.when\]\]$/gm)).toHaveLength(5);
});

test('add makes no condition of fields that identify one process, and no exception without a condition', async () => {
  const rejected = await runException('add', '--from', idOf(3), '--yes');
  expect(rejected).toEqual({
    code: 1,
    out: '',
    err: 'stepparent: process.entity_id differs in each process; name the fields to compare with --field\n',
  });
  expect((await runException('add', '--from', idOf(3), '--field', 'process.command_line', '--yes')).code).toBe(0);
  expect(configured()).toMatchObject([
    { rules: ['by-process'], when: [{ field: 'process.command_line', operator: 'is', values: ['dpkg -i x.deb'] }] },
  ]);
});

test('add notes that the path of an unverified program is no proof', async () => {
  const store = openStore(join(directory, 'state', 'stepparent.db'), { mustExist: true });
  const rule = exampleRule({ id: 'a-rule' });
  store.record([exampleFinding(nowMs, { rule, terms: ['/usr/bin/python3 (unverified)'] })], nowMs);
  const impostor = [...store.listAlerts()].at(-1);
  store.close();
  const { code, out, err } = await runException('add', '--from', impostor?.id ?? '', '--dry-run');
  expect(code).toBe(0);
  expect(out).toContain('when      process.parent.executable is "/usr/bin/python3"\n');
  expect(err).toMatch(/^note: the program of this alert could not be verified/);
});

test('add compares the content of a script whose path does not occur again', async () => {
  const store = openStore(join(directory, 'state', 'stepparent.db'), { mustExist: true });
  const sha256 = '0123456789abcdef'.repeat(4);
  const event = exampleEvent('script', nowMs);
  const parent = { executable: '/tmp/deploy_1.sh', hash: { sha256 } };
  const whole = { ...event, process: { ...event.process, parent } };
  const terms = [`/tmp/* (sha256 ${sha256.slice(0, 16)})`];
  const verdict = exampleJudged(whole, { rule: exampleRule({ id: 'a-rule' }), terms });
  store.record([{ event: whole, scope: '', verdicts: [verdict] }], nowMs);
  const alert = [...store.listAlerts()].find((each) => each.terms[0] === terms[0]);
  store.close();
  const { code, out } = await runException('add', '--from', alert?.id ?? '', '--dry-run');
  expect(code).toBe(0);
  expect(out).toContain(`when      process.parent.hash.sha256 is "${sha256}"\n`);
});

test('add compares the fixed parts of a program whose path does not occur again', async () => {
  const store = openStore(join(directory, 'state', 'stepparent.db'), { mustExist: true });
  const event = exampleEvent('program', nowMs);
  const whole = { ...event, process: { ...event.process, parent: { executable: '/tmp/build-aB3dE6/tool' } } };
  const verdict = exampleJudged(whole, { rule: exampleRule({ id: 'a-rule' }), terms: ['/tmp/build-*/tool (cron)'] });
  store.record([{ event: whole, scope: '', verdicts: [verdict] }], nowMs);
  const alert = [...store.listAlerts()].find((each) => each.terms[0] === '/tmp/build-*/tool (cron)');
  store.close();
  const { code, out } = await runException('add', '--from', alert?.id ?? '', '--dry-run');
  expect(code).toBe(0);
  expect(out).toContain('when      process.parent.executable matches "/tmp/build-*/tool"\n');
  expect(out).toContain('would suppress 1 of ');
});

test('add writes nothing without --yes and without a terminal', async () => {
  const { code, err } = await runException('add', '--from', idOf(0));
  expect({ code, err }).toEqual({ code: 1, err: 'nothing was written; --yes writes the file without asking\n' });
  expect(written()).toEqual([]);
});

const noScript = unmet(missingTools('script'));
test.skipIf(noScript).for([
  ['y', 1],
  ['', 0],
  ['n', 0],
] as const)(titled('on a terminal it asks; %j writes %j files', noScript), async ([answer, files]) => {
  const args = ['exception', 'add', '--from', idOf(0), '--config', join(directory, 'config.toml')];
  const command = [process.execPath, main, ...args].map((word) => `'${word}'`).join(' ');
  const shown = await new Promise<string>((resolve) => {
    const child = execFile('script', ['-qec', command, '/dev/null'], (_, out) => resolve(out));
    let out = '';
    child.stdout?.on('data', (part: string) => {
      if (!out.includes('[y/N]') && `${out}${part}`.includes('[y/N]')) child.stdin?.end(`${answer}\n`);
      out += part;
    });
  });
  expect(shown).toMatch(/ 2 of 4 /);
  // The prompt names the file, and so does the message after the write.
  expect(shown.split(`${directory}/conf.d/`)).toHaveLength(2 + files);
  expect(written()).toHaveLength(files);
});

test('add --expires keeps a date as it was given', async () => {
  const date = new Date(nowMs + 40 * 86_400_000).toISOString().slice(0, 10);
  const { code } = await runException('add', '--from', idOf(0), '--expires', date, '--file', 'vendor', '--yes');
  expect({ code, files: written() }).toEqual({ code: 0, files: ['vendor.toml'] });
  expect(readFileSync(join(directory, 'conf.d', 'vendor.toml'), 'utf8')).toContain(`\nexpires = ${date}\n`);
  expect(configured()[0]?.expiresMs).toBe(Date.parse(`${date}T00:00`));
});

test('add never overwrites a file', async () => {
  writeFileSync(join(directory, 'conf.d', 'mine.toml'), 'log.level = "warn"');
  const { code, err } = await runException('add', '--from', idOf(0), '--file', 'mine.toml', '--yes');
  expect(code).toBe(1);
  expect(err).toBe(`stepparent: ${directory}/conf.d/mine.toml already exists; choose another name with --file\n`);
  expect(readFileSync(join(directory, 'conf.d', 'mine.toml'), 'utf8')).toBe('log.level = "warn"');
  expect(written()).toEqual(['mine.toml']);
});

test.for<[() => string[], string]>([
  [() => ['--from', 'ffffffffffff'], 'no alert with id ffffffffffff; `stepparent alerts` shows ids'],
  [() => ['--from', '\x1b[2J%'], 'no alert with id \\x1b[2J%; '],
  [() => ['--from', idOf(4)], 'no term fields are known for the rule gone; name the fields to compare with --field'],
  [
    () => ['--from', idOf(5)],
    'the alert has no process.parent.executable: a field that was not observed cannot be compared',
  ],
  [() => ['--from', idOf(0), '--field', 'user.nam'], 'the alert has no user.nam: '],
  [() => ['--from', idOf(0), '--field', 'process.*'], '--field process.* must be '],
  [() => ['--from', idOf(0), '--field', 'message'], '--field message must be '],
  [() => ['--from', idOf(0), '--expires', 'soon'], '--expires must be a span such as 30d'],
  [() => ['--from', idOf(0), '--expires', '2w0'], '--expires must be a span'],
  [() => ['--from', idOf(0), '--expires', '2020-01-01'], '--expires must be a span'],
  [() => ['--from', idOf(0), '--expires', '60w'], '--expires must be a span'],
  [() => ['--from', idOf(0), '--file', '../x.toml'], '--file must be a name of letters'],
  [() => ['--from', idOf(0), '--file', '.x'], '--file must be a name of letters'],
  [() => ['--from', idOf(0), '--reason', ' '], 'this cannot be written as an exception: '],
])('add is rejected: %#: %s', async ([args, message]) => {
  const { code, err } = await runException('add', ...args(), '--yes');
  expect({ code, err: err.slice(0, message.length + 12) }).toEqual({ code: 1, err: `stepparent: ${message}` });
  expect(written()).toEqual([]);
});

test('add lists the alerts that share the prefix', async () => {
  const store = openStore(join(directory, 'state', 'stepparent.db'), { mustExist: true });
  // Of seventeen ids in hexadecimal digits, two have the same first digit.
  for (let i = 0; i < 17; i++) store.record([exampleFinding(nowMs, { eventId: `e${i}`, terms: [`/x/${i}`] })], nowMs);
  const all = [...store.listAlerts()];
  store.close();
  const [prefix = ''] = all.map(({ id }) => id.slice(0, 1)).filter((digit, i, digits) => digits.indexOf(digit) < i);
  const { code, err } = await runException('add', '--from', prefix, '--yes');
  expect(code).toBe(1);
  const [first, ...lines] = err.trimEnd().split('\n');
  expect(first).toBe(`stepparent: more than one alert has an id that begins with ${prefix}:`);
  const several = all.filter(({ id }) => id.startsWith(prefix)).slice(0, 10);
  expect(lines.map((line) => line.slice(2, 34)).sort()).toEqual(several.map(({ id }) => id).sort());
});

test('add does not create a missing directory', async () => {
  rmSync(join(directory, 'conf.d'), { recursive: true });
  const { code, err } = await runException('add', '--from', idOf(0), '--yes');
  expect(code).toBe(1);
  expect(err).toBe(
    `stepparent: the directory ${directory}/conf.d does not exist; create it with: install -d -m 0755 ${directory}/conf.d\n`,
  );
});

const text = (parent: string, expires: string, rule = 'a-rule') => `[[exceptions]]
rule = "${rule}"
reason = "vendor \\u202e"
owner = "alice"
expires = ${expires}
[[exceptions.when]]
field = "process.parent.executable"
operator = "matches"
values = ["${parent}"]
`;

test('list shows what each exception has suppressed, and its end', async () => {
  expect(await runException('list')).toEqual({ code: 0, out: '', err: 'no exceptions\n' });
  writeFileSync(
    join(directory, 'conf.d', 'a.toml'),
    text('/opt/*', '"never"') + text('/srv/*', '2020-01-31') + text('/z', '"never"', 'a-rulle'),
  );
  const [exception] = configured();
  const store = openStore(join(directory, 'state', 'stepparent.db'), { mustExist: true });
  const rule = exampleRule({ id: 'a-rule' });
  const verdict = { rule, terms: ['/opt/z'] };
  for (const id of ['h1', 'h2']) {
    const event = exampleEvent(id, nowMs);
    store.record([{ event, scope: '', verdicts: [exampleJudged(event, verdict, { exception })] }], nowMs);
  }
  store.close();
  const shown = [await run('alerts'), await run('alerts', '--state', 'suppressed')].map(({ out }) =>
    out.trimEnd().split('\n'),
  );
  expect(shown.map(({ length }) => length)).toEqual([7, 2]);
  expect(shown[1]?.[1]).toMatch(/ {2}\(suppressed\).* ×2$/);
  const { code, out, err } = await runException('list');
  expect(code).toBe(0);
  const file = `${directory}/conf.d/a.toml`;
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  const [first, second, third] = configured().map(({ id }) => id);
  const rest = (values: string, line: number) => [
    `process.parent.executable matches "${values}"`,
    'vendor \\u202e',
    `${file}:${line}`,
  ];
  expect(lines).toEqual([
    [first, 'never expires', '×2', `last ${localTime(nowMs)}`, 'alice', 'a-rule', ...rest('/opt/*', 1)],
    [second, 'expired 2020-01-31 00:00:00', '×0', 'alice', 'a-rule', ...rest('/srv/*', 10)],
    [third, 'never expires', '×0', 'alice', 'a-rulle', ...rest('/z', 19)],
  ]);
  expect(err.split('\n')).toEqual([
    expect.stringMatching(`^stepparent: warning: ${file}:14: .*2020-01-31 00:00:00`),
    expect.stringMatching(`^stepparent: warning: ${file}:20: \`rule\`: .*"a-rulle".*"a-rule"`),
    '',
  ]);
  const { out: json } = await runException('list', '--json');
  const documents = json
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const last = new Date(nowMs).toISOString();
  expect(documents[0]).toMatchObject({
    id: first,
    in_force: true,
    suppressed: 2,
    last,
    rules: ['a-rule'],
    file,
    line: 1,
  });
  expect(documents[1]).toMatchObject({ id: second, in_force: false, suppressed: 0, expires: expect.any(String) });
});

test('check shows what the exceptions of the configuration, or of a file, would suppress', async () => {
  writeFileSync(join(directory, 'conf.d', 'a.toml'), text('/opt/*', '2020-01-31') + text('/srv/*', '"never"'));
  const { code, out, err } = await runException('check');
  expect(code).toBe(0);
  expect(err).toMatch(/^stepparent: warning: .*a\.toml:5: .*2020-01-31 00:00:00.*\n$/);
  const blocks = out.split('\n\n');
  expect(blocks[0]).toMatch(new RegExp(`^${directory}/conf.d/a.toml:1\n {2}id `));
  expect(blocks[0]).toContain('(3 open)');
  expect(blocks[0]).toMatch(/ 3 of 4 /);
  expect(blocks[1]).toMatch(/ 0 of 4 \D*\n$/);

  const draft = join(directory, 'draft.toml');
  writeFileSync(draft, text('/opt/y', '"never"'));
  const drafted = await runException('check', draft);
  expect(drafted.out).toContain(`${draft}:1\n`);
  expect(drafted.out).toMatch(/ 1 of 4 /);
  expect(await runException('check', '/nowhere.toml')).toEqual({
    code: 78,
    out: '',
    err: expect.stringMatching(/^stepparent: \/nowhere\.toml: .+\n$/),
  });
  writeFileSync(draft, text('/opt/y', '"soon"'));
  const wrong = await runException('check', draft);
  expect(wrong).toMatchObject({ code: 78, out: '' });
  expect(wrong.err).toMatch(new RegExp(`^stepparent: ${draft}:5:1: \`exceptions\\[0\\]\\.expires\` `));
});

test('run --check warns about exceptions, with exit code 0', async () => {
  writeFileSync(join(directory, 'conf.d', 'a.toml'), text('/opt/*', '2020-01-31'));
  const { code, err } = await run('run', '--check');
  expect(code).toBe(0);
  expect(err).toMatch(/^stepparent: warning: .*a\.toml:5: .*2020-01-31 00:00:00.*\n/);
});

test.for([
  [['add'], "required option '--from <alert>' not specified"],
  [['add', '--from', 'a', '--yes', '--dry-run'], "option '--yes' cannot be used with option '--dry-run'"],
  [['alow'], "unknown command 'alow'"],
] as const)('wrong use: %j', async ([args, err]) => {
  expect(await runException(...args)).toMatchObject({ code: 2, err: expect.stringContaining(err) });
});
