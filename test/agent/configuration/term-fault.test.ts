// Values that no term can have, and near misses that a term can have.

import { expect, test } from 'vitest';
import { baselinePatternFault, isPattern, termFault } from '../../../agent/configuration/term-fault.ts';

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
  [
    initiator,
    '/tmp/tmp.AbCdEfGhIj/install.sh',
    /^has parts that are new .* its pattern is \/tmp\/tmp\.\*\/install\.sh$/,
  ],
  [executable, '/tmp/script_4711.sh', /^has parts that are new .* its pattern is \/tmp\/script_\*\.sh$/],
  [initiator, '/tmp/tmp.*/install.sh', /^is a pattern/],
  [initiator, '/var/tmp/rpm-tmp.*', /^is a pattern/],
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
  ['file.path', '/tmp/script_4711.sh'],
  [executable, '/tmp/* (sha256 0123456789abcdef)'],
  [initiator, '/srv/app/releases/*/install.sh (sha256 0123456789abcdef)'],
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

test.each<[field: string, value: string, is: boolean]>([
  [executable, '/tmp/script_*.sh', true],
  [executable, '/opt/x?/y', true],
  [executable, '/tmp/script_*.sh (not root)', true],
  [executable, '/opt/x', false],
  // The agent writes these itself.
  [executable, '/tmp/* (sha256 0123456789abcdef)', false],
  [executable, '/tmp/script_*.sh (ssh as alice)', false],
  [executable, '/tmp/script_*.sh (ssh as alice) (not root)', false],
  [executable, '/opt/a\\*b', false],
  [origin, 'unit run-*.service', false],
  [origin, 'ssh as *', true],
  [origin, 'unit x.service', false],
  // No wildcards
  [executable, '/opt/[ab]', false],
  ['process.args', '*', false],
])('%s %j is a pattern: %s', (field, value, is) => {
  expect(isPattern(field, value)).toBe(is);
});

test.each<[field: string, value: string, fault: RegExp]>([
  [executable, '*', /^is not an absolute path$/],
  [executable, '*/install.sh', /^is not an absolute path$/],
  [executable, '/*', /^is too general: it needs at least 4 characters/],
  [executable, '/*/*/*', /^is too general/],
  [executable, '/????????', /^is too general/],
  [executable, '/tmp/*', /^is too general/],
  [executable, '/* (not root)', /^is too general/],
  [executable, '/opt//x-*', /^is written as \/opt\/x-\*$/],
  [executable, `/opt/${'x'.repeat(508)}*`, /^is longer than 512 characters$/],
  [origin, '*', /^is too general/],
  [origin, 'a?*', /^is too general/],
])('the baseline takes no pattern %s %j %s', (field, value, fault) => {
  expect(baselinePatternFault(field, value)).toMatch(fault);
});

test.each<[field: string, value: string]>([
  [executable, '/opt/b*'],
  [executable, '/tmp/script_*.sh'],
  [executable, '/tmp/script_*.sh (not root)'],
  [executable, `/opt/${'x'.repeat(506)}*`],
  [origin, 'ssh as *'],
])('the baseline takes the pattern %s %j', (field, value) => {
  expect(baselinePatternFault(field, value)).toBeUndefined();
});
