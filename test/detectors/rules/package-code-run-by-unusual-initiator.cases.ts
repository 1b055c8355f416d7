// Operations of dpkg and rpm that run scripts of packages and install nothing, and runs of the same tools that run none.

import { parsePackageOperation } from '../../../detectors/facts/package-operation.ts';
import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

function tool(line: string, initiator: object | undefined = { executable: '/usr/sbin/nginx' }): CaseEvent {
  const args = line.split(' ');
  const [name = ''] = args;
  const operation = parsePackageOperation(name, args);
  return {
    host: { os: { type: 'linux' } },
    event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
    process: { name, executable: `/usr/bin/${name}`, args, parent: { name: 'dash', executable: '/usr/bin/dash' } },
    stepparent: { ...(operation && { package: operation }), ...(initiator && { initiator }) },
  };
}

const configure = tool('dpkg --configure -a');
const reconfigure = tool('dpkg-reconfigure tzdata');
const preconfigure = tool('dpkg-preconfigure x.deb');

/** What a program did with librpm in its own process. */
function transaction(line: string, event: object = {}): CaseEvent {
  const args = line.split(' ');
  const [executable = ''] = args;
  const name = executable.slice(executable.lastIndexOf('/') + 1);
  const operation = parsePackageOperation(name, args);
  return {
    host: { os: { type: 'linux' } },
    event: { kind: 'event', category: ['package'], type: ['deletion'], action: 'remove', outcome: 'success', ...event },
    process: { name, executable, args },
    stepparent: {
      initiator: { executable: '/usr/sbin/nginx' },
      transaction: { manager: 'rpm', test: false },
      ...(operation && { package: operation }),
    },
  };
}

const dnf = transaction('/usr/bin/dnf remove x');
const byRpm = transaction('/usr/bin/rpm --eval x');

export const cases: RuleCases = {
  hits: {
    'dpkg --configure -a': configure,
    'one package': tool('dpkg --configure x'),
    'as apt configures': tool('dpkg --status-fd 23 --no-triggers --configure --pending'),
    triggers: tool('dpkg --triggers-only -a'),
    remove: tool('dpkg -r x'),
    'as apt removes': tool('dpkg --status-fd 23 --no-triggers --force-depends --remove x:amd64'),
    purge: tool('dpkg -P x'),
    'rpm -e, by cron': tool('rpm -e x', { executable: '/usr/sbin/cron', origin: 'cron' }),
    'rpm --erase without scripts, which may run triggers': tool('rpm --erase --noscripts x'),
    'initiator not observed': tool('dpkg --purge x', undefined),
    'dpkg-reconfigure': reconfigure,
    'dpkg-preconfigure by hand': preconfigure,
    'a removal by dnf': dnf,
    'by any program with librpm': transaction('/opt/app/installer'),
    'a failed one, whose scriptlets may have run': transaction('/usr/bin/dnf remove x', {
      type: ['info'],
      outcome: 'failure',
    }),
    'by rpm with a command line that shows no removal': byRpm,
    'of which it is not known whether it is a test': changed(dnf, { 'stepparent.transaction.test': undefined }),
  },
  misses: {
    'an installation, which has a rule of its own': tool('dpkg -i x.deb'),
    unpack: tool('dpkg --unpack x.deb'),
    'rpm -U': tool('rpm -U x.rpm'),
    'rpm --reinstall, an installation': tool('rpm --reinstall x.rpm'),
    'rpm --import': tool('rpm --import key.asc'),
    'a dry run': tool('dpkg --dry-run -r x'),
    'the same with only the dry run changed': changed(configure, { 'stepparent.package.dry_run': true }),
    'rpm -e --test': tool('rpm -e --test x'),
    query: tool('dpkg -l'),
    verify: tool('rpm -V x'),
    selections: tool('dpkg --set-selections'),
    'refused by dpkg': tool('dpkg -r -P x'),
    'a removal of nothing, which dpkg refuses': tool('dpkg -r'),
    'the help of dpkg-reconfigure': tool('dpkg-reconfigure -h'),
    'its long option': tool('dpkg-reconfigure --help'),
    'the help of dpkg-preconfigure': tool('dpkg-preconfigure -h'),
    'its long option too': tool('dpkg-preconfigure --help'),
    'dpkg-preconfigure below apt, which installs next': changed(preconfigure, {
      'stepparent.transaction': { id: '01234567-71-100' },
    }),
    'a trigger that is only noted': tool('dpkg-trigger --no-await ldconfig'),
    needrestart: tool('needrestart -r a'),
    'a fork': changed(configure, { 'event.action': 'fork' }),
    'the end of a process': changed(configure, { 'event.type': ['end'], 'event.action': 'end' }),
    'the transaction of an rpm command, whose exec was judged': transaction('/usr/bin/rpm -e x'),
    'an rpm command that is known to remove': changed(byRpm, { 'stepparent.package.operation': 'remove' }),
    'a transaction that installs and removes': transaction('/usr/bin/dnf swap x y', {
      type: ['installation'],
      action: 'install',
    }),
    'a test of a transaction': changed(dnf, { 'stepparent.transaction.test': true }),
    'a transaction of dpkg, whose exec was judged': changed(dnf, { 'stepparent.transaction.manager': 'dpkg' }),
    'not Linux': changed(configure, { 'host.os.type': 'macos' }),
  },
};
