// Execs and the records of their programs' starts in one batch.

import { expect, test } from 'vitest';
import type { ArgvRecord, ProcessRecord } from '../../../collectors/process/process-record.ts';
import { joinStarts } from '../../../collectors/tracefs/join-starts.ts';
import { exec, exit, fork } from '../proc-double.ts';

const start = (pid: number, args: string[], role: ArgvRecord['role'] = 'start'): ArgvRecord => ({
  kind: 'argv',
  timeNs: 2e9,
  pid,
  image: '/lib64/ld.so',
  role,
  args,
  argc: args.length,
  truncated: false,
});
/** What is left of a batch: an exec with the arguments that it got. */
const joined = (...batch: ProcessRecord[]) =>
  joinStarts(batch).map((record) => (record.kind === 'exec' ? [record.pid, ...(record.args ?? [])] : record.kind));

test.each<[string, ProcessRecord[], unknown[]]>([
  ['an exec gets the start behind it', [exec(30, '/bin/sh'), start(30, ['sh'])], [[30, 'sh']]],
  [
    'records of other processes lie between',
    [exec(30, '/bin/a'), exec(31, '/bin/b'), fork(1, 32), start(31, ['b']), start(30, ['a'])],
    [[30, 'a'], [31, 'b'], 'fork'],
  ],
  [
    'a second start is left for the collector',
    [exec(30, '/bin/a'), start(30, ['a']), start(30, ['forged'])],
    [[30, 'a'], 'argv'],
  ],
  [
    'each exec of a process has its own',
    [exec(30, '/bin/a'), start(30, ['a']), exec(30, '/bin/b'), start(30, ['b'])],
    [
      [30, 'a'],
      [30, 'b'],
    ],
  ],
  ['an exec without a start keeps none', [exec(30, '/bin/a'), exec(30, '/bin/b'), start(30, ['b'])], [[30], [30, 'b']]],
  ['a start before the exec is another one', [start(30, ['old']), exec(30, '/bin/a')], ['argv', [30]]],
  [
    'a start after the end is another process',
    [exec(30, '/bin/a'), exit(30), start(30, ['x'])],
    [[30], 'exit', 'argv'],
  ],
  [
    "the record of a package tool's own probe is left",
    [exec(30, '/usr/bin/dpkg'), start(30, ['dpkg'], 'program')],
    [[30], 'argv'],
  ],
])('%s', (_, batch, expected) => expect(joined(...batch)).toEqual(expected));
