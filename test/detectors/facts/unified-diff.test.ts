// Differences as diff(1) reports them, and within bounds.

import { lineDiff } from 'diff/lib/diff/line.js';
import { expect, test, vi } from 'vitest';
import { unifiedDiff } from '../../../detectors/facts/unified-diff.ts';

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
const diff = (before: readonly string[], after: readonly string[], max = 4096) =>
  unifiedDiff(`${before.join('\n')}\n`, `${after.join('\n')}\n`, max);

test('equal texts have an empty diff', () => {
  expect(diff(numbers(0, 9), numbers(0, 9))).toEqual({ text: '', cut: false });
});

test('a changed line is one removed and one added line', () => {
  const after = numbers(1, 11).with(4, 'planted');
  expect(diff(numbers(1, 11), after).text).toBe(
    '@@ -2,7 +2,7 @@\n line 2\n line 3\n line 4\n-line 5\n+planted\n line 6\n line 7\n line 8\n',
  );
});

test('two distant changes are two hunks, each with its own line numbers', () => {
  const after = [...numbers(1, 3), 'a', ...numbers(3, 20), 'b', ...numbers(20, 31)];
  expect(diff(numbers(1, 31), after).text.match(/@@.*@@|^[+-].*$/gm)).toEqual([
    '@@ -1,5 +1,6 @@',
    '+a',
    '@@ -17,6 +18,7 @@',
    '+b',
  ]);
});

test('handles an empty text on either side', () => {
  expect(unifiedDiff('', 'a\n', 4096).text).toBe('@@ -0,0 +1,1 @@\n+a\n');
  expect(diff(['x', 'a', 'b'], ['x']).text).toBe('@@ -1,3 +1,1 @@\n x\n-a\n-b\n');
});

test('marks a last line without a newline', () => {
  expect(unifiedDiff('a', 'a\n', 4096).text).toBe('@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n');
});

test('a long diff is cut', () => {
  const { text, cut } = diff(numbers(0, 200), numbers(200, 400), 100);
  expect([text.length, cut]).toEqual([100, true]);
  expect(diff(['a'], ['b'], 100)).toEqual({ text: '@@ -1,1 +1,1 @@\n-a\n+b\n', cut: false });
});

test('beyond the bounds, one hunk goes from the first line that differs to the last', () => {
  const block = numbers(1000, 1600);
  const before = [...numbers(0, 9), ...numbers(9, 20)];
  const after = [...numbers(0, 9), ...block, ...numbers(9, 20)];
  const { text, cut } = diff(before, after);
  expect(text).toMatch(/^@@ -10,0 \+10,600 @@\n\+line 1000\n\+line 1001\n/);
  expect(cut).toBe(true);
  expect(diff(after, before, 1e6).text).toBe(`@@ -10,600 +10,0 @@\n${block.map((line) => `-${line}\n`).join('')}`);
});

const mebibyte = 2 ** 20;
const alike = 'a\n'.repeat(9000);

test.each([
  ['one long line each', 'a'.repeat(mebibyte), 'b'.repeat(mebibyte), true],
  ['a million empty lines', '\n'.repeat(mebibyte), `${'\n'.repeat(mebibyte - 1)}x`, false],
  ['no line in common', numbers(0, 9000).join('\n'), numbers(9000, 18_000).join('\n'), true],
  [
    'each diagonal slides',
    `x\n${alike}${numbers(0, 900).join('\n')}`,
    `y\n${alike}${numbers(900, 1800).join('\n')}`,
    true,
  ],
])('hostile: %s', (_, before, after, isSearched) => {
  const equals = vi.spyOn(lineDiff, 'equals');
  const { text, cut } = unifiedDiff(before, after, 4096);
  expect(equals.mock.calls.length > 0).toBe(isSearched);
  expect(equals.mock.calls.length).toBeLessThan(10_000_000);
  expect(text.length).toBeLessThanOrEqual(4096);
  expect(text).toMatch(/^@@ -\d+,\d+ \+\d+,\d+ @@\n/);
  expect(cut).toBe(text.length === 4096);
  equals.mockRestore();
});
