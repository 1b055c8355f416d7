// What a process sees, and what that makes it: a process of the host, of a chroot or of a container.

import { expect, test } from 'vitest';
import { type HostNamespaces, type PlaceKind, placeDirectories, placeKind } from '../../../collectors/proc/place.ts';

const directories = new Map(placeDirectories.map((directory, index) => [directory, `1:${index}`]));
const host: HostNamespaces = { pid: 'pid:[1]', mounts: ['mnt:[1]', 'mnt:[2]'], directories };

/** A view in which the directories in `own` are not those of the host. */
const view = (own: readonly string[], { pid = 'pid:[1]', mnt = 'mnt:[1]' } = {}) => ({
  pid,
  mnt,
  identityOf: (directory: string) => (own.includes(directory) ? '2:0' : directories.get(directory)),
});

const all = placeDirectories;
const but = (...shared: readonly string[]) => all.filter((directory) => !shared.includes(directory));
const databases = ['/var/lib/dpkg', '/var/lib/rpm', '/usr/lib/sysimage/rpm'];
const otherPid = { pid: 'pid:[7]' };
const otherMounts = { mnt: 'mnt:[7]' };
const both = { ...otherPid, ...otherMounts };

test.each<[string, ReturnType<typeof view>, PlaceKind]>([
  ['an ordinary process', view([]), 'host'],
  ['a process among the mounts of pid 1', view([], { mnt: 'mnt:[2]' }), 'host'],
  ['a service with mounts of its own', view([], otherMounts), 'host'],
  ['a process in a pid namespace of its own', view([], otherPid), 'host'],
  ['directories mounted over the databases', view(databases, both), 'host'],
  ['directories mounted over all but the root directory', view(but('/'), both), 'host'],
  ['another root directory with /usr of the host', view(but('/usr'), both), 'host'],
  ['another root directory with /etc of the host', view(but('/etc'), both), 'host'],
  ["another root directory with dpkg's database of the host", view(but('/var/lib/dpkg'), both), 'host'],
  ["another root directory with rpm's database of the host", view(but('/usr/lib/sysimage/rpm'), both), 'host'],
  ['a bind mount of the root directory', view([], both), 'host'],
  ['a chroot with /usr of the host', view(but('/usr')), 'host'],
  ['a chroot', view(all), 'chroot'],
  ['a chroot among the mounts of pid 1', view(all, { mnt: 'mnt:[2]' }), 'chroot'],
  ['another root directory and other mounts', view(all, otherMounts), 'container'],
  ['another root directory and pid namespace', view(all, otherPid), 'container'],
  ['another root directory and namespaces', view(all, both), 'container'],
])('%s', (_, seen, kind) => {
  expect(placeKind(seen, host)).toBe(kind);
});

test('a directory that neither the host nor the process has shows nothing', () => {
  const withoutRpm = new Map([...directories].filter(([directory]) => !directory.endsWith('rpm')));
  const seen = { ...view([]), identityOf: () => undefined };
  expect(placeKind(seen, { ...host, directories: withoutRpm })).toBe('chroot');
});
