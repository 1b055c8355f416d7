// The terms of programs whose path is new in each run: one for each tool, and another for whatever differs in a fixed part.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FieldValue } from '../../collectors/event/event.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { splitMarks, termsOf } from '../../detectors/term.ts';

const rules = readRules([join(import.meta.dirname, '../../detectors/rules')]).rules.filter(
  ({ type, termFields }) => type === 'new_terms' && termFields.length > 0,
);
const programFields = [
  'process.executable',
  'process.parent.executable',
  'stepparent.initiator.executable',
  'stepparent.unowned_program.path',
  'stepparent.setuid_program.path',
];
const origin = 'stepparent.initiator.origin';
const pairs = rules.flatMap((rule) =>
  rule.termFields.filter((field) => programFields.includes(field)).map((field) => [rule.id, field, rule] as const),
);

test('each shipped rule for new terms with a program in its terms is tried', () => {
  expect(pairs.length).toBeGreaterThanOrEqual(7);
  const others = rules.filter(({ id }) => !pairs.some(([tried]) => tried === id));
  expect(others.flatMap(({ termFields }) => termFields).filter((name) => /executable|program/.test(name))).toEqual([]);
});

describe.each(pairs)('%s, %s', (_, field, rule) => {
  const usual: Record<string, FieldValue> = {
    'process.executable': '/usr/bin/dpkg',
    'process.parent.executable': '/opt/parent',
    'stepparent.initiator.executable': '/opt/initiator',
    'stepparent.verification.off': ['--nosignature'],
    'stepparent.override.kind': 'diversion',
    [origin]: 'unit agent.service',
  };
  const terms = (change: Record<string, FieldValue>): string => {
    const values = { ...usual, [field]: '/tmp/build-aB3dE6/tool', ...change };
    return JSON.stringify(termsOf(rule.termFields, (name) => values[name]));
  };
  const one = terms({});

  test.each(['/tmp/build-Zx9Qw1/tool', '/tmp/build-AbCdEf/tool'])('is the same: %s', (file) => {
    expect(terms({ [field]: file })).toBe(one);
  });

  test.each<[string, Record<string, FieldValue>]>([
    ['another program of the directory', { [field]: '/tmp/build-aB3dE6/other' }],
    ['another directory', { [field]: '/var/tmp/build-aB3dE6/tool' }],
    ['another tool', { [field]: '/tmp/make-aB3dE6/tool' }],
    ['a fixed name', { [field]: '/tmp/build-script/tool' }],
    ['a file with the star as its name', { [field]: '/tmp/build-*/tool' }],
    ['another origin', { [origin]: 'ssh as alice' }],
    ['the origin was not observed', { [origin]: undefined }],
    ['another initiator', { 'stepparent.initiator.executable': '/opt/other' }],
  ])('is another: %s', (_what, change) => {
    expect(terms(change)).not.toBe(one);
  });

  test('without an observed origin no random part is left out', () => {
    if (rule.termFields.includes(origin)) return expect(terms({ [origin]: undefined })).toContain('null');
    const [first, second] = ['/tmp/build-aB3dE6/tool', '/tmp/build-Zx9Qw1/tool'].map((file) =>
      terms({ [origin]: undefined, [field]: file }),
    );
    expect(first).toContain('/tmp/build-aB3dE6/tool');
    expect(first).not.toBe(second);
  });
});

const parent = 'process.parent.executable';
const initiator = 'stepparent.initiator.executable';
const sha256 = '0123456789abcdef'.repeat(4);

test.each<[string, fields: string[], values: Record<string, FieldValue>, terms: (string | null)[]]>([
  [
    'the initiator itself: the origin is enough',
    [parent],
    { [parent]: '/tmp/script_4711.sh', [initiator]: '/tmp/script_4711.sh', [origin]: 'ssh as alice' },
    ['/tmp/script_*.sh (ssh as alice)'],
  ],
  [
    'below another initiator, which may have a random name too',
    [parent],
    { [parent]: '/tmp/.mount_viewaB3dE6/sh', [initiator]: '/tmp/tmp.aB3dE6gH1j/x', [origin]: 'cron' },
    ['/tmp/.mount_view*/sh (by /tmp/tmp.*/x, cron)'],
  ],
  [
    'the origin is a term',
    [initiator, origin],
    { [initiator]: '/tmp/script_4711.sh', [origin]: 'cron' },
    ['/tmp/script_*.sh', 'cron'],
  ],
  [
    'the content of a script stands for its path',
    [parent],
    { [parent]: '/tmp/script_4711.sh', 'process.parent.hash.sha256': sha256, [initiator]: '/x', [origin]: 'cron' },
    ['/tmp/* (sha256 0123456789abcdef)'],
  ],
  [
    'a star of the path',
    [parent],
    { [parent]: '/tmp/script_*.sh', [initiator]: '/x', [origin]: 'cron' },
    ['/tmp/script_\\*.sh'],
  ],
  ['the process itself', ['process.executable'], { 'process.executable': '/tmp/x-aB3dE6' }, ['/tmp/x-aB3dE6']],
  [
    'not a program',
    ['file.path'],
    { 'file.path': '/tmp/x-aB3dE6', [initiator]: '/x', [origin]: 'cron' },
    ['/tmp/x-aB3dE6'],
  ],
  ['not observed', [parent], {}, [null]],
  [
    'a name that looks like a script by its content',
    [parent],
    { [parent]: '/tmp/x-aB3dE6 (sha256 abcdefabcdefabcd)', [initiator]: '/x', [origin]: 'cron' },
    ['/tmp/x-aB3dE6 (sha256 abcdefabcdefabcd) (path)'],
  ],
])('%s', (_, fields, values, terms) => {
  expect(termsOf(fields, (field) => values[field])).toEqual(terms);
});

test.each([
  ['/opt/x', ''],
  ['/opt/x (not root)', ' (not root)'],
  ['/usr/bin/dpkg (unverified) (user not observed)', ' (unverified) (user not observed)'],
  ['/opt/x (root)', ''],
  [' (not root)', ' (not root)'],
])('the marks of %j are %j', (text, marks) => {
  expect(splitMarks(text)).toEqual({ value: text.slice(0, text.length - marks.length), marks });
});
