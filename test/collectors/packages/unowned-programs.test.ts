// Whether a package brought a program, over the lists of dpkg.

import { createHash } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import type { Host } from '../../../collectors/host/host.ts';
import { isGenerated, mayBeUnowned, openUnownedPrograms } from '../../../collectors/packages/unowned-programs.ts';
import { plainHost, recordedHost } from '../../recorded-host.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const startNs = 3600e9;
const hostWith = (files: Readonly<Record<string, string>> = {}) =>
  recordedHost({
    files: { ...plainHost, '/var/lib/dpkg/info/vendor.list': '/.\n/opt\n/opt/vendor\n/opt/vendor/hook\n', ...files },
    bootNs: startNs,
  });
const checkWith = (host: Host) => {
  const programs = openUnownedPrograms(host);
  return async (file: string) => {
    const answer = programs.check(file);
    await answer.pending;
    return answer.value;
  };
};

test.each([
  ['/var/cache/debconf/tmp.ci/x.config.a1B2c3', true],
  ['/snap/snapd/21759/usr/lib/snapd/snap-confine', true],
  ['/snap/core22/1033/usr/bin/sudo', true],
  ['/snap/other/12/bin/x', false],
  ['/usr/bin/x', false],
])('%s is put there by package tools: %s', (file, expected) => {
  expect(isGenerated(file)).toBe(expected);
});

test.each([
  ['/opt/vendor/hook', true],
  ['/usr/local/sbin/hook', true],
  ['/etc/kernel/postinst.d/hook', true],
  ['/tmp/x', true],
  ['/memfd:x (deleted)', true],
  ['/dev/fd/3', true],
  ['/snap/other/12/bin/x', true],
  ['/usr/bin/test', false],
  ['/bin/sh', false],
  ['/usr/lib/apt/methods/http', false],
  ['/usr/share/debconf/frontend', false],
  ['/var/lib/dpkg/info/x.postinst', false],
  ['/var/cache/debconf/tmp.ci/x.config.a1B2c3', false],
  ['/snap/snapd/21759/usr/bin/snap', false],
  ['hook', false],
])('%s may be of no package: %s', (file, expected) => {
  expect(mayBeUnowned(file)).toBe(expected);
});

test.each([
  ['/opt/vendor/hook', true],
  ['/opt/vendor/hook2', false],
  ['/opt/hook', false],
  ['/hook', false],
  ['/tmp/x', false],
])('%s is owned: %s', async (file, isOwned) => {
  expect(await checkWith(hostWith())(file)).toEqual({ path: file, isOwned });
});

test('a program that its package lists by the path from before /bin became a link is owned', async () => {
  const host = hostWith({
    '/var/lib/dpkg/info/util-linux.list': '/bin\n/bin/su\n/usr/bin/chfn\n',
    '/usr/bin/su': 'su',
  });
  const check = checkWith(host);
  expect(await check('/usr/bin/su')).toEqual({ path: '/usr/bin/su', isOwned: true });
  expect(await check('/usr/bin/chfn')).toEqual({ path: '/usr/bin/chfn', isOwned: true });
  expect(await check('/usr/bin/x')).toEqual({ path: '/usr/bin/x', isOwned: false });
});

test('without package databases only the programs of places that packages leave to users are known', async () => {
  const host = hostWith();
  host.change({ '/var/lib/dpkg': null });
  const check = checkWith(host);
  expect(await check('/opt/x')).toEqual({ path: '/opt/x', isOwned: undefined });
  expect(await check('/root/x')).toEqual({ path: '/root/x', isOwned: false });
  expect(await check('/memfd:x (deleted)')).toEqual({ path: '/memfd:x (deleted)', isOwned: false });
});

test('a file whose path does not identify it has its digest', async () => {
  const host = hostWith({ '/tmp/x': 'first', '/opt/hook': 'first' });
  const check = checkWith(host);
  expect(await check('/tmp/x')).toEqual({ path: '/tmp/x', isOwned: false, sha256: sha256('first') });
  expect(await check('/opt/hook')).toEqual({ path: '/opt/hook', isOwned: false });
  host.change({ '/tmp/x': 'second' });
  expect(await check('/tmp/x')).toMatchObject({ sha256: sha256('second') });
  expect(await check('/tmp/gone')).toEqual({ path: '/tmp/gone', isOwned: false });
});

test('a file that is too large or cannot be read has none', async () => {
  const host = hostWith({ '/tmp/x': 'x' });
  const close = vi.fn();
  const open = (file: string) => {
    const opened = host.open(file);
    return { ...opened, stat: () => ({ ...opened.stat(), size: 1n << 40n }), close };
  };
  expect(await checkWith({ ...host, open })('/tmp/x')).toEqual({ path: '/tmp/x', isOwned: false });
  expect(close).toHaveBeenCalledOnce();
  host.change({ '/tmp/x': { directory: true } });
  expect(await checkWith(host)('/tmp/x')).toEqual({ path: '/tmp/x', isOwned: false });
});

test('an answer holds for ten seconds', async () => {
  const host = hostWith();
  const open = vi.fn(host.open);
  const check = checkWith({ ...host, open });
  expect(await check('/opt/late')).toMatchObject({ isOwned: false });
  const reads = open.mock.calls.length;
  host.change({ '/var/lib/dpkg/info/late.list': '/opt/late\n' });
  host.setTime(startNs + 9e9);
  expect(await check('/opt/late')).toMatchObject({ isOwned: false });
  expect(open.mock.calls.length).toBe(reads);
  host.setTime(startNs + 11e9);
  expect(await check('/opt/late')).toMatchObject({ isOwned: true });
});

test('the answer that a package brought the file holds for a day, unless the file changes', async () => {
  const host = hostWith({ '/opt/vendor/hook': 'first' });
  const open = vi.fn(host.open);
  const check = checkWith({ ...host, open });
  expect(await check('/opt/vendor/hook')).toMatchObject({ isOwned: true });
  const reads = open.mock.calls.length;
  host.setTime(startNs + 86_399e9);
  expect(await check('/opt/vendor/hook')).toMatchObject({ isOwned: true });
  expect(open.mock.calls.length).toBe(reads);
  host.setTime(startNs + 86_401e9);
  await check('/opt/vendor/hook');
  expect(open.mock.calls.length).toBeGreaterThan(reads);
  host.change({ '/var/lib/dpkg/info/vendor.list': null, '/opt/vendor/hook': 'second' });
  expect(await check('/opt/vendor/hook')).toMatchObject({ isOwned: false });
});

test('of a flood of programs 64 are checked at a time, and none keeps the next ones from it', async () => {
  const host = hostWith();
  const programs = openUnownedPrograms(host);
  const answers = Array.from({ length: 1000 }, (_, index) => programs.check(`/opt/flood/${index}`));
  const waiting = answers.filter(({ pending }) => pending !== undefined);
  expect(waiting.length).toBe(64);
  await Promise.all(waiting.map(({ pending }) => pending));
  const results = answers.map(({ value }) => value?.isOwned);
  expect(results.filter((isOwned) => isOwned === false).length).toBe(64);
  expect(results.filter((isOwned) => isOwned === undefined).length).toBe(936);
  const after = programs.check('/opt/after');
  await after.pending;
  expect(after.value).toEqual({ path: '/opt/after', isOwned: false });
});
