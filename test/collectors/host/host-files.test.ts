// A host below a root of its own: names mean what they mean to a process that has that root.

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../collectors/host/clock.ts';
import { followLinks } from '../../../collectors/host/follow-links.ts';
import { openHost } from '../../../collectors/host/host.ts';
import { readText } from '../../../collectors/host/read-file.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

describe('a path', () => {
  const links = new Map([
    ['/bin', 'usr/bin'],
    ['/usr/bin/sh', '/bin/dash'],
    ['/up', '../../etc'],
    ['/loop', '/loop'],
  ]);

  test.each([
    ['/usr/bin/dash', '/usr/bin/dash'],
    ['/bin/sh', '/usr/bin/dash'],
    ['/usr//bin/./sh', '/usr/bin/dash'],
    ['/up/passwd', '/etc/passwd'],
    ['/../../etc/passwd', '/etc/passwd'],
    ['/bin/none', '/usr/bin/none'],
    ['/', '/'],
  ])('%s leads to %s', (file, target) => {
    expect(followLinks(file, (link) => links.get(link))).toBe(target);
  });

  test('with a loop of links throws ELOOP', () => {
    expect(() => followLinks('/loop/x', (link) => links.get(link))).toThrow(expect.objectContaining({ code: 'ELOOP' }));
  });
});

describe('below a root', () => {
  let root: string;
  beforeEach(() => {
    root = temporaryDirectory();
    for (const directory of ['usr/bin', 'etc', 'proc/7/task/7', 'proc/self/ns']) {
      fs.mkdirSync(path.join(root, directory), { recursive: true });
    }
    fs.writeFileSync(path.join(root, 'usr/bin/dash'), '#!');
    fs.writeFileSync(path.join(root, 'proc/7/cmdline'), 'sh\0-c\0');
    fs.writeFileSync(path.join(root, 'etc/passwd'), 'the host has another');
    fs.symlinkSync('/usr/bin', path.join(root, 'bin'));
    fs.symlinkSync('dash', path.join(root, 'usr/bin/sh'));
    fs.symlinkSync('/../../etc/passwd', path.join(root, 'out'));
    fs.symlinkSync('/bin/sh', path.join(root, 'proc/7/exe'));
  });

  test('links are resolved within the root', async () => {
    const host = openHost({ root });
    expect(host.realPath('/bin/sh')).toBe('/usr/bin/dash');
    expect(host.realPath('/bin/none')).toBe(undefined);
    expect(host.exists('/bin/sh')).toBe(true);
    expect(host.exists('/etc/hostname')).toBe(false);
    expect(host.readLink('/bin/sh')).toBe('dash');
    expect(readText(host.open('/out'), 100)).toBe('the host has another');
    expect(host.lstat('/out')?.isSymbolicLink()).toBe(true);
    expect(host.stat('/bin/sh')?.size).toBe(2n);
    expect(host.stat('/none')).toBe(undefined);
    expect(host.readDirectory('/bin').sort()).toEqual(['dash', 'sh']);
    await expect(host.listDirectory('/bin')).resolves.toHaveLength(2);
  });

  test('/proc is that of the root', () => {
    const { proc } = openHost({ root });
    expect(proc.listPids()).toEqual([7]);
    expect(proc.listThreads(7)).toEqual([7]);
    expect(proc.readExe(7)).toBe('/bin/sh');
    expect(proc.readCmdline(7, 100)).toEqual({ args: ['sh', '-c'], truncated: false });
    expect(proc.readCmdline(7, 4)).toEqual({ args: ['sh', '-'], truncated: true });
  });
});

test('a host uses the given clock', () => {
  expect(openHost({ clock: { ...systemClock, nowMs: () => 5 } }).clock.nowMs()).toBe(5);
  expect(Math.abs(openHost().clock.nowMs() - Date.now())).toBeLessThan(60_000);
});
