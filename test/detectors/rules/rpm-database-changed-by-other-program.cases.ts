// rpm's database changed by something else, by each program that may, and by readers.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const database: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['change'], action: 'modification' },
  file: { path: '/var/lib/rpm/rpmdb.sqlite', name: 'rpmdb.sqlite', size: 4096 },
  process: { name: 'x', executable: '/tmp/x' },
  stepparent: {},
};

const at = (path: string, event = database): CaseEvent =>
  changed(event, { 'file.path': path, 'file.name': path.slice(path.lastIndexOf('/') + 1) });

const writers = [
  ...['rpm', 'rpmdb', 'rpmkeys', 'dnf-3', 'dnf5', 'dnf-automatic', 'dnf5daemon-server', 'microdnf', 'tdnf', 'yum'],
  ...['zypper', 'rpm-ostree'],
].map((name) => `/usr/bin/${name}`);
const daemons = [
  ...['/usr/sbin/dnf5daemon-server', '/usr/libexec/packagekitd', '/usr/lib/packagekitd'],
  '/usr/lib/packagekit/packagekitd',
];

export const cases: RuleCases = {
  hits: {
    'a copy of rpm under another name': database,
    'a Python process with librpm': changed(database, { 'process.executable': '/usr/bin/python3.9' }),
    'a program called rpm elsewhere': changed(database, { 'process.executable': '/tmp/rpm', 'process.name': 'rpm' }),
    'a shell that puts a file there': changed(at('/var/lib/rpm/evil'), {
      'process.executable': '/usr/bin/bash',
      'event.action': 'creation',
    }),
    'the database replaced': changed(database, { 'event.action': 'rename' }),
    'the database removed': changed(database, { 'event.action': 'deletion' }),
    'SQLite’s log, of a program that does not close the database': at('/var/lib/rpm/rpmdb.sqlite-wal'),
    'Berkeley DB': at('/var/lib/rpm/Packages'),
    'ndb, SUSE': at('/usr/lib/sysimage/rpm/Packages.db'),
    'image-based systems': at('/usr/share/rpm/rpmdb.sqlite'),
    'in a configured directory': at('/srv/chroot/var/lib/rpm/rpmdb.sqlite'),
    'Debian’s rpm': at('/root/.rpmdb/rpmdb.sqlite'),
    'a name that only looks like a log’s': at('/var/lib/rpm/rpmdb.sqlitex-wal'),
  },
  misses: {
    ...Object.fromEntries(
      [...writers, ...daemons].map((executable) => [
        `by ${executable}`,
        changed(database, { 'process.executable': executable }),
      ]),
    ),
    'process not observed': changed(database, { process: undefined }),
    'SQLite’s log, empty, as a reader makes it': changed(at('/var/lib/rpm/rpmdb.sqlite-wal'), { 'file.size': 0 }),
    'SQLite’s log, removed': changed(at('/var/lib/rpm/rpmdb.sqlite-wal'), { 'file.size': undefined }),
    'SQLite’s shared memory': at('/usr/lib/sysimage/rpm/rpmdb.sqlite-shm'),
    'Berkeley DB’s environment': at('/var/lib/rpm/__db.001'),
    'a lock': at('/var/lib/rpm/.rpm.lock'),
    'attributes only': changed(database, { 'event.action': 'attribute-change' }),
    'a scriptlet’s file': at('/var/tmp/rpm-tmp.a1B2c3'),
    'a directory of a similar name': at('/var/lib/rpm-state/x'),
    'another file in a configured directory': at('/srv/chroot/var/lib/rpm/evil'),
    'a database of dpkg': at('/var/lib/dpkg/status'),
    'a file of that name in a watched path': changed(at('/etc/apt/mirrors/Packages'), {
      'stepparent.file.watched': 'apt',
    }),
    'not Linux': changed(database, { 'host.os.type': 'macos' }),
  },
};
