// Timers: once for many requests, and none after the end.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openTimers } from '../../collectors/timers.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('what is asked for many times comes once, and can be asked for again', () => {
  const timers = openTimers();
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

test('one that asks for itself keeps one timer', () => {
  const timers = openTimers();
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

test('none comes after the end', () => {
  const timers = openTimers();
  const run = vi.fn();
  timers.later(10, run);
  timers.soon(10, run)();
  timers.close();
  timers.later(10, run);
  vi.advanceTimersByTime(1000);
  expect(run).not.toHaveBeenCalled();
});

test('one that is taken back does not come', () => {
  const timers = openTimers();
  const run = vi.fn();
  const takeBack = timers.later(10, run);
  timers.later(20, run);
  takeBack();
  takeBack();
  vi.advanceTimersByTime(1000);
  expect(run).toHaveBeenCalledTimes(1);
});
