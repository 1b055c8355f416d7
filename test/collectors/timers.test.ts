// Timers: once for many requests, and none after the end.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openTimers, timerMs } from '../../collectors/timers.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const unexpected = (error: unknown) => expect.unreachable(String(error));

test('repeated requests run once, and can be made again', () => {
  const timers = openTimers(unexpected);
  const run = vi.fn();
  const ask = timers.soon(1000, run);
  for (let n = 0; n < 100; n++) ask();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(run).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(10_000);
  expect(run).toHaveBeenCalledTimes(1);
  ask();
  vi.advanceTimersByTime(1000);
  expect(run).toHaveBeenCalledTimes(2);
});

test('a run that requests itself keeps one timer', () => {
  const timers = openTimers(unexpected);
  let runs = 0;
  const ask = timers.soon(1000, () => {
    runs++;
    ask();
    ask();
  });
  ask();
  vi.advanceTimersByTime(5000);
  expect(runs).toBe(5);
  expect(vi.getTimerCount()).toBe(1);
});

test('no timer runs after close', () => {
  const timers = openTimers(unexpected);
  const run = vi.fn();
  timers.later(10, run);
  timers.soon(10, run)();
  timers.close();
  timers.later(10, run);
  vi.advanceTimersByTime(1000);
  expect(run).not.toHaveBeenCalled();
});

test('a cancelled timer does not run', () => {
  const timers = openTimers(unexpected);
  const run = vi.fn();
  const takeBack = timers.later(10, run);
  timers.later(20, run);
  takeBack();
  takeBack();
  vi.advanceTimersByTime(1000);
  expect(run).toHaveBeenCalledTimes(1);
});

test('an error in a timer is reported, and later timers run', () => {
  const faults: string[] = [];
  const timers = openTimers((error) => faults.push(String(error)));
  const run = vi.fn(() => {
    throw new Error('broken');
  });
  timers.later(10, run);
  timers.every(100, run);
  const ask = timers.soon(10, run);
  ask();
  vi.advanceTimersByTime(350);
  expect(run).toHaveBeenCalledTimes(5);
  expect(new Set(faults)).toEqual(new Set(['Error: broken']));
  ask();
  timers.close();
  vi.advanceTimersByTime(1000);
  expect(run).toHaveBeenCalledTimes(5);
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  [-1, 0],
  [Number.NEGATIVE_INFINITY, 0],
  [1.5, 1.5],
  [2 ** 31, 2 ** 31 - 1],
  [Number.POSITIVE_INFINITY, 2 ** 31 - 1],
  [Number.NaN, 2 ** 31 - 1],
])('a wait of %d ms is one that a timer can take', (ms, taken) => {
  expect(timerMs(ms)).toBe(taken);
});
