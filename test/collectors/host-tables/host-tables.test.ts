// Tables of the host: osquery's columns, filled from real files, real processes, and the real rpm.

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { groupsTable, usersTable } from '../../../collectors/host-tables/accounts.ts';
import { debPackagesTable } from '../../../collectors/host-tables/deb-packages.ts';
import { fileTable } from '../../../collectors/host-tables/file.ts';
import type { HostTable, SqlValue, TableRequest } from '../../../collectors/host-tables/host-table.ts';
import { hostTables } from '../../../collectors/host-tables/host-tables.ts';
import { processesTable } from '../../../collectors/host-tables/processes.ts';
import { rpmPackagesTable } from '../../../collectors/host-tables/rpm-packages.ts';
import { missingTools, noRoot, titled, unmet } from '../../needs.ts';

const host = openHost();

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-tables-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

type Row = Record<string, SqlValue | undefined>;

function read(table: HostTable, asked: Partial<TableRequest> = {}): Row[] {
  const rows = [...table.rows({ paths: [], names: new Set(), note: () => {}, ...asked })];
  return rows.map((row) => {
    expect(row).toHaveLength(table.columns.length);
    return Object.fromEntries(table.columns.map(([name], i) => [name, row[i]]));
  });
}

test('names and columns are those of osquery', () => {
  const columns = Object.fromEntries(
    hostTables(host).map((table) => [table.name, table.columns.map(([name]) => name)]),
  );
  expect(columns).toMatchObject({
    file: expect.arrayContaining([
      ...['path', 'directory', 'filename', 'inode', 'uid', 'gid', 'mode', 'device', 'size', 'block_size'],
      ...['atime', 'mtime', 'ctime', 'btime', 'hard_links', 'symlink', 'type'],
    ]),
    users: ['uid', 'gid', 'uid_signed', 'gid_signed', 'username', 'description', 'directory', 'shell', 'uuid'],
    groups: ['gid', 'gid_signed', 'groupname'],
    processes: expect.arrayContaining([
      ...['pid', 'name', 'path', 'cmdline', 'state', 'cwd', 'root', 'uid', 'gid', 'euid', 'egid', 'suid', 'sgid'],
      ...['on_disk', 'wired_size', 'resident_size', 'total_size', 'user_time', 'system_time', 'start_time'],
      ...['disk_bytes_read', 'disk_bytes_written', 'parent', 'pgroup', 'threads', 'nice'],
    ]),
    deb_packages: [
      ...['name', 'version', 'source', 'size', 'arch', 'revision', 'status', 'maintainer', 'section', 'priority'],
      'admindir',
    ],
    rpm_packages: expect.arrayContaining([
      ...['name', 'version', 'release', 'source', 'size', 'sha1', 'arch', 'epoch', 'install_time', 'vendor'],
      'package_group',
    ]),
  });
});

