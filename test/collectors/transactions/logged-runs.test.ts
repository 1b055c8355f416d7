// Runs of dpkg in its log, whose lines are as dpkg 1.21 writes them: which run a part of it belongs to, and its steps.

import { describe, expect, test } from 'vitest';
import type { DatabaseRow } from '../../../collectors/packages/installed-versions.ts';
import { changeOf } from '../../../collectors/transactions/dpkg-steps.ts';
import { loggedState, loggedSteps, openLoggedRuns } from '../../../collectors/transactions/logged-runs.ts';
import { recordedHost } from '../../recorded-host.ts';

const log = '/var/log/dpkg.log';
const row = (state: string, version = '1', change: Partial<DatabaseRow> = {}): DatabaseRow => ({
  name: 'tool',
  architecture: 'all',
  version,
  want: 'install',
  state,
  isMultiple: false,
  ...change,
});
/** Lines at a second of one minute, each written as by dpkg. */
const lines = (second: number, ...texts: readonly string[]): string =>
  texts.map((text) => `2026-03-01 10:00:${String(second).padStart(2, '0')} ${text}\n`).join('');
const atMs = (second: number): number => new Date(2026, 2, 1, 10, 0, second).getTime();
const wanted = (second: number, operation: string | undefined, ...seen: string[]) => ({
  startMs: atMs(second) + 300,
  endMs: atMs(second) + 700,
  operation,
  seen,
});

const installed = (second: number, version = '1'): string =>
  lines(
    second,
    'startup archives install',
    `install tool:all <none> ${version}`,
    `status half-installed tool:all ${version}`,
    `status unpacked tool:all ${version}`,
    `configure tool:all ${version} <none>`,
    `status half-configured tool:all ${version}`,
    `status installed tool:all ${version}`,
  );
const removed = (second: number): string =>
  lines(second, 'startup packages remove', 'remove tool:all 1 <none>', 'status half-configured tool:all 1');

describe('the part of the log of a run', () => {
  const withLog = (before: string, after: string) => {
    const host = recordedHost({ files: { [log]: before } });
    const runs = openLoggedRuns(host);
    host.change({ [log]: { content: before + after, inode: Number(host.stat(log)?.ino) } });
    return { host, runs };
  };

  test('is taken once, in the order of the log', () => {
    const { runs } = withLog(installed(1), installed(1) + removed(1) + installed(1, '2'));
    expect(runs.take(wanted(1, 'install'))).toBe(installed(1));
    expect(runs.take(wanted(1, 'install'))).toBe(installed(1, '2'));
    expect(runs.take(wanted(1, 'install'))).toBe(undefined);
    expect(runs.take(wanted(1, 'remove'))).toBe(removed(1));
  });

  test.each<[string, ReturnType<typeof wanted>, string | undefined]>([
    ['another time', wanted(5, 'install'), undefined],
    ['another operation', wanted(1, 'purge'), undefined],
    ['an unknown operation', wanted(1, undefined), installed(1)],
    ['a state that was seen', wanted(1, 'install', loggedState(row('half-configured', '2'))), installed(1, '2')],
    ['a state of no run', wanted(1, 'install', loggedState(row('half-installed', '3'))), undefined],
  ])('%s', (_what, run, expected) => {
    expect(withLog('', installed(1) + installed(1, '2')).runs.take(run)).toBe(expected);
  });

  test('is whole when dpkg has written more', () => {
    const [first = '', ...rest] = installed(1).split(/(?<=configure .*\n)/);
    const { host, runs } = withLog('', first);
    expect(runs.take(wanted(1, 'purge'))).toBe(undefined);
    host.change({ [log]: { content: first + rest.join(''), inode: Number(host.stat(log)?.ino) } });
    expect(runs.take(wanted(1, 'install'))).toBe(installed(1));
  });

  test('is found in the log that follows a rotated one', () => {
    const { host, runs } = withLog(installed(1).repeat(10), '');
    host.change({ [log]: { content: removed(2), inode: 99 } });
    expect(runs.take(wanted(2, 'remove'))).toBe(removed(2));
  });

  test('is not found without a log, or in a log of other lines', () => {
    expect(openLoggedRuns(recordedHost({ files: {} })).take(wanted(1, undefined))).toBe(undefined);
    for (const text of ['\n'.repeat(1000), 'x'.repeat(10_000), 'a b startup c\n', ' startup \n', '\0\xff\n']) {
      expect(withLog('', text).runs.take(wanted(1, undefined))).toBe(undefined);
    }
  });

  test('is dropped when too much follows', () => {
    const { host, runs } = withLog('', installed(1));
    expect(runs.take(wanted(1, 'purge'))).toBe(undefined);
    let content = installed(1);
    for (let i = 0; i < 6; i++) {
      content += installed(2).repeat(1200);
      host.change({ [log]: { content, inode: Number(host.stat(log)?.ino) } });
      expect(runs.take(wanted(9, undefined))).toBe(undefined);
    }
    expect(runs.take(wanted(1, 'install'))).toBe(undefined);
    expect(runs.take(wanted(2, 'install'))).toBe(installed(2));
  });
});

