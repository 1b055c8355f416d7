// Faults: counted each time, reported at first and then at most once a minute, and part of `degraded` for an hour.

import { expect, test } from 'vitest';
import { openFaults } from '../../../agent/daemon/faults.ts';
import { start } from '../../storage/examples.ts';

const minute = 60_000;
const hour = 60 * minute;

function opened() {
  const logged: unknown[] = [];
  let ms = 1000;
  let wallMs = start;
  const faults = openFaults(
    { warn: (...what: unknown[]) => void logged.push(what) },
    { monotonicMs: () => ms, wallMs: () => wallMs + ms - 1000 },
  );
  return {
    faults,
    logged,
    pass: (passedMs: number) => {
      ms += passedMs;
    },
    setClock: (byMs: number) => {
      wallMs += byMs;
    },
  };
}

test('logs a fault at once, then once a minute with the count', () => {
  const { faults, logged, pass } = opened();
  faults.note('disk full', new Error('ENOSPC'));
  faults.note('disk full', 'again');
  pass(minute - 1);
  faults.note('disk full');
  expect(logged).toEqual([['disk full', { reason: 'ENOSPC', count: 1 }]]);
  pass(1);
  faults.note('disk full');
  expect(logged[1]).toEqual(['disk full', { count: 4 }]);
  expect(faults.list()).toEqual([{ what: 'disk full', count: 4, last: new Date(start + minute).toISOString() }]);
});

test('limits different faults independently', () => {
  const { faults, logged } = opened();
  faults.note('a');
  faults.note('b');
  expect(logged).toHaveLength(2);
  expect(faults.list().map(({ what }) => what)).toEqual(['a', 'b']);
});

test('a fault is part of `degraded` with its reason until an hour after its last time, even if the clock is changed', () => {
  const { faults, pass, setClock } = opened();
  expect(faults.recent()).toEqual([]);
  faults.note('no socket', new Error('EMFILE'));
  pass(1);
  faults.note('no socket', new Error('ENFILE'));
  setClock(400 * 24 * hour);
  expect(faults.recent()).toEqual(['within the last hour: no socket: ENFILE']);
  setClock(-800 * 24 * hour);
  pass(hour - 1);
  faults.note('other trouble');
  expect(faults.recent()).toEqual(['within the last hour: other trouble', 'within the last hour: no socket: ENFILE']);
  pass(1);
  expect(faults.recent()).toEqual(['within the last hour: other trouble']);
  expect(faults.list()).toMatchObject([{ what: 'no socket', reason: 'ENFILE', count: 2 }, { what: 'other trouble' }]);
  pass(hour);
  expect(faults.recent()).toEqual([]);
});

test('counts faults over the bound together, and replaces one that is over', () => {
  const { faults, logged, pass } = opened();
  for (let i = 0; i < 100; i++) faults.note(`fault ${i}`);
  expect(faults.list()).toHaveLength(65);
  expect(faults.list().at(-1)).toMatchObject({ what: 'other', count: 36, reason: 'fault 99' });
  faults.note('fault 3');
  expect(faults.list()[3]?.count).toBe(2);
  expect(logged).toHaveLength(65);
  expect(faults.recent()).toHaveLength(9);
  expect(faults.recent().at(-1)).toBe('within the last hour: 57 other faults');
  pass(hour);
  faults.note('a new one');
  expect(faults.list()).toHaveLength(65);
  expect(faults.recent()).toEqual(['within the last hour: a new one']);
});
