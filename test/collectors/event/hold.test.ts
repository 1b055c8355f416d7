// Events that wait for data: released once, in time and in order, and bounded in number.

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

test('an event without waits, or whose waits are over, is released at once', () => {
  add('a');
  add('b', lacks('version', { isOver: () => true }));
  expect([released, late]).toEqual([['a', 'b'], 0]);
});

test('arrived data releases its event, and no event waits for another', () => {
  const a = add('a', lacks('arguments'));
  add('b');
  const c = add('c', lacks('arguments'));
  c.arrived('arguments');
  expect(released).toEqual(['b', 'c']);
  a.arrived('arguments');
  a.arrived('arguments');
  expect([released, late]).toEqual([['b', 'c', 'a'], 2]);
});

test('an event with two waits waits for both', () => {
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

test('a check releases the events whose waits are over, in their order', () => {
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

test('an event is released without the data when its time is over', () => {
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

test('a wait whose time is over does not hold an event after its longer wait ends', () => {
  const a = add('a', lacks('version', { maxMs: 500 }), lacks('script', { maxMs: 5000 }));
  vi.advanceTimersByTime(1000);
  expect([released, vi.getTimerCount()]).toEqual([[], 1]);
  a.arrived('script');
  expect(released).toEqual(['a version']);
});

test('one event beyond the bound releases the oldest', () => {
  for (let i = 0; i < 1024; i++) add(`${i}`, lacks('program'));
  expect(released).toEqual([]);
  add('one more', lacks('program'));
  expect(released).toEqual(['0 program']);
  expect(faults).toEqual(['an execution was judged before its program was known: 1024 others wait']);
  expect(hold.waitingFor('program')).toBe(1024);
});

test('the bound of one kind of wait does not affect another kind', () => {
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

test('settled() resolves whether the promises resolve or reject', async () => {
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

test('releaseAll releases every event', () => {
  add('a', lacks('arguments'));
  add('b', lacks('script'), lacks('version'));
  hold.releaseAll();
  expect([released, vi.getTimerCount()]).toEqual([['a arguments', 'b script version'], 0]);
});

test('an error in one event does not affect others', () => {
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
