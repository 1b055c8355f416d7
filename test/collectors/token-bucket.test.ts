// A token bucket by a clock that the test sets.

import { expect, test } from 'vitest';
import { openTokenBucket } from '../../collectors/token-bucket.ts';

const taken = (take: (nowMs: number) => boolean, nowMs: number, times = 10): number =>
  Array.from({ length: times }, () => take(nowMs)).filter(Boolean).length;

test('gives a burst, and then as many as come back', () => {
  const take = openTokenBucket({ burst: 3, perSecond: 2 });
  expect(taken(take, 1e9)).toBe(3);
  expect(taken(take, 1e9 + 400)).toBe(0);
  expect(taken(take, 1e9 + 500)).toBe(1);
  expect(taken(take, 1e9 + 1500)).toBe(2);
  // Never more than a burst.
  expect(taken(take, 2e9)).toBe(3);
});

test('a time that goes back adds nothing, and nothing again when it comes back', () => {
  const take = openTokenBucket({ burst: 3, perSecond: 1 });
  expect(taken(take, 10_000)).toBe(3);
  expect(taken(take, 1000)).toBe(0);
  expect(taken(take, 10_000)).toBe(0);
  expect(taken(take, 11_000)).toBe(1);
});
