// Tables of the host: osquery's columns, filled from real files, real processes, and the real rpm.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { groupsTable, usersTable } from '../../../collectors/host-tables/accounts.ts';
import { aptSourcesTable } from '../../../collectors/host-tables/apt-sources.ts';
import { debPackagesTable } from '../../../collectors/host-tables/deb-packages.ts';
import { fileTable } from '../../../collectors/host-tables/file.ts';
import { hashTable } from '../../../collectors/host-tables/hash.ts';
import type { HostTable, SqlValue, TableRequest } from '../../../collectors/host-tables/host-table.ts';
import { hostTables } from '../../../collectors/host-tables/host-tables.ts';
import { processesTable } from '../../../collectors/host-tables/processes.ts';
import { rpmPackagesTable } from '../../../collectors/host-tables/rpm-packages.ts';
import { yumSourcesTable } from '../../../collectors/host-tables/yum-sources.ts';
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
    hash: ['path', 'directory', 'md5', 'sha1', 'sha256'],
    apt_sources: [...['name', 'source', 'base_uri', 'release', 'version', 'maintainer', 'components', 'architectures']],
    yum_sources: ['name', 'source', 'baseurl', 'mirrorlist', 'metalink', 'enabled', 'gpgcheck', 'gpgkey'],
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

describe('hash', () => {
  const abc = {
    md5: '900150983cd24fb0d6963f7d28e17f72',
    sha1: 'a9993e364706816aba3e25717850c26c9cd0d89d',
    sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  };

  function tree(): string {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'abc'), 'abc');
    symlinkSync('abc', join(directory, 'link'));
    symlinkSync('link-to-itself', join(directory, 'link-to-itself'));
    mkdirSync(join(directory, 'directory'));
    execFileSync('mkfifo', [join(directory, 'fifo')]);
    writeFileSync(join(directory, 'large'), '');
    truncateSync(join(directory, 'large'), 1024 ** 3);
    return directory;
  }

  test('has regular files and what symlinks lead to; neither a fifo nor a file of 1 GB holds it up', () => {
    const directory = tree();
    const notes: string[] = [];
    const rows = read(hashTable(host.proc), { paths: [`${directory}/%`], note: (text) => notes.push(text) });
    expect(rows.sort((a, b) => String(a.path).localeCompare(String(b.path)))).toEqual([
      { path: join(directory, 'abc'), directory, ...abc },
      { path: join(directory, 'large'), directory, md5: null, sha1: null, sha256: null },
      { path: join(directory, 'link'), directory, ...abc },
    ]);
    expect(notes).toEqual(['the table hash has no digests of a file: larger than 512 MiB']);
  });

  test('has the files of a directory that the statement names, as it names it', () => {
    const directory = tree();
    const rows = read(hashTable(host.proc, { maxFileBytes: 100 }), { paths: [`${directory}/`] });
    expect(new Set(rows.map((row) => row.directory))).toEqual(new Set([`${directory}/`]));
    expect(rows).toHaveLength(3);
  });

  test('ends at its bound, with a note', () => {
    const notes: string[] = [];
    const paths = [`${tree()}/%`];
    expect(
      read(hashTable(host.proc, { maxFiles: 1, maxFileBytes: 9 }), { paths, note: (text) => notes.push(text) }),
    ).toHaveLength(1);
    expect(notes).toContain('the table hash shows the first 1 files only');
  });

  test('does not read a file that the kernel makes as it is read', () => {
    const notes: string[] = [];
    const rows = read(hashTable(host.proc), { paths: ['/proc/version'], note: (text) => notes.push(text) });
    expect(rows).toEqual([{ path: '/proc/version', directory: '/proc', md5: null, sha1: null, sha256: null }]);
    expect(notes).toEqual(['the table hash has no digests of a file: not a regular file']);
  });

  test('without a path it says what it needs', () => {
    const notes: string[] = [];
    expect(read(hashTable(host.proc), { note: (text) => notes.push(text) })).toEqual([]);
    expect(notes).toEqual([expect.stringContaining('the table hash shows')]);
  });
});

