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

/** What a program did with librpm in its own process. */
function transaction(line: string, event: object = {}, details: object = {}): CaseEvent {
  const args = line.split(' ');
  const [executable = ''] = args;
  const name = executable.slice(executable.lastIndexOf('/') + 1);
  const operation = parsePackageOperation(name, args);
  return {
    host: { os: { type: 'linux' } },
    event: {
      kind: 'event',
      category: ['package'],
      type: ['installation'],
      action: 'install',
      outcome: 'success',
      ...event,
    },
    process: { name, executable, args },
    stepparent: {
      initiator: { executable: '/usr/sbin/nginx' },
      transaction: { manager: 'rpm', test: false, ...details },
      ...(operation && { package: operation }),
    },
  };
}

const dnf = transaction('/usr/bin/dnf install x');
const byRpm = transaction('/usr/bin/rpm --eval x');
const change = (action: string): object => ({ type: ['change'], action });

export const cases: RuleCases = {
  hits: {
    'dpkg -i': install,
    'unpack, as apt does it': tool('dpkg --status-fd 23 --no-triggers --unpack --auto-deconfigure x.deb'),
    'rpm -i, by cron': tool('rpm -i x.rpm', { executable: '/usr/sbin/cron', origin: 'cron' }),
    'rpm -Uvh': tool('rpm -Uvh x.rpm'),
    'rpm -F': tool('rpm -F x.rpm'),
    'initiator not observed': tool('dpkg -i x.deb', undefined),
    'a transaction of dnf': dnf,
    'of any program with librpm': transaction('/opt/app/installer'),
    'an upgrade': transaction('/usr/bin/dnf upgrade', change('upgrade')),
    'a downgrade': transaction('/usr/bin/dnf downgrade x', change('downgrade')),
    'one that replaces the same version': transaction('/usr/bin/dnf reinstall x', change('reinstall')),
    'a failed one, whose scriptlets may have run': transaction('/usr/bin/dnf install x', {
      type: ['info'],
      outcome: 'failure',
    }),
    'whose packages were not observed': transaction('/usr/bin/dnf install x', { type: ['change'], action: undefined }),
    'by rpm with a command line that shows no installation': byRpm,
    'of which it is not known whether it is a test': changed(dnf, { 'stepparent.transaction.test': undefined }),
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
    'the transaction of an rpm command, whose exec was judged': transaction('/usr/bin/rpm -i x.rpm'),
    'the same by an upgrade': transaction('/usr/bin/rpm -U x.rpm', change('upgrade')),
    'an rpm command that is known to install, whose exec was judged': changed(byRpm, {
      'stepparent.package.operation': 'install',
    }),
    'or to upgrade': changed(byRpm, { 'stepparent.package.operation': 'upgrade' }),
    'a transaction that only removes': transaction('/usr/bin/dnf remove x', { type: ['deletion'], action: 'remove' }),
    'a test of a transaction': transaction('/usr/bin/dnf install x', { type: ['info'] }, { test: true }),
    'the same with only the test changed': changed(dnf, { 'stepparent.transaction.test': true }),
    'a transaction of dpkg, whose exec was judged': changed(dnf, { 'stepparent.transaction.manager': 'dpkg' }),
    'not Linux': changed(install, { 'host.os.type': 'macos' }),
  },
};
