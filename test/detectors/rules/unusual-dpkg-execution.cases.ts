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
};

export const cases: RuleCases = {
  hits: {
    'a postinst by hand': byHand,
    'a preinst of a foreign architecture': changed(byHand, {
      'process.executable': '/var/lib/dpkg/info/libc6:i386.preinst',
    }),
    'any file there': changed(byHand, { 'process.executable': '/var/lib/dpkg/info/.hidden' }),
    'a file in a folder there': changed(byHand, { 'process.executable': '/var/lib/dpkg/info/x/y' }),
    'from a unit': changed(byHand, {
      'process.parent': { name: 'systemd', executable: '/usr/lib/systemd/systemd' },
      'process.session_leader.name': 'cron.postinst',
    }),
    'by a program whose name only resembles': changed(byHand, {
      'process.parent': { name: 'dpkg-x', executable: '/tmp/dpkg-x' },
    }),
    'by apt, which never does': changed(byHand, {
      'process.parent': { name: 'apt-get', executable: '/usr/bin/apt-get' },
    }),
    'session leader not observed': changed(byHand, { 'process.session_leader': undefined }),
    'group leader not observed': changed(byHand, { 'process.group_leader': undefined }),
    'a link there that leads elsewhere': changed(byHand, {
      'process.executable': '/tmp/x',
      'stepparent.exec.filename': '/var/lib/dpkg/info/x.postinst',
    }),
  },
  misses: {
    'by dpkg': changed(byHand, { 'process.parent': { name: 'dpkg', executable: '/usr/bin/dpkg' } }),
    'by dpkg-reconfigure': changed(byHand, {
      'process.parent': { name: 'dpkg-reconfigure', executable: '/usr/sbin/dpkg-reconfigure' },
    }),
    'by frontend, known by its name': changed(byHand, {
      'process.parent': { name: 'frontend', executable: '/usr/bin/perl' },
    }),
    'by frontend, known by its path': changed(byHand, {
      'process.parent': { name: 'perl', executable: '/usr/share/debconf/frontend' },
    }),
    'by unattended-upgrade': changed(byHand, {
      'process.parent': { name: 'unattended-upgr', executable: '/usr/bin/unattended-upgrade' },
    }),
    'in a session of dpkg (apt gives it a terminal)': changed(byHand, { 'process.session_leader.name': 'dpkg' }),
    'in a process group of dpkg': changed(byHand, { 'process.group_leader.name': 'dpkg' }),
    'the preinst of a new package, where dpkg runs it': changed(byHand, {
      'process.executable': '/var/lib/dpkg/tmp.ci/preinst',
    }),
    'a folder of that name elsewhere': changed(byHand, { 'process.executable': '/tmp/var/lib/dpkg/info/x.postinst' }),
    'a sibling folder': changed(byHand, { 'process.executable': '/var/lib/dpkg/info-old/x.postinst' }),
    'the script as an argument only': changed(byHand, { 'process.executable': '/usr/bin/less' }),
    'a fork': changed(byHand, { 'event.action': 'fork' }),
    'the end of a process': changed(byHand, { 'event.type': ['end'], 'event.action': 'end' }),
    'not Linux': changed(byHand, { 'host.os.type': 'macos' }),
    'a file event': changed(byHand, { 'event.category': ['file'] }),
  },
};
