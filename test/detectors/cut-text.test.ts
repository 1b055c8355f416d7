// Texts are cut to their bound, and never inside a character.

import { expect, test } from 'vitest';
import { cutBytes, cutChars } from '../../detectors/cut-text.ts';

test.each([
  ['abcdef', 6, 'abcdef'],
  ['abcdefg', 6, 'abc…'],
  ['äöü', 6, 'äöü'],
  ['äöüx', 6, 'ä…'],
  ['ab😀cd', 7, 'ab…'],
  ['\ufeffabcdef', 7, '\ufeffa…'],
])('%j has at most %d bytes', (text, maxBytes, expected) => {
  expect(cutBytes(text, maxBytes)).toBe(expected);
});

test.each([
  ['abcdef', 6, 'abcdef'],
  ['abcdefg', 6, 'abcde…'],
  ['äöüx', 3, 'äö…'],
])('%j has at most %d characters', (text, maxChars, expected) => {
  expect(cutChars(text, maxChars)).toBe(expected);
});
