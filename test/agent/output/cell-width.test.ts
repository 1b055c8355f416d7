// The cells that text takes on a terminal, and text cut to them.

import { expect, test } from 'vitest';
import { cellWidth, cutCells, padCells, wrapCells } from '../../../agent/output/cell-width.ts';

test.each([
  ['', 0],
  ['plain text', 10],
  ['größer – ×2 …', 13],
  ['漢字', 4],
  ['ｆｕｌｌ', 8],
  ['ﾊﾝｶｸ', 4],
  ['한국', 4],
  ['e\u0301', 1],
  ['\u1112\u1161\u11ab', 2],
  ['😀', 2],
  ['☎', 1],
])('%j takes %i cells', (text, cells) => {
  expect(cellWidth(text)).toBe(cells);
});

test.each([
  ['plain', 5, 'plain'],
  ['plain', 4, 'pla…'],
  ['plain', 1, '…'],
  ['plain', 0, ''],
  ['漢字', 4, '漢字'],
  ['漢字', 3, '漢…'],
  ['漢字', 2, '…'],
  ['a漢字', 4, 'a漢…'],
  ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
  // Marks without end would cover other lines.
  [`e${'\u0301'.repeat(1000)}x`, 2, 'e\u0301\u0301x'],
])('%j in %i cells is %j', (text, width, cut) => {
  expect(cutCells(text, width)).toBe(cut);
});

test('pads to cells, not to characters', () => {
  expect(padCells('漢', 4)).toBe('漢  ');
  expect(padCells('long', 2)).toBe('long');
});

test.each([
  ['one two three', 7, ['one two', 'three']],
  ['  indented', 20, ['  indented']],
  ['toolongword', 4, ['tool', 'ongw', 'ord']],
  ['a toolongword', 4, ['a', 'tool', 'ongw', 'ord']],
  ['漢字漢', 1, ['漢', '字', '漢']],
  ['', 5, ['']],
])('%j in lines of %i cells', (text, width, lines) => {
  expect(wrapCells(text, width)).toEqual(lines);
});
