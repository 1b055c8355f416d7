// Events that wait for what they lack: released once, in time, in order, and never more than a bounded number of them.

import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Hold, type Lack, openHold, type Wait } from '../../../collectors/event/hold.ts';
import { systemClock } from '../../../collectors/host/clock.ts';

let released: string[];
let faults: string[];
let late: number;
let hold: Hold;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  released = [];
  faults = [];
  late = 0;
  hold = openHold({
    clock: { ...systemClock, monotonicMs: () => performance.now() },
    onLate: () => late++,
    onFault: (what, error) => faults.push(`${what}: ${(error as Error).message}`),
  });
});
afterEach(() => {
  hold.releaseAll();
  vi.useRealTimers();
});

const add = (name: string, ...waits: Wait[]) =>
  hold.add(waits, (missing) => released.push([name, ...missing].join(' ')));
const lacks = (lack: Lack, change: Partial<Wait> = {}): Wait => ({ for: lack, maxMs: 500, ...change });

test('an event that lacks nothing is released at once, and so is one whose waits are over', () => {
  add('a');
  add('b', lacks('version', { isOver: () => true }));
  expect([released, late]).toEqual([['a', 'b'], 0]);
});

test('what arrives releases its event, and no event waits for another', () => {
  const a = add('a', lacks('arguments'));
  add('b');
  const c = add('c', lacks('arguments'));
  c.arrived('arguments');
  expect(released).toEqual(['b', 'c']);
  a.arrived('arguments');
  a.arrived('arguments');
  expect([released, late]).toEqual([['b', 'c', 'a'], 2]);
});

test('an event that lacks two things waits for both', () => {
  const a = add('a', lacks('program'), lacks('script'));
  a.arrived('script');
  expect([released, hold.waitingFor('program'), hold.waitingFor('script')]).toEqual([[], 1, 0]);
  a.arrived('program');
  expect([released, hold.waitingFor('program')]).toEqual([['a'], 0]);
});

test.each(['resolves', 'rejects'] as const)('a promise that %s ends its wait', async (how) => {
  const answer = Promise.withResolvers<void>();
  add('a', lacks('program', { end: answer.promise }));
  if (how === 'resolves') answer.resolve();
  else answer.reject(new Error('no answer'));
  await setImmediate();
  expect([released, faults]).toEqual([['a'], []]);
});

test('a check releases what is over by then, in the order in which it came', () => {
  let version: string | undefined;
  const waits = lacks('version', { isOver: () => version !== undefined });
  add('a', waits);
  add('b', waits);
  hold.check();
  expect(released).toEqual([]);
  version = '1';
  hold.check();
  expect(released).toEqual(['a', 'b']);
});

test('after its time an event goes on without what it lacks', () => {
  add('a', lacks('version', { maxMs: 500 }));
  add('b', lacks('program', { maxMs: 5000 }));
  vi.advanceTimersByTime(499);
  expect(released).toEqual([]);
  vi.advanceTimersByTime(1);
  expect([released, faults]).toEqual([['a version'], []]);
  vi.advanceTimersByTime(4500);
  expect(released).toEqual(['a version', 'b program']);
  expect(faults).toEqual(['an execution was judged before its program was known: no answer in 5000 ms']);
});

test('a wait whose time is over counts no more as soon as the longer one ends', () => {
  const a = add('a', lacks('version', { maxMs: 500 }), lacks('script', { maxMs: 5000 }));
  vi.advanceTimersByTime(1000);
  expect([released, vi.getTimerCount()]).toEqual([[], 1]);
  a.arrived('script');
  expect(released).toEqual(['a version']);
});

test('one more than can wait releases the oldest', () => {
  for (let i = 0; i < 1024; i++) add(`${i}`, lacks('program'));
  expect(released).toEqual([]);
  add('one more', lacks('program'));
  expect(released).toEqual(['0 program']);
  expect(faults).toEqual(['an execution was judged before its program was known: 1024 others wait']);
  expect(hold.waitingFor('program')).toBe(1024);
});

test('more than can wait for one thing take nothing from those that wait for another', () => {
  add('script', lacks('version'));
  const both = add('both', lacks('program'), lacks('arguments'));
  for (let i = 0; i < 1024; i++) add(`${i}`, lacks('program'));
  expect([released, faults.length, hold.waitingFor('program')]).toEqual([[], 1, 1024]);
  both.arrived('arguments');
  expect(released).toEqual(['both program']);
  for (let i = 0; i < 1024; i++) add('flood', lacks('program'));
  expect([hold.waitingFor('program'), hold.waitingFor('version')]).toEqual([1024, 1]);
  expect(released).not.toContain('script version');
});

test('the promises that events wait for are settled, whatever they give', async () => {
  const answers = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  for (const { promise } of answers) add('a', lacks('program', { end: promise }));
  add('b', lacks('version'));
  let settled = false;
  const all = hold.settled().then(() => {
    settled = true;
  });
  answers[0]?.resolve();
  await setImmediate();
  expect(settled).toBe(false);
  answers[1]?.reject(new Error('no answer'));
  await all;
  expect(released).toEqual(['a', 'a']);
});

test('all are released at the end', () => {
  add('a', lacks('arguments'));
  add('b', lacks('script'), lacks('version'));
  hold.releaseAll();
  expect([released, vi.getTimerCount()]).toEqual([['a arguments', 'b script version'], 0]);
});

test('what throws holds nothing up', () => {
  const failing = (): never => {
    throw new Error('gone');
  };
  add('a', lacks('version', { isOver: failing }));
  const b = hold.add([lacks('program')], failing);
  add('c', lacks('program')).arrived('program');
  b.arrived('program');
  expect(released).toEqual(['a', 'c']);
  expect(faults).toEqual(['what an event lacks could not be read: gone', 'an event could not be judged: gone']);
});
