// The package of a file by the files of dpkg, or by rpm, and whether the content is as the package brought it.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Host, openHost } from '../../../collectors/host/host.ts';
import { type FileOwner, openFileOwners } from '../../../collectors/packages/file-owners.ts';
import { RpmFailed } from '../../../collectors/packages/run-rpm.ts';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

let dpkg: string;
beforeEach(() => {
  dpkg = mkdtempSync(join(tmpdir(), 'stepparent-owners-'));
  mkdirSync(join(dpkg, 'info'));
  writeFileSync(
    join(dpkg, 'status'),
    [
      'Package: cron\nStatus: install ok installed\nConffiles:',
      ` /etc/cron.d/job ${md5('as packaged')}`,
      ' /etc/cron.d/new newconffile',
      'Description: x\n\nPackage: other\nStatus: install ok installed\n',
    ].join('\n'),
  );
  put('cron.list', '/.\n/etc\n/etc/cron.d\n/etc/cron.d/job\n/etc/cron.d/new\n/lib/systemd/system/cron.service\n');
  put('cron.md5sums', `${md5('unit')}  lib/systemd/system/cron.service\n`);
  put('libpam:amd64.list', '/usr/lib/security/pam.so\n/usr/share/doc/libpam/copyright\n');
});
afterEach(() => rmSync(dpkg, { recursive: true, force: true }));

const put = (name: string, text: string): void => writeFileSync(join(dpkg, 'info', name), text);
const directories = new Set(['/etc', '/usr/lib/systemd/system', '/usr/lib/security']);
const open = (host: Host = openHost(), rpmDatabase: () => string | undefined = () => undefined) =>
  openFileOwners(host, { directories, dpkg, rpmDatabase });

const ofCron = (state: FileOwner['state']): FileOwner => ({ manager: 'dpkg', name: 'cron', state });

test.each<[file: string, content: string | undefined, owner: FileOwner]>([
  ['/etc/cron.d/job', 'as packaged', ofCron('unchanged')],
  ['/etc/cron.d/job', 'edited', ofCron('changed')],
  ['/etc/cron.d/job', undefined, ofCron('listed')],
  ['/etc/cron.d/new', 'x', ofCron('listed')],
  ['/etc/cron.d', undefined, ofCron('listed')],
  // The package lists the path from before /lib became a link.
  ['/usr/lib/systemd/system/cron.service', 'unit', ofCron('unchanged')],
  ['/usr/lib/systemd/system/cron.service', 'other', ofCron('changed')],
  ['/usr/lib/security/pam.so', 'x', { manager: 'dpkg', name: 'libpam', state: 'listed' }],
  ['/etc/cron.d/evil', 'x', { state: 'none' }],
  ['/etc/cron.d/jo', 'x', { state: 'none' }],
])('%s with the content %s', async (file, content, owner) => {
  expect(await open().find(file, content === undefined ? undefined : Buffer.from(content))).toEqual(owner);
});

test('packages that are installed and removed later count, and unchanged lists are not read again', async () => {
  const host = openHost();
  const opened = vi.fn(host.open);
  const owners = open({ ...host, open: opened });
  const find = () => owners.find('/etc/late', undefined);
  expect(await find()).toEqual({ state: 'none' });
  const lists = () => opened.mock.calls.filter(([file]) => file.endsWith('.list')).length;
  expect(lists()).toBe(2);
  put('late.list', '/etc/late\n');
  expect(await find()).toEqual({ manager: 'dpkg', name: 'late', state: 'listed' });
  expect(lists()).toBe(3);
  rmSync(join(dpkg, 'info/late.list'));
  expect(await find()).toEqual({ state: 'none' });
  expect(lists()).toBe(3);
});

test('rpm is asked where dpkg has no packages, not too often, and an answer that does not come is none', async () => {
  const host = openHost();
  const rpm = vi.fn(async (_args: readonly string[]) => 'cronie\n');
  const exists = (file: string): boolean => file === '/usr/bin/rpm' || host.exists(file);
  const ofDpkg = open({ ...host, exists, rpm }, () => '/rpmdb');
  expect(await ofDpkg.find('/etc/cron.d/job', undefined)).toEqual(ofCron('listed'));
  expect(await ofDpkg.find('/etc/cron.d/evil', undefined)).toEqual({ state: 'none' });
  expect(rpm).not.toHaveBeenCalled();
  rmSync(dpkg, { recursive: true });
  const owners = open({ ...host, exists, rpm }, () => '/rpmdb');
  expect(await owners.find('/etc/-x', undefined)).toEqual({ manager: 'rpm', name: 'cronie', state: 'listed' });
  expect(rpm.mock.calls[0]?.[0]).toEqual(['--dbpath', '/rpmdb', '-qf', '--qf', '%{NAME}\\n', '--', '/etc/-x']);
  rpm.mockRejectedValueOnce(new RpmFailed('it ended with 1', true));
  expect(await owners.find('/etc/x', undefined)).toEqual({ state: 'none' });
  rpm.mockRejectedValueOnce(new RpmFailed('no answer after 3000 ms', false));
  expect(await owners.find('/etc/x', undefined)).toBe(undefined);
  for (let i = 0; i < 100; i++) await owners.find(`/etc/${i}`, undefined);
  expect(rpm.mock.calls.length).toBeLessThan(50);
  expect(await owners.find('/etc/x', undefined)).toBe(undefined);
});

test('without any database nothing is known', async () => {
  rmSync(dpkg, { recursive: true });
  expect(await open().find('/etc/x', undefined)).toBe(undefined);
});

test('a directory that changes within one step of the clock is read again', async () => {
  const owners = open();
  utimesSync(join(dpkg, 'info'), new Date(), new Date());
  expect(await owners.find('/etc/late', undefined)).toEqual({ state: 'none' });
  put('late.list', '/etc/late\n');
  expect((await owners.find('/etc/late', undefined))?.name).toBe('late');
});
