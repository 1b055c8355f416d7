// Hostile text must come out visible, harmless and bounded.

import { expect, test } from 'vitest';
import { escapeText } from '../../../collectors/event/escape-text.ts';

test.each([
  ['plain', '/usr/bin/dpkg -i x.deb', '/usr/bin/dpkg -i x.deb'],
  ['letters of any script', 'Zoë 日本 ñ', 'Zoë 日本 ñ'],
  ['emoji', 'a😀b', 'a😀b'],
  ['newline, return, tab', 'a\nb\rc\td', 'a\\nb\\rc\\td'],
  ['a written \\n is not a newline', 'a\\nb', 'a\\\\nb'],
  ['NUL and DEL', '\0\x7f', '\\x00\\x7f'],
  ['ANSI colour', '\x1b[31mred\x1b[0m', '\\x1b[31mred\\x1b[0m'],
  ['C1 control sequence introducer', '\x9b31m', '\\x9b31m'],
  ['bidi override', 'x\u202egpj.sh', 'x\\u202egpj.sh'],
  ['bidi isolate', '\u2066x\u2069', '\\u2066x\\u2069'],
  ['zero width', 'a\u200bb\ufeff', 'a\\u200bb\\ufeff'],
  ['line separators', 'a\u2028b\u2029c\u0085', 'a\\u2028b\\u2029c\\x85'],
  ['spaces that resemble U+0020', 'a\u00a0b\u3000c', 'a\\xa0b\\u3000c'],
  ['Hangul filler, which shows as nothing', 'a\u3164', 'a\\u3164'],
  ['tag characters', '\u{e0041}', '\\u{e0041}'],
  ['lone surrogates', '\ud800x\udc00', '\\ud800x\\udc00'],
])('%s', (_, text, shown) => {
  expect(escapeText(text, 100)).toBe(shown);
});

test.each([
  ['fits', 'abc', 3, 'abc'],
  ['one too many', 'abcd', 3, 'ab…'],
  ['never inside an escape', 'ab\x1bc', 5, 'ab…'],
  ['an escape that just fits', 'a\x1b', 5, 'a\\x1b'],
  ['an escape that just does not', 'ab\x1b', 5, 'ab…'],
  ['never inside a pair', 'a😀b', 3, 'a…'],
  ['one', 'ab', 1, '…'],
  ['nothing', 'ab', 0, ''],
])('cut: %s', (_, text, maxChars, shown) => {
  expect(escapeText(text, maxChars)).toBe(shown);
});

test('text beyond the bound is not processed', () => {
  expect(escapeText('\x1b'.repeat(50_000_000), 10)).toBe('\\x1b\\x1b…');
});
