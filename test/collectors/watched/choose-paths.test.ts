// The list of watched paths, the changes of the configuration, and the groups by who may write.

import { expect, test } from 'vitest';
import { choosePaths, groupPaths, removable } from '../../../collectors/watched/choose-paths.ts';
import { pathFault } from '../../../collectors/watched/path-plan.ts';
import { watchedKinds, watchedPaths } from '../../../collectors/watched/watched-paths.ts';

const none = { default: true, add: [], remove: [] };
const pathsOf = (changes: Partial<Parameters<typeof choosePaths>[0]>): string[] =>
  choosePaths({ ...none, ...changes }).map(({ path }) => path);

test('each row of the default list is a path that a configuration could add, with its source', () => {
  expect(watchedPaths.flatMap(({ path }) => pathFault(path) ?? [])).toEqual([]);
  expect(watchedPaths.filter(({ source }) => !/^(?:[\w.-]+\(\d\)|package [a-z0-9.+-]+)$/.test(source))).toEqual([]);
});

test('no path is listed twice, and each kind has a path', () => {
  const paths = watchedPaths.map(({ path }) => path);
  expect(paths.filter((path, i) => paths.indexOf(path) !== i)).toEqual([]);
  const used = new Set<string>([...watchedPaths.map(({ kind }) => kind), 'configured', 'parent']);
  expect(Object.keys(watchedKinds).filter((kind) => !used.has(kind))).toEqual([]);
});

test.each([
  '/etc/apt/apt.conf.d/*',
  '/etc/dpkg/dpkg.cfg.d/*',
  '~/.dpkg.cfg',
  '~/.debconfrc',
  '/etc/debconf.conf',
  '/etc/rpm/**',
  '~/.rpmmacros',
  '~/.rpmrc',
  '~/.popt',
  '/etc/popt',
  '/usr/lib/rpm/macros.d/*',
  '/usr/lib/rpm/rpmrc',
  '/etc/dnf/**',
  '/etc/yum.conf',
  '/etc/zypp/**',
  '/etc/PackageKit/**',
  '/usr/lib/apt/**',
  '/etc/systemd/system/**',
  '/etc/cron.d/*',
  '/etc/sudoers.d/*',
  '~/.ssh/authorized_keys*',
  '/etc/ssh/sshd_config',
  '/etc/ld.so.preload',
  '/etc/profile.d/*',
  '~/.bashrc',
  '~/.zshrc',
  '~/.config/fish/config.fish',
  '/etc/environment',
  '/etc/init.d/*',
  '/etc/rc.local',
  '/etc/pam.d/*',
  '/etc/udev/rules.d/*',
  '/etc/NetworkManager/dispatcher.d/**',
  '/etc/xdg/autostart/*',
  '/etc/modules-load.d/*',
  '/etc/modprobe.d/*',
  '/etc/initramfs-tools/**',
  '/etc/kernel/**',
  '/etc/alternatives/*',
  '/etc/needrestart/**',
  '/etc/ucf.conf',
])('%s is in the default list', (path) => {
  expect(pathsOf({})).toContain(path);
});

test('files with passwords are marked', () => {
  const secret = watchedPaths.filter(({ isSecret }) => isSecret).map(({ path }) => path);
  expect(secret).toEqual(
    expect.arrayContaining(['/etc/apt/auth.conf', '/etc/apt/auth.conf.d/*', '/etc/zypp/credentials.d/*']),
  );
});

test('the configuration adds paths, and removes paths and kinds', () => {
  expect(pathsOf({ add: ['/srv/hooks/**'] })[0]).toBe('/srv/hooks/**');
  expect(pathsOf({ add: ['/srv/hooks/**'], default: false })).toEqual(['/srv/hooks/**']);
  expect(pathsOf({ remove: ['/etc/crontab'] })).not.toContain('/etc/crontab');
  expect(pathsOf({ remove: ['/etc/crontab'] })).toContain('/etc/cron.d/*');
  const withoutCron = choosePaths({ ...none, remove: ['cron'] });
  expect(withoutCron.filter(({ kind }) => kind === 'cron')).toEqual([]);
  expect(withoutCron.length).toBeGreaterThan(100);
  expect([removable.has('cron'), removable.has('/etc/crontab'), removable.has('/etc/cron')]).toEqual([
    true,
    true,
    false,
  ]);
});

test('homes are those of root, those of the users in /etc/passwd, and all directories in /home', () => {
  const passwd = [
    'root:x:0:0:root:/root:/bin/bash',
    'toor:x:0:0::/srv/toor:/bin/sh',
    'daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin',
    'postgres:x:113:120::/var/lib/postgresql:/bin/bash',
    'alice:x:1000:1000::/home/alice:/bin/bash',
    'bob:x:1001:1001::/data/home/bob:/bin/bash',
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
    'slash:x:2:2::/:/bin/sh',
    'odd:x:3:3::relative/home:/bin/sh',
    'star:x:4:4::/srv/*:/bin/sh',
    'up:x:5:5::/home/../etc:/bin/sh',
    'short:x:6',
  ].join('\n');
  const rows = [
    { kind: 'ssh', path: '~/.ssh/rc', source: 'test' },
    { kind: 'cron', path: '/etc/crontab', source: 'test' },
  ] as const;
  const { system, users } = groupPaths(rows, passwd);
  expect(system.map(({ path }) => path)).toEqual(['/root/.ssh/rc', '/srv/toor/.ssh/rc', '/etc/crontab']);
  expect(users.map(({ path }) => path)).toEqual([
    '/home/*/.ssh/rc',
    '/var/lib/postgresql/.ssh/rc',
    '/data/home/bob/.ssh/rc',
  ]);
});

test('without a passwd file root has its usual home', () => {
  const rows = [{ kind: 'ssh', path: '~/.ssh/rc', source: 'test' }] as const;
  expect(groupPaths(rows, '').system.map(({ path }) => path)).toEqual(['/root/.ssh/rc']);
});
