// What each observer writes of an execution, and how it is counted.

import { describe, expect, test } from 'vitest';
import {
  createCount,
  type ParseLine,
  parseAudit,
  parseBpftrace,
  parseLaurel,
  parseStepparent,
} from '../../bench/sightings.ts';

const prefix = 'bench7run1';
const hex = (text: string): string => Buffer.from(text).toString('hex').toUpperCase();

const exec = (process: object, stepparent: object = {}, action = 'exec') =>
  JSON.stringify({ event: { id: 'e1', action }, process, stepparent });

describe.each<[string, ParseLine, [name: string, line: string, expected: object | undefined][]]>([
  [
    'stepparent',
    parseStepparent,
    [
      ['complete', exec({ args: ['dpkg', `${prefix}-4-xxx`] }), { key: '4', padding: 3, flagged: false }],
      ['in a path', exec({ args: ['dpkg', '-i', `/none/${prefix}-4-.deb`] }), { key: '4', padding: 0, flagged: false }],
      [
        'cut and flagged',
        exec({ args: ['dpkg', `${prefix}-4-x`] }, { truncated: { 'process.args': 1 } }),
        { key: '4', padding: 1, flagged: true },
      ],
      [
        "a note of the parent's arguments",
        exec({ args: ['dpkg', `${prefix}-4-x`] }, { truncated: { 'process.parent.args': 1 } }),
        { key: '4', padding: 1, flagged: false },
      ],
      [
        'without arguments',
        exec({ executable: `/tmp/${prefix}/true` }, { unobserved: { 'process.args': 'process_exited' } }),
        { key: 'event e1', padding: 0, flagged: true },
      ],
      ['without arguments, of another run', exec({ executable: `/tmp/${prefix}2/true` }), undefined],
      ["in the parent's arguments", exec({ args: ['dpkg'], parent: { args: [`${prefix}-4-x`] } }), undefined],
      ['an event of a file', exec({ args: [`${prefix}-4-x`] }, {}, 'creation'), undefined],
      ['of another run', exec({ args: [`${prefix}2-4-x`] }), undefined],
    ],
  ],
  [
    'bpftrace',
    parseBpftrace,
    [
      ['complete', `4122 /bin/true ${prefix}-12-xx`, { key: '12', padding: 2, flagged: false }],
      ['of another run', `4122 /bin/true ${prefix}2-12-xx`, undefined],
    ],
  ],
  [
    'auditd',
    parseAudit,
    [
      [
        'in quotes',
        `type=EXECVE msg=audit(1.5:77): argc=2 a0="/bin/true" a1="${prefix}-12-xx"`,
        { record: '1.5:77', key: '12', padding: 2, flagged: false },
      ],
      [
        'in hexadecimal, the first part',
        `type=EXECVE msg=audit(1.5:77): argc=2 a0="/bin/true" a1_len=262018 a1[0]=${hex(`${prefix}-12-xx`)}`,
        { record: '1.5:77', key: '12', padding: 2, flagged: false },
      ],
      [
        'in hexadecimal, a later part',
        `type=EXECVE msg=audit(1.5:77):  a1[1]=${hex('xxx')}`,
        { record: '1.5:77', padding: 3, flagged: false },
      ],
      ['of another program', 'type=EXECVE msg=audit(1.5:78): argc=1 a0="ls"', undefined],
      ['another record', `type=PROCTITLE msg=audit(1.5:77): proctitle="${prefix}-12-xx"`, undefined],
    ],
  ],
  [
    'laurel',
    parseLaurel,
    [
      ['complete', `{"EXECVE":{"ARGV":["true","${prefix}-3-xx"]}}`, { key: '3', padding: 2, flagged: false }],
      [
        'cut',
        `{"EXECVE":{"ARGV":["true","${prefix}-3-x","<<< 1 bytes cut >>>"]}}`,
        { key: '3', padding: 1, flagged: true },
      ],
      ['of another run', '{"EXECVE":{"ARGV":["true"]}}', undefined],
    ],
  ],
])('%s', (_, parse, cases) => {
  test.each(cases)('%s', (_name, line, expected) => expect(parse(line, prefix)).toEqual(expected));
});

test('each execution counts once, by the state of its argument', () => {
  const count = createCount(3);
  for (const [key, padding, flagged] of [
    ['0', 3, false],
    ['0', 1, false],
    ['1', 2, true],
    ['2', 2, false],
    ['event e1', 0, true],
  ] as const)
    count.add({ key, padding, flagged });
  expect(count.result()).toEqual({ seen: 4, complete: 1, flagged: 2, cut: 1 });
});

test('the parts of one record are added up; a part without a beginning belongs to no execution', () => {
  const count = createCount(5);
  count.add({ record: 'a', padding: 9, flagged: false });
  count.add({ record: 'b', key: '0', padding: 2, flagged: false });
  count.add({ record: 'b', padding: 3, flagged: false });
  count.add({ record: 'c', key: '1', padding: 2, flagged: false });
  count.add({ record: 'd', padding: 3, flagged: false });
  expect(count.result()).toEqual({ seen: 2, complete: 1, flagged: 0, cut: 1 });
});