describe('the steps', () => {
  const stepsIn = (text: string, former?: DatabaseRow) => [...loggedSteps(text, () => former, 10).values()];
  const change = (text: string, former?: DatabaseRow) => {
    const [steps] = stepsIn(text, former);
    return steps && changeOf(steps, undefined, true);
  };
  const upgrade = (end: string): string =>
    lines(
      1,
      'startup archives install',
      'upgrade tool:all 1 2',
      'status half-configured tool:all 1',
      'status unpacked tool:all 1',
      'status half-installed tool:all 1',
      `status unpacked tool:all ${end}`,
      `status half-configured tool:all ${end}`,
      `status installed tool:all ${end}`,
    );

  test.each<[string, string, DatabaseRow | undefined, object | undefined]>([
    ['an installation', installed(1), undefined, { action: 'install', version: '1', applied: true }],
    ['one over a row of the same run', installed(1), row('half-installed'), { action: 'install', applied: true }],
    ['an upgrade', upgrade('2'), undefined, { action: 'upgrade', version: '2', formerVersion: '1', applied: true }],
    ['one of which only the middle was seen', upgrade('2'), row('half-installed'), { action: 'upgrade' }],
    [
      'one over a row of an earlier run',
      upgrade('2'),
      row('installed', '7'),
      { action: 'upgrade', formerVersion: '1', applied: true },
    ],
    [
      'a failed removal',
      removed(1) + lines(1, 'status installed tool:all 1'),
      undefined,
      { action: 'remove', version: '1', applied: false, state: 'installed' },
    ],
    [
      'a purge',
      removed(1) +
        lines(1, 'status half-installed tool:all 1', 'status config-files tool:all 1', 'purge tool:all 1 <none>') +
        lines(1, 'status config-files tool:all 1', 'status not-installed tool:all <none>'),
      undefined,
      { action: 'remove', version: '1', applied: true, state: 'not-installed' },
    ],
    [
      'a purge of configuration files',
      lines(1, 'purge tool:all 1 <none>', 'status not-installed tool:all <none>'),
      undefined,
      { action: 'remove', version: '1', applied: true },
    ],
    [
      'a configuration',
      lines(1, 'configure tool:all 1 <none>', 'status half-configured tool:all 1', 'status installed tool:all 1'),
      undefined,
      { action: undefined, version: '1', applied: true, state: 'installed' },
    ],
    ['triggers that become due', lines(1, 'status triggers-pending tool:all 1'), undefined, undefined],
    ['no states', lines(1, 'startup archives install', 'conffile /etc/x keep'), undefined, undefined],
  ])('%s', (_what, text, former, expected) => {
    const found = change(text, former);
    if (expected === undefined) expect(found).toBe(undefined);
    else expect(found).toMatchObject({ name: 'tool', architecture: 'all', ...expected });
  });

  test('are those of some packages only', () => {
    const text = Array.from({ length: 50 }, (_, i) => lines(1, `install p${i}:all <none> 1`)).join('');
    expect(stepsIn(text)).toHaveLength(10);
  });

  test('hold no lines that are none', () => {
    expect(stepsIn('\nstatus\n2026-03-01 10:00:00 status\n1 2 install :\n1 2 status a b\n\0')).toEqual([]);
  });
});
