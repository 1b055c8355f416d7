// Programs that have a package tool's name and are another file, at work on packages.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const copy: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  process: {
    name: 'dpkg',
    executable: '/tmp/dpkg',
    args: ['dpkg', '-i', 'x.deb'],
    parent: { name: 'bash', executable: '/usr/bin/bash' },
  },
  stepparent: {
    package: { manager: 'dpkg', operation: 'install', packages: ['x.deb'], packages_count: 1, dry_run: false },
    genuine: { process: false },
  },
};

const byFake = changed(copy, {
  'process.executable': '/usr/bin/dpkg',
  'process.parent': { name: 'apt-get', executable: '/tmp/apt-get' },
  'stepparent.genuine': { process: true, parent: false },
});

export const cases: RuleCases = {
  hits: {
    'a copy of dpkg installs': copy,
    'a copy of dpkg under another name installs': changed(copy, {
      'process.name': 'updater',
      'process.executable': '/tmp/updater',
      'stepparent.program': { path: '/usr/bin/dpkg', name: 'dpkg', recognized_by: 'build_id' },
    }),
    'another file mounted over dpkg': changed(copy, { 'process.executable': '/usr/bin/dpkg' }),
    'a copy of rpm erases': changed(copy, {
      'process.name': 'rpm',
      'process.executable': '/opt/rpm',
      'stepparent.package': { manager: 'rpm', operation: 'remove', dry_run: false },
    }),
    'the real dpkg, by another program called apt-get': byFake,
    'a dpkg that could not be verified, by the same': changed(byFake, { 'stepparent.genuine.process': undefined }),
    'a copy, by the real apt-get': changed(copy, { 'stepparent.genuine.parent': true }),
  },
  misses: {
    'the real one': changed(copy, { 'stepparent.genuine.process': true }),
    'one that could not be verified (a container, a chroot)': changed(copy, { 'stepparent.genuine': undefined }),
    'the real dpkg, by the real apt-get': changed(byFake, { 'stepparent.genuine.parent': true }),
    'the same file under another name': changed(copy, {
      'process.name': 'updater',
      'stepparent.genuine': undefined,
      'stepparent.program': { path: '/usr/bin/dpkg', name: 'dpkg', recognized_by: 'same_file' },
    }),
    'a copy that asks': changed(copy, { 'stepparent.package.operation': 'query' }),
    'a copy that would install': changed(copy, { 'stepparent.package.dry_run': true }),
    'a copy whose arguments were not observed': changed(copy, { 'stepparent.package': undefined }),
    'another program, by a fake': changed(byFake, { 'process.name': 'sh', 'stepparent.package': undefined }),
    'a fork': changed(copy, { 'event.action': 'fork' }),
    'not Linux': changed(copy, { 'host.os.type': 'macos' }),
  },
};
