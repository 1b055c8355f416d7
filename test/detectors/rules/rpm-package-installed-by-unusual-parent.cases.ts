// Installations and upgrades by rpm, and rpm processes that install nothing.

import { parsePackageOperation } from '../../../detectors/facts/package-operation.ts';
import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

function rpm(line: string, parent = '/usr/bin/bash'): CaseEvent {
  const args = line.split(' ');
  return {
    host: { os: { type: 'linux' } },
    event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
    process: { name: 'rpm', executable: '/usr/bin/rpm', args, parent: { name: 'bash', executable: parent } },
    stepparent: { package: parsePackageOperation('rpm', args) },
  };
}

const install = rpm('rpm -i x.rpm');

export const cases: RuleCases = {
  hits: {
    'rpm -i from a shell': install,
    'rpm -ivh': rpm('rpm -ivh x.rpm'),
    'rpm -Uvh': rpm('rpm -Uvh x.rpm'),
    freshen: rpm('rpm -F x.rpm'),
    'as zypper does it': rpm(
      'rpm --root / --dbpath /usr/lib/sysimage/rpm -U --percent --noglob -- x.rpm',
      '/tmp/zypper',
    ),
    'parent not observed': changed(install, { 'process.parent': undefined }),
  },
  misses: {
    test: rpm('rpm -i --test x.rpm'),
    'the same with only the dry run changed': changed(install, { 'stepparent.package.dry_run': true }),
    'information on a package': rpm('rpm -q -i bash'),
    verify: rpm('rpm -V bash'),
    erase: rpm('rpm -e bash'),
    'key import': rpm('rpm --import key'),
    'dpkg, which has a rule of its own': changed(install, { 'stepparent.package.manager': 'dpkg' }),
    'a fork': changed(install, { 'event.action': 'fork' }),
    'no package tool': changed(install, { 'stepparent.package': undefined }),
    'not Linux': changed(install, { 'host.os.type': 'macos' }),
  },
};
