// Values that no term can have, and near misses that a term can have.

import { expect, test } from 'vitest';
import { termFault } from '../../../agent/configuration/term-fault.ts';

const executable = 'process.parent.executable';
const initiator = 'stepparent.initiator.executable';
const origin = 'stepparent.initiator.origin';

test.each<[field: string, value: string, fault: RegExp]>([
  [executable, '', /^is empty$/],
  [executable, '/tmp/x_*.sh', /^is a pattern/],
  [executable, '/tmp/x_?.sh', /^is a pattern/],
  [executable, '/tmp/x_[0-9].sh', /^is a pattern/],
  [executable, '/tmp/x_*.sh (not root)', /^is a pattern/],
  [executable, '*', /^is a pattern/],
  ['user.name', 'al*', /^is a pattern/],
  ['file.name', '*.list', /^is a pattern/],
  [executable, 'bash', /^is not an absolute path$/],
  [executable, './x.sh', /^is not an absolute path$/],
  [executable, '~/x.sh', /^is not an absolute path$/],
  ['file.path', 'etc/x', /^is not an absolute path$/],
  [executable, '/opt//x', /^is written as \/opt\/x$/],
  [executable, '/opt/../usr/bin/x', /^is written as \/usr\/bin\/x$/],
  [initiator, '/opt/*/install.sh', /^is a pattern/],
  [initiator, '/tmp/tmp.AbCdEfGhIj/*.sh', /^is a pattern/],
  [initiator, '/tmp/tmp.AbCdEfGhIj/install.sh', /^is written as \/tmp\/tmp\.\*\/install\.sh$/],
  [origin, 'unit run-r0123abcd.service', /^is written as unit run-\*\.service$/],
  [origin, 'ssh as *', /^is a pattern/],
  [executable, '/usr/bin/{a,b}', /^is a pattern/],
  [executable, '/opt/x/', /^is written as \/opt\/x$/],
  [executable, '/', /^is a directory$/],
  ['file.directory', '/opt/', /^is written as \/opt$/],
  ['container.id', '0123abcd*', /^is a pattern/],
  [origin, 'anything', /^is not an origin/],
  [origin, 'ssh as', /^is not an origin/],
  [executable, '/opt/vendor/install.sh (sha256 0123456789abcdef)', /^is not a script/],
  [executable, '/tmp/x.sh (sha256 0123456789abcdef)', /^is not a script/],
  [executable, '/tmp/* (sha256 0123)', /^is a pattern/],
  ['file.path', '/tmp/* (sha256 0123456789abcdef)', /^is a pattern/],
])('%s %j %s', (field, value, fault) => {
  expect(termFault(field, value)).toMatch(fault);
});

test.each<[field: string, value: string]>([
  [executable, '/usr/bin/['],
  [executable, '/usr/bin/bash (not root)'],
  [executable, '/usr/bin/bash (user not observed)'],
  [executable, '/usr/bin/apt-get (unverified)'],
  [executable, '/opt/a b.sh'],
  [executable, '/dev/fd/5'],
  [executable, '/tmp/* (sha256 0123456789abcdef)'],
  [initiator, '/srv/app/releases/*/install.sh (sha256 0123456789abcdef)'],
  [initiator, '/tmp/tmp.*/install.sh'],
  [initiator, '/var/tmp/rpm-tmp.*'],
  [initiator, '/home/a/.ansible/tmp/ansible-tmp-*/m.py'],
  [origin, 'unit run-*.service'],
  [origin, 'user unit app-*.scope of alice'],
  [origin, 'ssh as alice'],
  [origin, 'session as uid 1000'],
  [origin, 'cron'],
  [origin, 'container'],
  [origin, 'init'],
  ['file.directory', '/'],
  [executable, '/opt/{a}'],
  ['process.command_line', 'rpm --eval=%(*) a?b [x]'],
  ['process.args', '*'],
  ['process.entity_id', '01234567-30-100'],
  ['stepparent.exec.filename', './x'],
])('%s %j can be', (field, value) => {
  expect(termFault(field, value)).toBeUndefined();
});
