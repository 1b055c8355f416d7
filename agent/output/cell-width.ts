// Counts, cuts and pads text by the cells that it takes on a terminal: wide characters take two, combining ones none.

/** Wide and full-width characters and those shown as emoji (Unicode's East Asian Width W and F). */
const wide =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1d300}-\u{1d376}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
/** Marks on the character before, and the vowels and finals of Hangul syllables. */
const combining = /[\p{Mn}\p{Me}\u1160-\u11ff\ud7b0-\ud7ff]/u;
const plain = /^[ -~]*$/;
/** More marks than this on one character are left out: they would cover other lines. */
const maxMarks = 2;

const charWidth = (char: string): number => (combining.test(char) ? 0 : wide.test(char) ? 2 : 1);

/** The number of cells that an escaped text takes. */
export function cellWidth(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

/** The text in at most `width` cells; a text that was cut ends in `…`. */
export function cutCells(text: string, width: number): string {
  if (plain.test(text) && text.length <= width) return text;
  let shown = '';
  let taken = 0;
  let marks = 0;
  /** The longest beginning that leaves a cell for the ellipsis. */
  let cut = '';
  for (const char of text) {
    const cells = charWidth(char);
    marks = cells === 0 ? marks + 1 : 0;
    if (marks > maxMarks) continue;
    taken += cells;
    if (taken > width) return width < 1 ? '' : `${cut}…`;
    shown += char;
    if (taken < width) cut = shown;
  }
  return shown;
}

/** The text with spaces after it up to `width` cells. */
export const padCells = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - cellWidth(text)));

/** The text in lines of at most `width` cells, broken at spaces; a longer word is broken anywhere. Spaces at its start stay. */
export function wrapCells(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<=\S) /)) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (cellWidth(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    const pieces = cellPieces(word, width);
    lines.push(...pieces.slice(0, -1));
    line = pieces.at(-1) ?? '';
  }
  return line === '' && lines.length > 0 ? lines : [...lines, line];
}

/** The text in pieces of at most `width` cells; a piece has at least one character. */
function cellPieces(text: string, width: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  let taken = 0;
  for (const char of text) {
    const cells = charWidth(char);
    if (piece !== '' && taken + cells > width) {
      pieces.push(piece);
      piece = '';
      taken = 0;
    }
    piece += char;
    taken += cells;
  }
  return [...pieces, piece];
}
