// A cut text is valid, and not longer than its bound.

import { expect, test } from 'vitest';
import { firstBytes } from '../../../collectors/event/first-bytes.ts';

test.each<[string, number, string]>([
  ['', 0, ''],
  ['abc', 3, 'abc'],
  ['abc', 2, 'ab'],
  ['abc', 0, ''],
  ['é', 2, 'é'],
  ['é', 1, ''],
  ['aé', 2, 'a'],
  ['a€b', 3, 'a'],
  ['a€b', 4, 'a€'],
  ['😀', 4, '😀'],
  ['😀', 3, ''],
  ['a😀', 2, 'a'],
  ['\ufffdab', 4, '\ufffda'],
])('%j in %i bytes is %j', (text, maxBytes, expected) => {
  expect(firstBytes(text, maxBytes)).toBe(expected);
});
