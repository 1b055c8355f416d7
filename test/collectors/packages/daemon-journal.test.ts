// The journal of a daemon: which lines count, and whose request was being carried out.

import { describe, expect, test } from 'vitest';
import { callersUntil, parseDaemonEntries } from '../../../collectors/packages/daemon-journal.ts';
import { daemonOfPath } from '../../../collectors/packages/origins.ts';

const executable = '/usr/libexec/packagekitd';
const requireLines = () => {
  const lines = daemonOfPath(executable)?.callerLines;
  if (lines === undefined) throw new Error('no lines');
  return lines;
};

const entry = (fields: Record<string, unknown>): string =>
  JSON.stringify({
    MESSAGE: 'daemon start',
    _PID: '70',
    _UID: '0',
    _EXE: executable,
    __REALTIME_TIMESTAMP: '5000000',
    ...fields,
  });
const parse = (...texts: string[]) => parseDaemonEntries(texts.join('\n'), { pid: 70, executable, sinceMs: 4000 });

describe('an entry', () => {
  test('counts if the daemon wrote it', () => {
    expect(parse(entry({}))).toEqual([{ timeMs: 5000, message: 'daemon start' }]);
  });

  test.each<[string, string]>([
    ['another process', entry({ _PID: '71' })],
    ['another user', entry({ _UID: '1000' })],
    ['another program', entry({ _EXE: '/usr/bin/logger' })],
    ['a program that was replaced', entry({ _EXE: `${executable} (deleted)` })],
    ['a process of an earlier time', entry({ __REALTIME_TIMESTAMP: '3900000' })],
    ['no time', entry({ __REALTIME_TIMESTAMP: undefined })],
    ['a message of bytes', entry({ MESSAGE: [110, 255] })],
    ['several messages', entry({ MESSAGE: ['a', 'b'] })],
    ['no message', entry({ MESSAGE: null })],
    ['a pid twice', entry({ _PID: ['70', '71'] })],
    ['no process', entry({ _PID: undefined })],
    ['text that is no JSON', '{"MESSAGE":'],
    ['no object', 'null'],
    ['an empty line', ''],
  ])('does not count with %s', (_, text) => {
    expect(parse(text)).toEqual([]);
  });
});

const granted = (uid: number, action = 'package-install-untrusted') =>
  `uid ${uid} obtained auth for org.freedesktop.packagekit.${action}`;
const scheduled = (uid: number, role = 'install-packages') => `new ${role} transaction /1_a scheduled from uid ${uid}`;
const ended = (uid: number) => `install-files transaction /1_a from uid ${uid} finished with success after 120ms`;
const until = (entries: readonly (readonly [timeMs: number, message: string])[]) =>
  callersUntil(
    entries.map(([timeMs, message]) => ({ timeMs, message })),
    requireLines(),
    1000,
  );

describe('the callers up to a time', () => {
  const start = [1, 'daemon start'] as const;
  test.each<[string, entries: [timeMs: number, message: string][], expected: number[]]>([
    ['one', [[10, granted(1000)]], [1000]],
    ['root', [[10, granted(0)]], [0]],
    ['of packages of a repository', [[10, scheduled(1000)]], [1000]],
    [
      'one, twice',
      [
        [10, granted(1000)],
        [20, ended(1000)],
        [30, granted(1000)],
        [40, scheduled(1000)],
      ],
      [1000],
    ],
    [
      'two',
      [
        [10, granted(1000)],
        [20, granted(1001)],
      ],
      [1000, 1001],
    ],
    // A simulation of the first user ends with the same line, while his transaction goes on.
    [
      'two, the first of whom seems to have ended',
      [
        [10, granted(1000)],
        [20, ended(1000)],
        [30, granted(1001)],
      ],
      [1000, 1001],
    ],
    ['one after the time', [[1001, granted(1000)]], []],
    ['one that only reads', [[10, scheduled(1000, 'get-updates')]], []],
    ['one that refreshes lists', [[10, granted(1000, 'system-sources-refresh')]], []],
    ['one that is not authorized', [[10, 'uid 1000 failed to obtain auth']], []],
    [
      'one that only asks',
      [[10, 'uid 1000 is trying to obtain org.freedesktop.packagekit.package-install auth (only_trusted:0)']],
      [],
    ],
    [
      'text around the line',
      [
        [10, `x ${granted(1000)}`],
        [11, `${granted(1001)} x`],
      ],
      [],
    ],
    ['a second line in the message', [[10, `x\n${granted(1000)}`]], []],
    ['none', [], []],
  ])('%s', (_, entries, expected) => {
    expect(until([start, ...entries])).toEqual(expected);
    // Lines may be lost.
    expect(until(entries)).toBe(undefined);
  });

  test.each(['package-install', 'package-remove', 'system-update', 'upgrade-system', 'trigger-offline-update'])(
    'are those of %s',
    (action) => expect(until([start, [2, granted(1000, action)]])).toEqual([1000]),
  );
});
