// The times of changes by dpkg's log.

import { expect, test } from 'vitest';
import { readDpkgLog } from '../../../collectors/packages/dpkg-log.ts';
import { recordedHost } from '../../recorded-host.ts';

const localMs = (time: string): number => new Date(time).getTime();
const logOf = (text: string) => readDpkgLog(recordedHost({ files: { '/var/log/dpkg.log': text } }));

const text = `2026-03-01 10:00:00 startup archives unpack
2026-03-01 10:00:01 install xz-utils:amd64 <none> 5.6.1-1
2026-03-01 10:00:01 status half-installed xz-utils:amd64 5.6.1-1
2026-03-01 10:00:02 status unpacked xz-utils:amd64 5.6.1-1
2026-03-01 10:00:03 status installed xz-utils:amd64 5.6.1-1
2026-03-01 10:00:04 status installed base:all 1
2026-03-02 11:00:00 remove base:all 1 <none>
2026-03-02 11:00:01 status config-files base:all 1
`;

test('the last state of a version, and a removal', () => {
  const log = logOf(text);
  expect(log.versionMs('xz-utils', 'amd64', '5.6.1-1')).toBe(localMs('2026-03-01T10:00:03'));
  expect(log.removalMs('base', 'all')).toBe(localMs('2026-03-02T11:00:01'));
});

test.each<[string, (log: ReturnType<typeof logOf>) => number | undefined]>([
  ['another version', (log) => log.versionMs('xz-utils', 'amd64', '5.6.2-1')],
  ['another architecture', (log) => log.versionMs('xz-utils', 'i386', '5.6.1-1')],
  ['a removal of what was not removed', (log) => log.removalMs('xz-utils', 'amd64')],
])('no time of %s', (_, ask) => {
  expect(ask(logOf(text))).toBeUndefined();
});

test('of a long log only the end is read', () => {
  const log = logOf(`${text}${'2026-03-03 10:00:00 status installed filler:all 1\n'.repeat(20_000)}`);
  expect(log.versionMs('filler', 'all', '1')).toBe(localMs('2026-03-03T10:00:00'));
  expect(log.versionMs('xz-utils', 'amd64', '5.6.1-1')).toBeUndefined();
});

test.each(['', 'no log\n', '2026-99-99 99:99:99 status installed a:all 1\n'])('%j has no times', (content) => {
  expect(logOf(content).removalMs('a', 'all')).toBeUndefined();
});

test('a log that is not there has no times', () => {
  expect(readDpkgLog(recordedHost({ files: {} })).versionMs('a', 'all', '1')).toBeUndefined();
});
