// The agent's own log: levels, escaping, and the journal if there is one.

import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LogOptions, openLog, stderrIsJournal } from '../../../agent/daemon/log.ts';
import { type Journald, journaldMissing, startJournald } from '../../journald.ts';
import { titled } from '../../needs.ts';

function opened(settings: Partial<LogOptions>) {
  let text = '';
  const stream = new Writable({
    write: (chunk, _, done) => {
      text += String(chunk);
      done();
    },
  });
  const log = openLog({ level: 'debug', to: 'stream', stream, ...settings });
  return { log, lines: () => text.split('\n').slice(0, -1) };
}

test('prints time, level, message and values on a terminal', () => {
  const { log, lines } = opened({});
  log.warn('sensor degraded', { reason: 'no tracefs here', lost: 3, cause: new Error('EPERM'), absent: undefined });
  expect(lines()).toEqual([
    expect.stringMatching(/^\d\d:\d\d:\d\d warn {2}sensor degraded reason="no tracefs here" lost=3 cause=EPERM$/),
  ]);
});

test.for([
  ['error', 1],
  ['warn', 2],
  ['info', 3],
  ['debug', 4],
] as const)('level %s passes %i of four messages', ([level, count]) => {
  const { log, lines } = opened({ level });
  for (const level of ['error', 'warn', 'info', 'debug'] as const) log[level]('x');
  expect(lines()).toHaveLength(count);
});

test('escapes values, so that none starts a line, moves the cursor or imitates another value', () => {
  const { log, lines } = opened({});
  log.info('seen', {
    path: 'a\n12:00:00 error forged\x1b[2J',
    message: 'm',
    level: 'error',
    q: '" pid=1',
    o: { a: '\u202e' },
  });
  expect(lines().map((line) => line.slice(9))).toEqual([
    'info  seen path="a\\n12:00:00 error forged\\x1b[2J" message=m level=error q="\\" pid=1" o="{\\"a\\":\\"\\u202e\\"}"',
  ]);
});

test('writes lines with their priority to the stream without journald', () => {
  const { log, lines } = opened({ to: 'journal', socket: '/nowhere' });
  log.error('a');
  log.debug('b', { c: 'd e' });
  expect(lines()).toEqual(['<3>a', '<7>b c="d e"']);
});

test('recognizes the journal on standard error by device and inode', () => {
  expect(stderrIsJournal({})).toBe(false);
  expect(stderrIsJournal({ JOURNAL_STREAM: '1:1' })).toBe(false);
});

describe.skipIf(journaldMissing)(titled('a real journald', journaldMissing), () => {
  let journald: Journald;
  beforeAll(async () => {
    journald = await startJournald();
  });
  afterAll(() => journald?.stop());

  test('stores messages as entries with their priority', () => {
    const { log, lines } = opened({ to: 'journal' });
    log.warn('lost events', { count: 7, text: 'x\nPRIORITY=0' });
    expect(journald.read('SYSLOG_IDENTIFIER=stepparent')).toEqual([
      expect.objectContaining({ MESSAGE: 'lost events count=7 text="x\\nPRIORITY=0"', PRIORITY: '4' }),
    ]);
    expect(lines()).toEqual([]);
  });
});
