// Installations on the host by another package database, and those into a root of their own.

import { withFacts } from '../../../detectors/facts/facts.ts';
import { type CaseEvent, changed, type RuleCases, readerOf } from './rule-cases.ts';

const run = (...args: string[]): CaseEvent => ({
  host: { os: { type: 'linux', platform: 'debian' } },
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  process: {
    name: args[0],
    executable: `/usr/bin/${args[0]}`,
    args,
    env_vars: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'],
    working_directory: '/srv/work',
    parent: { name: 'bash' },
  },
  stepparent: {},
});
const onFedora = (event: CaseEvent): CaseEvent => changed(event, { 'host.os.platform': 'fedora' });
const inEnvironment = (event: CaseEvent, ...variables: string[]): CaseEvent =>
  changed(event, { 'process.env_vars': variables });
const dpkg = run('dpkg', '--admindir=/tmp/x', '-i', 'evil.deb');
const rpm = onFedora(run('rpm', '--dbpath', '/tmp/x', '-i', 'evil.rpm'));

/** The events with the fact that the rule reads. */
const withPackages = (events: Readonly<Record<string, CaseEvent>>): Record<string, CaseEvent> =>
  Object.fromEntries(
    Object.entries(events).map(([title, event]) => {
      const { read } = withFacts(readerOf(event), () => event as never);
      const fields = ['manager', 'operation', 'other_database'].map((name) => `stepparent.package.${name}`);
      return [title, changed(event, Object.fromEntries(fields.map((field) => [field, read(field)])))];
    }),
  );

export const cases: RuleCases = {
  hits: withPackages({
    'dpkg with a database of its own': dpkg,
    'as two words, before others': run('dpkg', '--force-depends', '--admindir', '/tmp/x', '--unpack', 'evil.deb'),
    'configured there': run('dpkg', '--admindir=/tmp/x', '--configure', '-a'),
    'removed there': run('dpkg', '--admindir=/tmp/x', '-r', 'evil'),
    'a relative path': run('dpkg', '--admindir=db', '-i', 'evil.deb'),
    'the root of the host, by name': run('dpkg', '--instdir=/', '--admindir=/tmp/x', '-i', 'evil.deb'),
    'the root of the host, after another root': run('dpkg', '--root=/tmp/x', '--instdir=/', '-i', 'evil.deb'),
    'the root of the host, spelled otherwise': run('dpkg', '--instdir=/usr/..', '--admindir=/tmp/x', '-i', 'evil.deb'),
    'a database below that of the host': run('dpkg', '--admindir=/var/lib/dpkg/x', '-i', 'evil.deb'),
    'by the environment': inEnvironment(run('dpkg', '-i', 'evil.deb'), 'DPKG_ADMINDIR=/tmp/x'),
    'a copy of dpkg': changed(run('updater', '--admindir=/tmp/x', '-i', 'evil.deb'), {
      'stepparent.program': { path: '/usr/bin/dpkg', name: 'dpkg', recognized_by: 'build_id' },
    }),
    'rpm with a database of its own': rpm,
    'the root of the host by name, of rpm': onFedora(run('rpm', '--root=/', '--dbpath=/tmp/x', '-U', 'evil.rpm')),
    'a macro of rpm': onFedora(run('rpm', '--define', '_dbpath /tmp/x', '-i', 'evil.rpm')),
    'a macro of rpm in one word': onFedora(run('rpm', '-D_dbpath /tmp/x', '-ivh', 'evil.rpm')),
    'rpm removes': onFedora(run('rpm', '--dbpath', '/tmp/x', '-e', 'evil')),
  }),
  misses: withPackages({
    'an ordinary installation': run('dpkg', '-i', 'x.deb'),
    'the database of the host': run('dpkg', '--admindir=/var/lib/dpkg', '-i', 'x.deb'),
    'the database of the host, spelled otherwise': run('dpkg', '--admindir', '/var/lib/./dpkg/', '-i', 'x.deb'),
    'the database of the host, as dpkg gives it to scripts': inEnvironment(
      run('dpkg', '-i', 'x.deb'),
      'DPKG_ADMINDIR=/var/lib/dpkg',
      'DPKG_ROOT=',
    ),
    'another root': run('dpkg', '--root=/mnt', '-i', 'x.deb'),
    'another root with its database': run('dpkg', '--instdir=/mnt', '--admindir=/mnt/var/lib/dpkg', '-i', 'x.deb'),
    'a relative root': run('dpkg', '--root=mnt', '--unpack', 'x.deb'),
    'another root by the environment': inEnvironment(
      run('dpkg', '--admindir=/mnt/var/lib/dpkg', '--configure', '-a'),
      'DPKG_ROOT=/mnt',
    ),
    'scripts of another root, as mmdebstrap runs them': run(
      ...['dpkg', '--force-script-chrootless', '--root=/mnt', '--configure', '-a'],
    ),
    'a query': run('dpkg', '--admindir=/tmp/x', '-l'),
    'a dry run': run('dpkg', '--admindir=/tmp/x', '--dry-run', '-i', 'x.deb'),
    'rpm in the usual place': onFedora(run('rpm', '--dbpath', '/usr/lib/sysimage/rpm', '-U', 'x.rpm')),
    'rpm of zypper': onFedora(
      run('rpm', '--root', '/', '--dbpath', '/usr/lib/sysimage/rpm', '-U', '--percent', '--noglob', '--', 'x.rpm'),
    ),
    'another root of rpm': onFedora(run('rpm', '--root=/mnt', '--dbpath=/var/lib/x', '-i', 'x.rpm')),
    'only the database': onFedora(run('rpm', '--dbpath', '/tmp/x', '--justdb', '-i', 'x.rpm')),
    'a query of rpm': onFedora(run('rpm', '--dbpath', '/tmp/x', '-qa')),
    'a test of rpm': onFedora(run('rpm', '--dbpath', '/tmp/x', '--test', '-i', 'x.rpm')),
    'a new database of rpm': onFedora(run('rpm', '--dbpath', '/tmp/x', '--initdb')),
    'rpm on Debian': run('rpm', '--dbpath', '/tmp/x', '-i', 'x.rpm'),
    'no start': changed(dpkg, { 'event.action': 'end' }),
    'not Linux': changed(dpkg, { 'host.os.type': 'macos' }),
    'another program': changed(dpkg, { 'process.name': 'echo' }),
  }),
};
