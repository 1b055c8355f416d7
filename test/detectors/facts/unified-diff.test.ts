// Differences as diff(1) tells them, and within bounds.

import { expect, test } from 'vitest';
import { unifiedDiff } from '../../../detectors/facts/unified-diff.ts';

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
const diff = (before: readonly string[], after: readonly string[], max = 4096) =>
  unifiedDiff(before.join('\n'), after.join('\n'), max);

test('nothing differs', () => {
  expect(diff(numbers(0, 9), numbers(0, 9))).toEqual({ text: '', cut: false });
});

test('one line that is another', () => {
  const after = numbers(1, 11).with(4, 'planted');
  expect(diff(numbers(1, 11), after).text).toBe(
    '@@ -2,7 +2,7 @@\n line 2\n line 3\n line 4\n-line 5\n+planted\n line 6\n line 7\n line 8\n',
  );
});

test('two places are two hunks, each with its own lines', () => {
  const after = [...numbers(1, 3), 'a', ...numbers(3, 20), 'b', ...numbers(20, 31)];
  expect(diff(numbers(1, 31), after).text.match(/@@.*@@|^[+-].*$/gm)).toEqual([
    '@@ -1,5 +1,6 @@',
    '+a',
    '@@ -17,6 +18,7 @@',
    '+b',
  ]);
});

test('something from nothing, and nothing from something', () => {
  expect(unifiedDiff('', 'a', 4096).text).toBe('@@ -1,1 +1,1 @@\n-\n+a\n');
  expect(diff(['x', 'a', 'b'], ['x']).text).toBe('@@ -1,3 +1,1 @@\n x\n-a\n-b\n');
});

test('what is long is cut, and what has too many lines is told as a whole', () => {
  const { text, cut } = diff(numbers(0, 2000), numbers(2000, 4000), 100);
  expect([text.length, cut]).toEqual([100, true]);
  const whole = diff(numbers(0, 2000), numbers(2000, 4000), 1e6).text.split('\n');
  expect(whole.filter((line) => line.startsWith('-'))).toHaveLength(2000);
});
