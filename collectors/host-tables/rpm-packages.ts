// The table `rpm_packages`: what rpm(8) says is installed.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { HostTable, SqlValue } from './host-table.ts';

const rpmPath = '/usr/bin/rpm';
const timeoutMs = 20_000;
const maxBytes = 64 * 1024 * 1024;
/** What parts fields and packages; neither occurs in rpm's tags. */
const [fieldEnd, packageEnd] = ['\x1f', '\x1e'];

const tags = [
  ['name', 'TEXT', 'NAME'],
  ['version', 'TEXT', 'VERSION'],
  ['release', 'TEXT', 'RELEASE'],
  ['source', 'TEXT', 'SOURCERPM'],
  ['size', 'BIGINT', 'LONGSIZE'],
  ['sha1', 'TEXT', 'SHA1HEADER'],
  ['arch', 'TEXT', 'ARCH'],
  ['epoch', 'INTEGER', 'EPOCH'],
  ['install_time', 'INTEGER', 'INSTALLTIME'],
  ['vendor', 'TEXT', 'VENDOR'],
  ['package_group', 'TEXT', 'GROUP'],
] as const;

/** Where rpm keeps its database: Fedora and SUSE, RHEL, rpm-ostree, and Debian's rpm. */
const usualFolders = (): string[] => [
  '/usr/lib/sysimage/rpm',
  '/var/lib/rpm',
  '/usr/share/rpm',
  path.join(os.userInfo().homedir, '.rpmdb'),
];

const databaseFiles = ['rpmdb.sqlite', 'Packages.db', 'Packages'];

/** `folders` are others in tests. The first that holds a database counts; without one rpm is not even asked, since it would make one. */
export const rpmPackagesTable = (folders: () => readonly string[] = usualFolders): HostTable => ({
  name: 'rpm_packages',
  columns: tags.map(([name, type]) => [name, type] as const),
  *rows() {
    const holds = (folder: string) => databaseFiles.some((name) => fs.existsSync(path.join(folder, name)));
    const folder = folders().find(holds);
    if (folder === undefined || !fs.existsSync(rpmPath)) return;
    const format = `${tags.map(([, , tag]) => `%{${tag}}`).join(fieldEnd)}${packageEnd}`;
    const said = execFileSync(rpmPath, ['--dbpath', folder, '-qa', '--qf', format], {
      encoding: 'utf8',
      timeout: timeoutMs,
      maxBuffer: maxBytes,
      stdio: ['ignore', 'pipe', 'ignore'],
      // No HOME: ~/.rpmmacros can run programs.
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', HOME: '/nonexistent' },
    });
    for (const each of said.split(packageEnd).slice(0, -1)) {
      yield each.split(fieldEnd).map((value, i): SqlValue => {
        if (value === '(none)') return tags[i]?.[1] === 'TEXT' ? '' : null;
        return value;
      });
    }
  },
});