describe('file', () => {
  function tree(): string {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'd', 'deep'), { recursive: true });
    writeFileSync(join(directory, 'a.list'), 'abc');
    writeFileSync(join(directory, 'b.postinst'), '');
    writeFileSync(join(directory, 'd', 'c.list'), '');
    writeFileSync(join(directory, 'd', 'deep', 'e.list'), '');
    return directory;
  }

  test.for([
    ['/%', 'a.list b.postinst d'],
    ['/%.list', 'a.list'],
    ['', ' a.list b.postinst d'],
    ['/', ' a.list b.postinst d'],
    ['/a.list', 'a.list'],
    ['/A.LIST', ''],
    ['/%/%', 'd/c.list d/deep'],
    ['/d/%%', 'd/c.list d/deep d/deep/e.list'],
    ['/nowhere/%', ''],
    ['/a.list/%', ''],
  ])('“%s” names %s', ([pattern = '', expected]) => {
    const directory = tree();
    const files = read(fileTable(host.proc), { paths: [`${directory}${pattern}`] }).map(({ path }) =>
      String(path).slice(directory.length + 1),
    );
    expect([...new Set(files)].sort().join(' ')).toBe(expected);
  });

  test('has the directory as written in the statement', () => {
    const directory = tree();
    const directories = (path: string) =>
      read(fileTable(host.proc), { paths: [path] }).flatMap(({ directory, filename }) =>
        filename === 'a.list' ? [directory] : [],
      );
    expect(directories(`${directory}/`)).toEqual([`${directory}/`]);
    expect(directories(directory)).toEqual([directory]);
    expect(directories(`${directory}/%`)).toEqual([directory]);
  });

  test('lists the files of matching directories if the statement names the directory', () => {
    const directory = tree();
    const found = read(fileTable(host.proc), { paths: [`${directory}/%`], names: new Set(['directory']) });
    expect(found.filter((row) => row.directory === join(directory, 'd')).map(({ filename }) => filename)).toEqual(
      expect.arrayContaining(['c.list', 'deep']),
    );
  });

  test('has owner, permissions, times and links, also with an mtime before 1970', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'x');
    writeFileSync(file, 'abc');
    chmodSync(file, 0o4750);
    execFileSync('touch', ['-m', '-d', '1969-12-31T23:59:58.5Z', file]);
    execFileSync('touch', ['-a', '-d', '@1000000000.9', file]);
    linkSync(file, join(directory, 'hard'));
    symlinkSync('x', join(directory, 'soft'));
    symlinkSync('gone', join(directory, 'dangling'));
    const rows = new Map(read(fileTable(host.proc), { paths: [`${directory}/%`] }).map((row) => [row.filename, row]));
    const now = Date.now() / 1000;
    expect(rows.get('x')).toMatchObject({
      ...{
        path: file,
        directory: directory,
        size: 3n,
        mode: '4750',
        uid: BigInt(process.getuid?.() ?? 0),
        type: 'regular',
      },
      ...{ atime: 1_000_000_000n, mtime: -2n, hard_links: 2n, symlink: 0, symlink_target_path: '' },
    });
    expect(Math.abs(Number(rows.get('x')?.ctime) - now)).toBeLessThan(60);
    expect(rows.get('soft')).toMatchObject({ type: 'regular', symlink: 1, symlink_target_path: 'x', size: 3n });
    expect(rows.get('dangling')).toMatchObject({ type: 'symlink', symlink: 1, symlink_target_path: 'gone' });
  });

  test('shows names that are not UTF-8', () => {
    const directory = temporaryDirectory();
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0x61, 0xff])]), '');
    expect(read(fileTable(host.proc), { paths: [`${directory}/%`] }).map(({ filename }) => filename)).toEqual([
      'a\ufffd',
    ]);
  });

  test('has a note without a path, and the programs of processes in a join with processes', () => {
    const notes: string[] = [];
    expect(read(fileTable(host.proc), { note: (text) => notes.push(text) })).toEqual([]);
    expect(notes).toEqual([expect.stringContaining('WHERE path LIKE')]);
    const programs = read(fileTable(host.proc), { names: new Set(['processes']) }).map(({ path }) => path);
    expect(programs).toContain(process.execPath);
  });

  test('has a note if a directory exceeds the bound', () => {
    const notes: string[] = [];
    const directory = tree();
    const paths = [`${directory}/%%`];
    const note = (text: string) => notes.push(text);
    expect(read(fileTable(host.proc, 4), { paths, note })).toHaveLength(4);
    expect(notes).toEqual(['the table file shows only the first 4 files']);
    expect(read(fileTable(host.proc, 6), { paths, note })).toHaveLength(6);
    expect(notes).toHaveLength(1);
  });
});

test('users and groups skip malformed lines', () => {
  const directory = temporaryDirectory();
  const passwd =
    'root:x:0:0:root:/root:/bin/sh\n+::::::\nbroken\nx:x:id:0:::\nbig:x:4294967294:7:Big, One:/h:/bin/false\n';
  writeFileSync(join(directory, 'passwd'), passwd);
  writeFileSync(join(directory, 'group'), 'root:x:0:\nadm:x:4:alice,bob\n\nshort:x:1\n');
  expect(read(usersTable(host, join(directory, 'passwd')))).toMatchObject([
    { uid: 0, gid: 0, username: 'root', directory: '/root', shell: '/bin/sh' },
    { uid: 4294967294, uid_signed: -2, gid: 7, username: 'big', description: 'Big, One' },
  ]);
  expect(read(groupsTable(host, join(directory, 'group')))).toEqual([
    { gid: 0, gid_signed: 0, groupname: 'root' },
    { gid: 4, gid_signed: 4, groupname: 'adm' },
  ]);
});

