// `stepparent config check` and `show`, each run as a process.

import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { completeConfiguration, configurationKeys } from '../../../agent/configuration/configuration.ts';
import { checkConfigurationFile } from '../../../agent/configuration/read-configuration.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const main = join(import.meta.dirname, '../../../agent/main.ts');

function stepparent(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [main, 'config', ...args],
      { env: { ...process.env, ...env } },
      (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

/** A directory with these files; the first is the configuration. */
function directoryOf(files: Record<string, string>): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'conf.d'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

const hostile = 'x\x1b[31m\u202e.toml';
const exception = `[[exceptions]]
rule = "unusual-dpkg-execution"
reason = "gpj.\\u202etxt"
owner = "alice"
expires = 2027-01-31T12:00:00Z
[[exceptions.when]]
field = "process.name"
operator = "is"
values = ["a\\u001b[2J"]
`;

const ruleSettings = `[[rules]]
id = "package-held"
enabled = false
severity = "low"
window = "14d"
`;

test('check prints files and warnings, with exit code 0', async () => {
  const directory = directoryOf({
    'config.toml': 'lerning = "7d"\n',
    [`conf.d/${hostile}`]: '[sensor]\n"\\u001b[2J" = 1\n',
    'conf.d/draft.bak': '=',
  });
  const { code, out, err } = await stepparent(['check', '--config', join(directory, 'config.toml')]);
  expect(code).toBe(0);
  const shown = `${directory}/conf.d/x\\x1b[31m\\u202e.toml`;
  expect(out.split('\n')).toEqual([
    `read: ${directory}/config.toml`,
    `read: ${shown}`,
    expect.stringMatching(`^warning: ${directory}/config\\.toml:1: .*\`lerning\`.*\`learning\``),
    expect.stringContaining(`warning: ${shown}:2: `),
    '',
  ]);
  expect(out).toContain('`sensor."\\\\u001b[2J"`');
  expect(err).toMatch(/^2 files, 2 warnings, 0 rejected\n.*stepparent run --check\n$/);
});

test('check prints every error with position and line, with exit code 78', async () => {
  const directory = directoryOf({
    'config.toml': 'learning = 7\n[log]\nlevel = "loud"\n',
    'conf.d/a.toml': exception.replace('owner = "alice"\n', ''),
    'conf.d/b.toml': 'directories.rules = ["/nowhere/rules"]',
  });
  const { code, out, err } = await stepparent(['check', '--config', join(directory, 'config.toml')]);
  expect(code).toBe(78);
  const rejected = out.split('\n').filter((line) => line.startsWith('rejected: '));
  expect(rejected.map((line) => line.slice(`rejected: ${directory}/`.length))).toEqual([
    expect.stringMatching(/^config\.toml:1:1: `learning` /),
    expect.stringMatching(/^config\.toml:3:1: `log\.level` .*"debug"/),
    expect.stringMatching(/^conf\.d\/a\.toml:\d:1: `exceptions\[0\]\.owner` /),
    expect.stringMatching(/^conf\.d\/b\.toml:1:1: `directories.rules` .*\/nowhere\/rules/),
  ]);
  expect(out).toContain('\nlevel = "loud"\n^~~~~\n');
  expect(err).toMatch(/^3 files, 0 warnings, 4 rejected\n/);
  const show = await stepparent(['show', '--config', join(directory, 'config.toml')]);
  expect(show.code).toBe(78);
  const messages = show.err.split('\n').filter((line) => line.startsWith('stepparent: '));
  expect(messages).toEqual(rejected.map((line) => line.replace('rejected', 'stepparent')));
});

test('check FILE checks only that file', async () => {
  const directory = directoryOf({
    'config.toml': '',
    'conf.d/a.toml': 'learning = 7',
    'draft.toml': 'learning = "7d"',
  });
  const config = ['--config', join(directory, 'config.toml')];
  expect(await stepparent(['check', join(directory, 'draft.toml'), ...config])).toMatchObject({
    code: 0,
    out: `read: ${directory}/draft.toml\n`,
  });
  expect(await stepparent(['check', join(directory, 'conf.d/a.toml'), ...config])).toMatchObject({ code: 78 });
  expect(await stepparent(['check', join(directory, 'none.toml')])).toMatchObject({
    code: 78,
    out: expect.stringContaining(`${directory}/none.toml: `),
    err: expect.stringMatching(/^0 files, 0 warnings, 1 rejected\n/),
  });
});

test('show prints TOML that gives the same configuration, with the origin of each value and no invisible character', async () => {
  const directory = directoryOf({
    'config.toml': 'learning = "3d"\nsensor = { mode = "procfs" }\n',
    [`conf.d/${hostile}`]: `directories.logs = "/var/log/\\u202e"\n[sensor]\nmode = "tracefs"\n${ruleSettings}${exception}`,
  });
  const config = join(directory, 'config.toml');
  const { code, out, err } = await stepparent(['show', '--config', config], { STATE_DIRECTORY: '/srv/state:/b' });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const lines = out.split('\n');
  const shown = `${directory}/conf.d/x\\x1b[31m\\u202e.toml`;
  for (const line of [
    `# read: ${config}`,
    `# read: ${shown}`,
    'state = "/srv/state"  # $STATE_DIRECTORY',
    `logs = "/var/log/\\u202e"  # ${shown}:1`,
    'runtime = "/run/stepparent"  # default',
    `learning = "3d"  # ${config}:1`,
    `mode = "tracefs"  # ${shown}:3`,
    'level = "info"  # default',
  ]) {
    expect(lines).toContain(line);
  }
  expect(out).toMatch(/^# package_databases is not set: /m);
  expect(out).not.toMatch(/[\x1b\u202e]/);

  const again = join(directory, 'again.toml');
  writeFileSync(again, out);
  const read = checkConfigurationFile(again);
  expect({ warnings: read.warnings, rejected: read.rejected }).toEqual({ warnings: [], rejected: [] });
  expect(read.ruleSettings).toMatchObject([
    { id: 'package-held', enabled: false, severity: 'low', window: 14 * 86_400_000 },
  ]);
  const { directories: _, ...others } = completeConfiguration([{ learning: '3d', sensor: { mode: 'tracefs' } }]);
  expect(read.configuration).toMatchObject({
    ...others,
    directories: { state: '/srv/state', logs: '/var/log/\u202e' },
  });
  expect(read.exceptions).toMatchObject([
    { reason: 'gpj.\u202etxt', expiresMs: Date.parse('2027-01-31T12:00:00Z'), when: [{ values: ['a\x1b[2J'] }] },
  ]);
  expect(Object.keys(parse(out))).toContain('exceptions');
});

test('show --json prints a document for each key and exception', async () => {
  const directory = directoryOf({ 'config.toml': `learning = "3d"\n${ruleSettings}${exception}` });
  const config = join(directory, 'config.toml');
  const env = { STATE_DIRECTORY: '', LOGS_DIRECTORY: '/srv/logs', RULES_DIRECTORIES: '/x' };
  const { out } = await stepparent(['show', '--json', '--config', config], env);
  const documents = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(documents.map(({ key }) => key)).toEqual([
    ...configurationKeys.map(({ name }) => name),
    'rules',
    'exceptions',
  ]);
  const documentOf = (key: string) => documents.find((document) => document.key === key);
  expect(documentOf('directories.state')).toEqual({
    key: 'directories.state',
    value: '/var/lib/stepparent',
    origin: 'default',
  });
  expect(documentOf('rules')).toEqual({
    key: 'rules',
    value: { id: 'package-held', enabled: false, severity: 'low', window: '2w' },
    origin: 'file',
    file: config,
    line: 2,
  });
  expect(documentOf('directories.logs')).toEqual({
    key: 'directories.logs',
    value: '/srv/logs',
    origin: 'environment',
  });
  expect(documentOf('directories.rules')).toMatchObject({ origin: 'default', value: expect.any(Array) });
  expect(documentOf('directories.package_databases')).toEqual({
    key: 'directories.package_databases',
    value: null,
    origin: 'default',
  });
  expect(documentOf('learning')).toEqual({ key: 'learning', value: '3d', origin: 'file', file: config, line: 1 });
  expect(documentOf('exceptions')).toMatchObject({ file: config, line: 7, value: { owner: 'alice' } });
});

test('show prints nothing of a wrong configuration, with exit code 78', async () => {
  const directory = directoryOf({ 'config.toml': 'learning = 7' });
  const { code, out, err } = await stepparent(['show', '--config', join(directory, 'config.toml')]);
  expect({ code, out }).toEqual({ code: 78, out: '' });
  expect(err).toContain('config.toml:1:1: `learning` ');
});
