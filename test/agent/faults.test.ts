// Faults: counted each time, told at first and then at most once a minute.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openFaults } from '../../agent/faults.ts';
import { start } from '../storage/examples.ts';

let told: unknown[];
const say = () => {};
const log = { error: say, info: say, debug: say, warn: (...what: unknown[]) => void told.push(what) };

beforeEach(() => {
  told = [];
  vi.useFakeTimers({ toFake: ['Date'], now: start });
});
afterEach(() => {
  vi.useRealTimers();
});

test('told at once, then once a minute with the count', () => {
  const faults = openFaults(log);
  faults.note('disk full', new Error('ENOSPC'));
  faults.note('disk full', 'again');
  vi.setSystemTime(start + 59_999);
  faults.note('disk full');
  expect(told).toEqual([['disk full', { reason: 'ENOSPC', count: 1 }]]);
  vi.setSystemTime(start + 60_000);
  faults.note('disk full');
  expect(told[1]).toEqual(['disk full', { count: 4 }]);
  expect(faults.list()).toEqual([{ what: 'disk full', count: 4, last: new Date(start + 60_000).toISOString() }]);
});

test('different ones have their own minute', () => {
  const faults = openFaults(log);
  faults.note('a');
  faults.note('b');
  expect(told).toHaveLength(2);
  expect(faults.list().map(({ what }) => what)).toEqual(['a', 'b']);
});

test('too many kinds count together', () => {
  const faults = openFaults(log);
  for (let i = 0; i < 100; i++) faults.note(`fault ${i}`);
  expect(faults.list()).toHaveLength(65);
  expect(faults.list().at(-1)).toMatchObject({ what: 'other', count: 36 });
  faults.note('fault 3');
  expect(faults.list()[3]?.count).toBe(2);
  expect(told).toHaveLength(65);
});