test('processes has this process, and one whose program is deleted', () => {
  const row = read(processesTable(host)).find(({ pid }) => pid === process.pid);
  expect(row).toMatchObject({
    ...{ path: process.execPath, cwd: process.cwd(), root: '/', parent: process.ppid, on_disk: 1, nice: getPriority() },
    ...{ uid: process.getuid?.(), egid: process.getegid?.() },
  });
  expect(row?.cmdline).toContain('vitest');
  const startedMs = Date.now() - process.uptime() * 1000;
  expect(Math.abs(Number(row?.start_time) - startedMs / 1000)).toBeLessThan(5);
  expect(Number(row?.threads)).toBeGreaterThan(1);
  expect(Number(row?.resident_size)).toBeGreaterThan(1_000_000);
});

describe('deb_packages', () => {
  test('has stanzas across several reads, without packages that are not installed', () => {
    const directory = temporaryDirectory();
    const stanza = (name: string, more = '') =>
      `Package: ${name}\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: 12\nMaintainer: M <m@x>\nArchitecture: amd64\nVersion: 1:2.0-3\n${more}\n`;
    const many = Array.from({ length: 3000 }, (_, i) => stanza(`p${i}`, `Description: ${'é'.repeat(150)}\n`));
    const gone = 'Package: gone\nStatus: deinstall ok not-installed\nVersion: 1\n\n';
    const rest = 'Package: rest\nStatus: deinstall ok config-files\nVersion: 7\nConffiles:\n /etc/Version: x\n';
    writeFileSync(join(directory, 'status'), `${stanza('src', 'Source: other (1.0)\n')}${gone}${many.join('')}${rest}`);
    const rows = read(debPackagesTable(host, directory));
    expect(rows).toHaveLength(3002);
    expect(rows[0]).toEqual({
      ...{ name: 'src', version: '1:2.0-3', source: 'other (1.0)', size: 12, arch: 'amd64', revision: '3' },
      ...{ status: 'install ok installed', maintainer: 'M <m@x>', section: 'libs', priority: 'optional' },
      admindir: directory,
    });
    expect(rows.at(-1)).toMatchObject({ name: 'rest', version: '7', revision: '', size: null, source: '' });
    expect(new Set(rows.map(({ name }) => name)).size).toBe(3002);
  });

  test('has no rows without dpkg', () => {
    expect(read(debPackagesTable(host, '/nowhere'))).toEqual([]);
  });
});

describe('rpm_packages', () => {
  test('does not run rpm without a database, so that rpm creates none', () => {
    const directory = temporaryDirectory();
    expect(read(rpmPackagesTable(host, [directory, '/nowhere']))).toEqual([]);
    expect(execFileSync('ls', ['-A', directory], { encoding: 'utf8' })).toBe('');
  });

  const why = unmet(missingTools('rpm', 'rpmbuild'), noRoot);
  test.skipIf(why)(titled('a package that rpm has installed', why), () => {
    const directory = temporaryDirectory();
    const spec = join(directory, 'x.spec');
    writeFileSync(
      spec,
      'Name: sptest\nVersion: 1.2\nRelease: 3\nSummary: s\nLicense: Apache-2.0\nBuildArch: noarch\nVendor: A, B\n%description\nd\n%files\n',
    );
    const top = ['--define', `_topdir ${directory}/build`];
    execFileSync('rpmbuild', ['-bb', ...top, spec], { stdio: 'ignore' });
    const database = join(directory, 'db');
    const built = join(directory, 'build/RPMS/noarch/sptest-1.2-3.noarch.rpm');
    execFileSync('rpm', ['--dbpath', database, '--nodeps', '-i', built], { stdio: 'ignore' });
    chownSync(database, 0, 0);
    expect(read(rpmPackagesTable(host, ['/nowhere', database]))).toMatchObject([
      {
        ...{ name: 'sptest', version: '1.2', release: '3', source: 'sptest-1.2-3.src.rpm', arch: 'noarch' },
        ...{ epoch: null, vendor: 'A, B', install_time: expect.stringMatching(/^\d{10}$/), size: '0' },
      },
    ]);
  });
});