describe('apt_sources', () => {
  function aptOf(files: Readonly<Record<string, string>>) {
    const directory = temporaryDirectory();
    for (const name of ['sources.list.d', 'lists']) mkdirSync(join(directory, name));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const notes: string[] = [];
    const table = aptSourcesTable(host, { configuration: directory, lists: join(directory, 'lists') });
    return { directory, notes, rows: () => read(table, { note: (text) => notes.push(text) }) };
  }

  test.for([
    ['deb http://a.example/debian bookworm main', 'a.example/debian bookworm', 'http://a.example/debian'],
    ['  deb\t[arch=amd64 trusted=yes]  http://a.example/// ./ # c', 'a.example ./', 'http://a.example'],
    ['deb [signed-by=/k.gpg] file:/srv/repo x main', '/srv/repo x', 'file:/srv/repo'],
    ['deb cdrom:[Debian GNU/Linux 12]/ bookworm main', '[Debian GNU/Linux 12] bookworm', 'cdrom:[Debian GNU/Linux 12]'],
    ['deb-src http://a.example/debian bookworm main', undefined, undefined],
    ['# deb http://a.example/debian bookworm main', undefined, undefined],
    ['deb http://a.example/debian', undefined, undefined],
    ['deb [arch=amd64 http://a.example/debian bookworm', undefined, undefined],
    [`deb http://a.example/debian ${'x'.repeat(20_000)}`, undefined, undefined],
  ])('%s', ([line = '', name, uri]) => {
    const rows = aptOf({ 'sources.list': `${line}\n` }).rows();
    expect(rows.map((row) => row.name)).toEqual(name === undefined ? [] : [name]);
    expect(rows[0]?.base_uri).toBe(uri);
  });

  test('lines that are made to be slow are read in time', () => {
    const lines = [`deb ${'['.repeat(16_000)}`, `deb ${'" '.repeat(8000)}`, `deb ${'[a'.repeat(8000)}`];
    expect(aptOf({ 'sources.list': `${lines.join('\n')}\n`.repeat(20) }).rows()).toEqual([]);
  });

  test('has stanzas with several URIs and suites, but not those that are off', () => {
    const stanzas = [
      'Types: deb deb-src\nURIs: http://a.example/x/\n http://b.example/y\nSuites: one\n# Suites: no\n two/updates\n',
      'Types: deb\nEnabled: No\nURIs: http://off.example\nSuites: one\n',
      'types: deb-src\nuris: http://source.example\nsuites: one\n',
      'Types: deb\nURIs: no-uri\nSuites: one\n',
    ];
    const { directory, rows } = aptOf({
      'sources.list.d/a.sources': stanzas.join('\n \n'),
      'sources.list.d/b.save': '',
    });
    const source = join(directory, 'sources.list.d/a.sources');
    expect(rows()).toMatchObject([
      { name: 'a.example/x one', source, base_uri: 'http://a.example/x', release: '', components: '' },
      { name: 'a.example/x two/updates', source },
      { name: 'b.example/y one', source },
      { name: 'b.example/y two/updates', source },
    ]);
  });

  test('reads what apt has fetched, under the name that apt gives it', () => {
    const release = '-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Example: Inc\nVersion: 12.1\n';
    const { rows } = aptOf({
      'sources.list': 'deb https://me:pw@a_b.example/debian x-updates main\ndeb http://flat.example sub/dir/\n',
      'lists/a%5fb.example_debian_dists_x-updates_InRelease': `${release}Codename: x\nArchitectures: all amd64\nComponents: main\n`,
      'lists/flat.example_sub_dir_Release': 'Codename: flat\n',
    });
    expect(rows()).toMatchObject([
      {
        ...{ release: 'x', version: '12.1', maintainer: 'Example: Inc' },
        ...{ components: 'main', architectures: 'all amd64' },
      },
      { name: 'flat.example sub/dir/', release: 'flat' },
    ]);
  });

  test('says which files it could not read, and reads the others', () => {
    const { directory, notes, rows } = aptOf({ 'sources.list': 'deb http://a.example x\n' });
    execFileSync('mkfifo', [join(directory, 'sources.list.d/fifo.list')]);
    symlinkSync('loop.list', join(directory, 'sources.list.d/loop.list'));
    writeFileSync(join(directory, 'sources.list.d/large.list'), '');
    truncateSync(join(directory, 'sources.list.d/large.list'), 1024 ** 3);
    expect(rows()).toHaveLength(1);
    expect(notes.map((note) => note.slice(directory.length))).toEqual([
      '/sources.list.d/fifo.list was not read: not a regular file',
      '/sources.list.d/large.list was not read: larger than 1 MiB',
      expect.stringMatching('^/sources.list.d/loop.list was not read: ELOOP'),
    ]);
  });

  test('no apt, no rows and no notes', () => {
    const notes: string[] = [];
    const table = aptSourcesTable(host, { configuration: '/nowhere', lists: '/nowhere' });
    expect(read(table, { note: (text) => notes.push(text) })).toEqual([]);
    expect(notes).toEqual([]);
  });
});

describe('yum_sources', () => {
  test('a value that goes on for 300,000 lines is read in time', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'a.repo'), `[a]\nname=${'\n b'.repeat(300_000)}\nbaseurl=file:///srv\n`);
    const rows = read(yumSourcesTable(host, { configurations: [], directories: [directory] }));
    expect(rows).toMatchObject([{ baseurl: 'file:///srv' }]);
    expect(rows[0]?.name).toHaveLength(599_999);
  });

  test('has the sections of all files but main, which says where they are', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'repos'));
    mkdirSync(join(directory, 'unused'));
    writeFileSync(
      join(directory, 'dnf.conf'),
      `[main]\nreposdir = ${directory}/repos, /nowhere\n[extra]\nname=Extra\nbaseurl=file:///srv\n`,
    );
    writeFileSync(
      join(directory, 'repos/a.repo'),
      'stray=1\n# c\n[a]\r\nName = A $releasever \r\nbaseurl=http://a.example/x?y=z\n  http://b.example\n\nenabled=0\n; c\ngpgcheck: 1\nstray\n' +
        ' no value\n[b]\nmetalink=https://m.example\nmirrorlist=https://l.example\ngpgkey=file:///k\n',
    );
    writeFileSync(join(directory, 'unused/c.repo'), '[c]\nname=c\n');
    const table = yumSourcesTable(host, {
      configurations: ['/nowhere', join(directory, 'dnf.conf')],
      directories: [join(directory, 'unused')],
    });
    const none = { name: '', baseurl: '', mirrorlist: '', metalink: '', enabled: '', gpgcheck: '', gpgkey: '' };
    const source = join(directory, 'repos/a.repo');
    expect(read(table)).toEqual([
      { ...none, name: 'Extra', source: join(directory, 'dnf.conf'), baseurl: 'file:///srv' },
      {
        ...{ ...none, name: 'A $releasever', source, baseurl: 'http://a.example/x?y=z http://b.example' },
        ...{ enabled: '0', gpgcheck: '1' },
      },
      { ...none, source, metalink: 'https://m.example', mirrorlist: 'https://l.example', gpgkey: 'file:///k' },
    ]);
  });

  test('no yum, no rows', () => {
    expect(read(yumSourcesTable(host, { configurations: ['/nowhere'], directories: ['/nowhere'] }))).toEqual([]);
  });
});
