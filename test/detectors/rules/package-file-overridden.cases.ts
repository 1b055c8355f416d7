// Alternatives, diversions and overrides outside of packages' scripts, and near misses. Which arguments change something is
// decided by override.test.ts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const alternative: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  process: {
    name: 'update-alternatives',
    executable: '/usr/bin/update-alternatives',
    args: ['update-alternatives', '--install', '/usr/bin/pager', 'pager', '/opt/pager', '999'],
  },
  stepparent: {
    initiator: { executable: '/usr/sbin/sshd', origin: 'ssh as alice' },
    override: { kind: 'alternative', action: 'add', path: '/usr/bin/pager', target: '/opt/pager' },
  },
};
const diversion = changed(alternative, {
  'process.name': 'dpkg-divert',
  'process.executable': '/usr/bin/dpkg-divert',
  'process.args': ['dpkg-divert', '--local', '--rename', '--divert', '/bin/ls.real', '--add', '/bin/ls'],
  'stepparent.override': { kind: 'diversion', action: 'add', path: '/bin/ls', target: '/bin/ls.real' },
});
const statoverride = changed(alternative, {
  'process.name': 'dpkg-statoverride',
  'process.executable': '/usr/bin/dpkg-statoverride',
  'process.args': ['dpkg-statoverride', '--update', '--add', 'root', 'root', '4755', '/usr/bin/find'],
  'stepparent.override': { kind: 'statoverride', action: 'add', path: '/usr/bin/find', target: '4755' },
});

export const cases: RuleCases = {
  hits: {
    'update-alternatives --install': alternative,
    'dpkg-divert --add': diversion,
    'dpkg-statoverride --add': statoverride,
    'a copy of dpkg-divert under another name': changed(diversion, {
      'process.name': 'x',
      'process.executable': '/tmp/x',
      'stepparent.program': { name: 'dpkg-divert', path: '/usr/bin/dpkg-divert', recognized_by: 'build_id' },
    }),
    'in another root that shows the directories of the host': changed(diversion, {
      'stepparent.place': { kind: 'host', root: '/mnt' },
    }),
    'by an initiator that was not observed': changed(alternative, { 'stepparent.initiator': undefined }),
  },
  misses: {
    'in a script of a package': changed(alternative, {
      'stepparent.lifecycle_script': { manager: 'dpkg', package: 'less', phase: 'postinst' },
    }),
    'in a scriptlet of rpm': changed(alternative, { 'stepparent.lifecycle_script': { manager: 'rpm' } }),
    'in a chroot': changed(diversion, { 'stepparent.place': { kind: 'chroot', root: '/srv/debian' } }),
    'a query, or another program with such arguments': changed(alternative, { 'stepparent.override': undefined }),
    'an installation': changed(alternative, { 'event.category': ['package'], 'event.type': ['installation'] }),
    'another system': changed(diversion, { 'host.os.type': 'macos' }),
  },
};
