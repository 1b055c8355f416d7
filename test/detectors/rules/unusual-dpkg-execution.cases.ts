// Maintainer scripts run by other programs than dpkg, and by dpkg in each of the ways it has.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const byHand: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  process: {
    name: 'cron.postinst',
    executable: '/var/lib/dpkg/info/cron.postinst',
    args: ['/bin/sh', '/var/lib/dpkg/info/cron.postinst', 'configure'],
    parent: { name: 'bash', executable: '/usr/bin/bash' },
    session_leader: { name: 'bash' },
    group_leader: { name: 'cron.postinst' },
  },
  stepparent: { script: { path: '/var/lib/dpkg/info/cron.postinst' } },
};

const parent = (executable: string, genuine?: boolean) => ({
  'process.parent': { name: executable.split('/').at(-1), executable },
  'stepparent.genuine.parent': genuine,
});
/** `sh /var/lib/dpkg/info/cron.postinst`. */
const read = changed(byHand, { 'process.name': 'dash', 'process.executable': '/usr/bin/dash' });

export const cases: RuleCases = {
  hits: {
    'a postinst by hand': byHand,
    'a preinst of a foreign architecture': changed(byHand, {
      'process.executable': '/var/lib/dpkg/info/libc6:i386.preinst',
    }),
    'any file there': changed(byHand, {
      'process.executable': '/var/lib/dpkg/info/.hidden',
      'stepparent.script': undefined,
    }),
    'a file in a folder there': changed(byHand, {
      'process.executable': '/var/lib/dpkg/info/x/y',
      'stepparent.script': undefined,
    }),
    'from a unit': changed(byHand, {
      ...parent('/usr/lib/systemd/systemd'),
      'process.session_leader.name': 'cron.postinst',
    }),
    'by a program whose name only resembles': changed(byHand, parent('/tmp/dpkg-x')),
    'by apt, which never does': changed(byHand, parent('/usr/bin/apt-get', true)),
    'session leader not observed': changed(byHand, { 'process.session_leader': undefined }),
    'group leader not observed': changed(byHand, { 'process.group_leader': undefined }),
    'a link there that leads elsewhere': changed(byHand, {
      'process.executable': '/tmp/x',
      'stepparent.script.path': '/tmp/x',
      'stepparent.exec.filename': '/var/lib/dpkg/info/x.postinst',
    }),
    'given to a shell to read': read,
    'a copy elsewhere': changed(byHand, {
      'process.executable': '/tmp/x',
      'stepparent.script': { path: '/tmp/x', copy_of: '/var/lib/dpkg/info/cron.postinst' },
    }),
    'by another program called dpkg': changed(byHand, parent('/tmp/dpkg', false)),
    'by a copy of dpkg that could not be verified': changed(byHand, parent('/usr/bin/dpkg')),
    'by another program called frontend': changed(byHand, parent('/tmp/frontend', false)),
    'by frontend that could not be verified': changed(byHand, parent('/usr/share/debconf/frontend')),
    'by another program called dpkg-reconfigure': changed(byHand, parent('/tmp/dpkg-reconfigure', false)),
    'by another program called dpkg-preconfigure': changed(byHand, parent('/tmp/dpkg-preconfigure', false)),
    'by another program in the place of unattended-upgrade': changed(
      byHand,
      parent('/usr/bin/unattended-upgrade', false),
    ),
    'given to a shell by another program called dpkg': changed(read, parent('/tmp/dpkg', false)),
    'in a session of another program called dpkg': changed(byHand, {
      'process.session_leader.name': 'dpkg',
      'stepparent.genuine.session_leader': false,
    }),
    'in a session of dpkg that could not be verified, or is not above it': changed(byHand, {
      'process.session_leader.name': 'dpkg',
    }),
    'in a process group of another program called dpkg': changed(byHand, {
      'process.group_leader.name': 'dpkg',
      'stepparent.genuine.group_leader': false,
    }),
    'in a process group of dpkg that could not be verified': changed(byHand, { 'process.group_leader.name': 'dpkg' }),
    'in a session of a genuine apt-get': changed(byHand, {
      'process.session_leader.name': 'apt-get',
      'stepparent.genuine.session_leader': true,
    }),
    'in a process group of a genuine apt-get': changed(byHand, {
      'process.group_leader.name': 'apt-get',
      'stepparent.genuine.group_leader': true,
    }),
    'in a container': changed(byHand, { 'stepparent.place': { kind: 'container', root: '/' } }),
    'in a root directory with directories of the host': changed(byHand, {
      'stepparent.place': { kind: 'host', root: '/mnt' },
    }),
    'by a shell, in a session of a fake, though some other one is genuine': changed(byHand, {
      'process.session_leader.name': 'dpkg',
      'stepparent.genuine': { process: true, parent: true, session_leader: false },
    }),
  },
  misses: {
    'by dpkg': changed(byHand, parent('/usr/bin/dpkg', true)),
    'by dpkg-reconfigure': changed(byHand, parent('/usr/sbin/dpkg-reconfigure', true)),
    'by dpkg-preconfigure': changed(byHand, parent('/usr/sbin/dpkg-preconfigure', true)),
    "by debconf's frontend": changed(byHand, parent('/usr/share/debconf/frontend', true)),
    'by unattended-upgrade': changed(byHand, parent('/usr/bin/unattended-upgrade', true)),
    'in a session of dpkg (apt gives it a terminal)': changed(byHand, {
      'process.session_leader.name': 'dpkg',
      'stepparent.genuine.session_leader': true,
    }),
    'in a process group of dpkg': changed(byHand, {
      'process.group_leader.name': 'dpkg',
      'stepparent.genuine.group_leader': true,
    }),
    'in a chroot': changed(byHand, { 'stepparent.place': { kind: 'chroot', root: '/srv/chroot' } }),
    'given to a shell by dpkg': changed(read, parent('/usr/bin/dpkg', true)),
    'a copy, run by dpkg': changed(byHand, {
      ...parent('/usr/bin/dpkg', true),
      'process.executable': '/tmp/x',
      'stepparent.script': { path: '/tmp/x', copy_of: '/var/lib/dpkg/info/cron.postinst' },
    }),
    'the preinst of a new package, where dpkg runs it': changed(byHand, {
      'process.executable': '/var/lib/dpkg/tmp.ci/preinst',
      'stepparent.script.path': '/var/lib/dpkg/tmp.ci/preinst',
    }),
    'a folder of that name elsewhere': changed(byHand, {
      'process.executable': '/tmp/var/lib/dpkg/info/x.postinst',
      'stepparent.script.path': '/tmp/var/lib/dpkg/info/x.postinst',
    }),
    'a sibling folder': changed(byHand, {
      'process.executable': '/var/lib/dpkg/info-old/x.postinst',
      'stepparent.script.path': '/var/lib/dpkg/info-old/x.postinst',
    }),
    'the script as an argument only': changed(byHand, {
      'process.executable': '/usr/bin/less',
      'stepparent.script': undefined,
    }),
    'another script of that name': changed(byHand, {
      'process.executable': '/src/debian/cron.postinst',
      'stepparent.script.path': '/src/debian/cron.postinst',
    }),
    'a fork': changed(byHand, { 'event.action': 'fork' }),
    'the end of a process': changed(byHand, { 'event.type': ['end'], 'event.action': 'end' }),
    'not Linux': changed(byHand, { 'host.os.type': 'macos' }),
    'a file event': changed(byHand, { 'event.category': ['file'] }),
  },
};
