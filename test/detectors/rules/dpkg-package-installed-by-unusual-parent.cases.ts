// Installations by dpkg, and dpkg processes that install nothing.

import { parsePackageOperation } from '../../../detectors/facts/package-operation.ts';
import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

function dpkg(line: string, parent = '/bin/bash'): CaseEvent {
  const args = line.split(' ');
  return {
    host: { os: { type: 'linux' } },
    event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
    process: { name: 'dpkg', executable: '/usr/bin/dpkg', args, parent: { name: 'bash', executable: parent } },
    stepparent: { package: parsePackageOperation('dpkg', args) },
  };
}

const install = dpkg('dpkg -i x.deb');

export const cases: RuleCases = {
  hits: {
    'dpkg -i from a shell': install,
    'options in one bundle': dpkg('dpkg -BiE x.deb'),
    'unpack, as apt does it': dpkg(
      '/usr/bin/dpkg --status-fd 23 --no-triggers --unpack --auto-deconfigure x.deb',
      '/tmp/apt',
    ),
    'into another root': dpkg('dpkg --root=/mnt -i x.deb'),
    'parent not observed': changed(install, { 'process.parent': undefined }),
  },
  misses: {
    'dry run': dpkg('dpkg --dry-run -i x.deb'),
    'the same with only the dry run changed': changed(install, { 'stepparent.package.dry_run': true }),
    configure: dpkg('dpkg --configure -a'),
    remove: dpkg('dpkg -r x'),
    query: dpkg('dpkg -l'),
    'refused by dpkg': dpkg('dpkg -i -r x.deb'),
    'rpm, which has a rule of its own': changed(install, { 'stepparent.package.manager': 'rpm' }),
    'a fork': changed(install, { 'event.action': 'fork' }),
    'the end of a process': changed(install, { 'event.type': ['end'], 'event.action': 'end' }),
    'no package tool': changed(install, { 'stepparent.package': undefined }),
    'not Linux': changed(install, { 'host.os.type': 'macos' }),
  },
};
