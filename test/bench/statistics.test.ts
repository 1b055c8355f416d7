// Medians, quantiles and intervals of ratios.

import { describe, expect, test } from 'vitest';
import { geometricMean, inOrderOfRound, median, quantile, ratioOf } from '../../bench/statistics.ts';

test.each([
  [[3], 0.5, 3],
  [[4, 1, 3, 2], 0.5, 2.5],
  [[10, 20, 30], 0.99, 29.8],
  [[10, 20, 30], 1, 30],
  [[10, 20, 30], 0, 10],
])('of %j the quantile %d is %d', (values, q, expected) => {
  expect(quantile(values, q)).toBeCloseTo(expected, 10);
});

test('without values the quantile is NaN', () => expect(median([])).toBeNaN());

test('the median does not change its argument', () => {
  const values = [3, 1, 2];
  expect(median(values)).toBe(2);
  expect(values).toEqual([3, 1, 2]);
});

describe('the ratio of pairs', () => {
  test('of no pairs is undefined', () => expect(ratioOf([])).toBeUndefined());
  test('of one pair has no interval', () => expect(ratioOf([[3, 2]])).toEqual({ mean: 1.5, interval: undefined }));

  test('of equal pairs has an interval of width zero', () => {
    const ratio = ratioOf(Array.from({ length: 8 }, (_, i) => [2 * (i + 1), i + 1] as const));
    for (const end of ratio?.interval ?? []) expect(end).toBeCloseTo(2, 10);
    expect(ratio?.mean).toBeCloseTo(2, 10);
  });

  test("is the geometric mean with Student's interval", () => {
    // Logarithms -ln 2 and ln 2: mean 0, standard error ln 2, t with one degree of freedom.
    const ratio = ratioOf([
      [1, 2],
      [2, 1],
    ]);
    expect(ratio?.mean).toBeCloseTo(1, 10);
    expect(Math.log(ratio?.interval?.[1] ?? 0)).toBeCloseTo(12.706 * Math.log(2), 6);
    expect(Math.log(ratio?.interval?.[0] ?? 0)).toBeCloseTo(-12.706 * Math.log(2), 6);
  });

  test('with more pairs has a narrower interval', () => {
    const width = (pairs: number) => {
      const [low = 0, high = 0] =
        ratioOf(Array.from({ length: pairs }, (_, i) => [i % 2 === 0 ? 1.1 : 0.9, 1]))?.interval ?? [];
      return high - low;
    };
    expect(width(40)).toBeLessThan(width(8));
  });
});

test('uses the geometric mean', () => expect(geometricMean(2, 8)).toBe(4));

test('every second round runs in reverse', () => {
  const items = ['a', 'b', 'c'];
  expect([0, 1, 2].map((round) => inOrderOfRound(items, round).join(''))).toEqual(['abc', 'cba', 'abc']);
});
