// The two lines that show where a query is wrong.

import { expect, test } from 'vitest';
import { QueryError } from '../../../detectors/query/query.ts';
import { formatQueryError } from '../../../detectors/query/query-error-excerpt.ts';

const excerpt = (source: string, line: number, column: number, length?: number): string[] =>
  formatQueryError(source, new QueryError('wrong', line, column, length)).split('\n');

test.each<[source: string, at: [number, number, number?], lines: string[]]>([
  ['a:x and b', [1, 9], ['a:x and b', '        ^']],
  ['a:x\nfoo bar\nb:y', [2, 5, 3], ['foo bar', '    ^~~']],
  ['a:x\r\nfoo\r\n', [2, 1, 3], ['foo', '^~~']],
  ['\t\tfoo', [1, 3, 3], ['  foo', '  ^~~']],
  ['a:', [1, 3], ['a:', '  ^']],
  ['', [1, 1], ['', '^']],
  ['a', [9, 9, 9], ['', '^']],
  ['x\u001b[31my bad', [1, 9, 3], ['x\\x1b[31my bad', '           ^~~']],
  ['a \u202e\u0000 b', [1, 3, 2], ['a \\u202e\\x00 b', '  ^~~~~~~~~~']],
  ['a\\b c', [1, 5], ['a\\b c', '    ^']],
  ['foo\nbar', [1, 2, 6], ['foo', ' ^~']],
])('%j at %j', (source, [line, column, length], lines) => {
  expect(excerpt(source, line, column, length)).toEqual(lines);
});

test('a long line is cut around the fault', () => {
  const long = `${'b'.repeat(500)}BAD${'a'.repeat(500)}`;
  const [line = '', carets = ''] = excerpt(long, 1, 501, 3);
  expect(line.length).toBeLessThanOrEqual(100);
  expect(line).toMatch(/^…b+BADa+…$/);
  expect(line.slice(carets.indexOf('^'), carets.length)).toBe('BAD');
  const [end = ''] = excerpt(long, 1, 1004);
  expect(end).toMatch(/^…a{99}$/);
  const [start = '', all = ''] = excerpt(long, 1, 1, 1003);
  expect(start.length).toBeLessThanOrEqual(100);
  expect(all).toMatch(/^\^~{59}$/);
});

test('the text of a query is escaped for the terminal', () => {
  const source =
    Array.from({ length: 0x300 }, (_, code) => String.fromCharCode(code)).join('') +
    '\u200b\u2028\u202e\u2066\ufeff\ud800\udb40\udc41';
  for (const line of [1, 2]) {
    for (let column = 1; column < 800; column += 7)
      expect(excerpt(source, line, column, 5).join('')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  }
});
