// Execs wait for what is being found out of them, and for nothing else.

import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openExecHold } from '../../../agent/daemon/exec-hold.ts';
import type { ObservedExec } from '../../../collectors/process/describe-process.ts';
import { observedExec } from './observed-exec.ts';

let taken: string[];
let faults: string[];
let hold: ReturnType<typeof openExecHold>;
const names = new Map<ObservedExec, string>();

beforeEach(() => {
  taken = [];
  faults = [];
  hold = openExecHold({
    takeExec: (exec) => taken.push(names.get(exec) ?? '?'),
    commit: () => taken.push('commit'),
    onFault: (what, error) => faults.push(`${what}: ${(error as Error).message}`),
  });
});
afterEach(() => {
  vi.useRealTimers();
});

function example(name: string, settle: ObservedExec['settle'] = () => undefined): ObservedExec {
  const { exec } = observedExec(name, { quick: {} });
  exec.settle = settle;
  names.set(exec, name);
  return exec;
}

test('what is known is taken at once, in order', () => {
  hold.exec(example('a'));
  hold.exec(example('b'));
  expect(taken).toEqual(['a', 'b']);
});

test('what is being found out waits, and nothing waits for it', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  hold.exec(example('a', () => promise));
  hold.exec(example('b'));
  expect(taken).toEqual(['b']);
  resolve();
  await hold.stop();
  await setImmediate();
  expect(taken).toEqual(['b', 'a', 'commit']);
  expect(faults).toEqual([]);
});

test('what is never found out is taken as it is, and said', () => {
  vi.useFakeTimers();
  hold.exec(example('a', () => new Promise(() => {})));
  vi.advanceTimersByTime(4900);
  expect(taken).toEqual([]);
  vi.advanceTimersByTime(200);
  expect(taken).toEqual(['a', 'commit']);
  expect(faults).toEqual(['an execution was judged before its program was known: no answer in 5000 ms']);
});

test('among too many the oldest is taken as it is', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (let i = 0; i < 1025; i++) hold.exec(example(`${i}`, () => promise));
  expect(taken).toEqual(['0']);
  expect(faults).toHaveLength(1);
  resolve();
  await hold.stop();
  await setImmediate();
  expect(taken.filter((name) => name !== 'commit')).toHaveLength(1025);
  expect(taken.filter((name) => name === 'commit').length).toBeLessThan(10);
});

test('one that cannot be looked at is taken all the same', async () => {
  const broken = example('a', () => {
    throw new Error('broken');
  });
  hold.exec(broken);
  hold.exec(example('b', () => Promise.reject(new Error('broken too'))));
  await hold.stop();
  await setImmediate();
  expect(taken).toEqual(['a', 'b', 'commit']);
  expect(faults).toEqual(['a program could not be looked at: broken', 'a program could not be looked at: broken too']);
});
