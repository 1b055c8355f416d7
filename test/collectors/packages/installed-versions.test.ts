// Installed versions from dpkg's status file and its pending updates, while dpkg works and after.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { openInstalledVersions } from '../../../collectors/packages/installed-versions.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const stanza = (name: string, version: string, status = 'install ok installed', architecture = 'amd64') =>
  `Package: ${name}\nStatus: ${status}\nArchitecture: ${architecture}\nVersion: ${version}\nDescription: x\n Version: 9\n`;

function database(...stanzas: string[]) {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'updates'));
  const put = (name: string, text: string): void => {
    writeFileSync(join(directory, 'new'), text);
    renameSync(join(directory, 'new'), join(directory, name));
  };
  put('status', stanzas.join('\n'));
  return { directory, put, versions: openInstalledVersions(openHost(), directory) };
}
const installed = (version: string) => ({ version, between: false });

test('finds packages with and without architecture, and no removed ones', async () => {
  const { versions } = database(
    stanza('libc6', '2.36'),
    stanza('tzdata', '1', 'install ok installed', 'all'),
    stanza('left', '3', 'deinstall ok config-files'),
    stanza('gone', '4', 'purge ok not-installed'),
  );
  expect(versions.asOfMs).toBe(undefined);
  expect(versions.find('libc6')).toBe(undefined);
  const beforeMs = Date.now();
  await versions.refresh();
  expect(versions.asOfMs).toBeGreaterThanOrEqual(beforeMs);
  for (const name of ['libc6', 'libc6:amd64']) expect(versions.find(name)).toEqual(installed('2.36'));
  expect(versions.find('tzdata:all')).toEqual(installed('1'));
  expect(versions.find('left')).toEqual(installed('3'));
  for (const name of ['gone', 'libc6:i386', 'none']) expect(versions.find(name)).toBe(undefined);
});

test('uses the last complete update of a package while dpkg runs', async () => {
  const { directory, put, versions } = database(stanza('cron', '1'), stanza('old', '1'));
  put('updates/0000', stanza('cron', '1', 'install reinstreq half-installed'));
  put('updates/tmp.i', stanza('cron', '7'));
  await versions.refresh();
  expect(versions.find('cron')).toEqual({ version: '1', between: true });
  put('updates/0001', stanza('cron', '2', 'install ok unpacked'));
  put('updates/0002', stanza('old', '1', 'purge ok not-installed'));
  put('updates/0003', stanza('new', '5', 'install reinstreq half-installed'));
  await versions.refresh();
  expect(versions.find('cron:amd64')).toEqual(installed('2'));
  expect(versions.find('old')).toBe(undefined);
  expect(versions.find('new')).toEqual({ version: '5', between: true });
  // dpkg moves the updates into the status file, and begins again at 0000.
  put('status', [stanza('cron', '2'), stanza('new', '5')].join('\n'));
  for (const name of ['0000', '0001', '0002', '0003']) rmSync(join(directory, 'updates', name));
  put('updates/0000', stanza('cron', '3', 'install ok unpacked'));
  await versions.refresh();
  expect(versions.find('cron')).toEqual(installed('3'));
  expect(versions.find('new')).toEqual(installed('5'));
  expect(versions.find('old')).toBe(undefined);
});

test('reads again if the running reading began too early', async () => {
  const { put, versions } = database(stanza('cron', '1'));
  const first = versions.refresh();
  put('status', stanza('cron', '2'));
  await versions.refresh(Date.now() + 1);
  await first;
  expect(versions.find('cron')).toEqual(installed('2'));
});

test('ignores a status file without packages and rejects a missing one', async () => {
  const { directory, put, versions } = database();
  await versions.refresh();
  expect(versions.asOfMs).toBe(undefined);
  put('status', stanza('cron', '1'));
  await versions.refresh();
  const { asOfMs } = versions;
  expect(asOfMs).toBeDefined();
  put('status', '');
  await versions.refresh();
  expect(versions.find('cron')).toEqual(installed('1'));
  expect(versions.asOfMs).toBe(asOfMs);
  rmSync(join(directory, 'status'));
  await expect(versions.refresh()).rejects.toThrow('ENOENT');
});
