// Installations by dpkg and rpm with any initiator, and runs of both that install nothing.

import { parsePackageOperation } from '../../../detectors/facts/package-operation.ts';
import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

function tool(line: string, initiator: object | undefined = { executable: '/usr/sbin/nginx' }): CaseEvent {
  const args = line.split(' ');
  const [name = ''] = args;
  return {
    host: { os: { type: 'linux' } },
    event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
    process: { name, executable: `/usr/bin/${name}`, args, parent: { name: 'dash', executable: '/usr/bin/dash' } },
    stepparent: { package: parsePackageOperation(name, args), ...(initiator && { initiator }) },
  };
}

const install = tool('dpkg -i x.deb');

export const cases: RuleCases = {
  hits: {
    'dpkg -i': install,
    'unpack, as apt does it': tool('dpkg --status-fd 23 --no-triggers --unpack --auto-deconfigure x.deb'),
    'rpm -i, by cron': tool('rpm -i x.rpm', { executable: '/usr/sbin/cron', origin: 'cron' }),
    'rpm -Uvh': tool('rpm -Uvh x.rpm'),
    'rpm -F': tool('rpm -F x.rpm'),
    'initiator not observed': tool('dpkg -i x.deb', undefined),
  },
  misses: {
    'dry run': tool('dpkg --dry-run -i x.deb'),
    'the same with only the dry run changed': changed(install, { 'stepparent.package.dry_run': true }),
    'rpm --test': tool('rpm -i --test x.rpm'),
    configure: tool('dpkg --configure -a'),
    remove: tool('dpkg -r x'),
    erase: tool('rpm -e x'),
    query: tool('rpm -q -i x'),
    'refused by dpkg': tool('dpkg -i -r x.deb'),
    'a fork': changed(install, { 'event.action': 'fork' }),
    'the end of a process': changed(install, { 'event.type': ['end'], 'event.action': 'end' }),
    'no package tool': changed(install, { 'stepparent.package': undefined }),
    'not Linux': changed(install, { 'host.os.type': 'macos' }),
  },
};
