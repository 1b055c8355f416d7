// Wraps an investigation guide, which is Markdown, for a terminal or the journal's catalog.

import { wrapCells } from './cell-width.ts';

/** The guide in lines of at most `columns` cells: headings without their marks, list entries indented. Nothing is escaped. */
export const guideLines = (note: string, columns: number): string[] =>
  joinedLines(note).flatMap((line) => {
    const text = line.replace(/^#+ */, '');
    const indent = /^ *(?:\d+\. |- )?/.exec(text)?.[0] ?? '';
    return wrapCells(text.slice(indent.length), Math.max(1, columns - indent.length)).map((each, i) =>
      `${i === 0 ? indent : ' '.repeat(indent.length)}${each}`.trimEnd(),
    );
  });

/** Each paragraph and each list entry as one line. */
function joinedLines(note: string): string[] {
  const lines: string[] = [];
  for (const line of note.split('\n')) {
    const last = lines.at(-1);
    const isContinued =
      /^\s*(?!#|\d+\. |- )\S/.test(line) && last !== undefined && last !== '' && !last.startsWith('#');
    if (isContinued) lines[lines.length - 1] = `${last} ${line.trim()}`;
    else lines.push(line);
  }
  return lines;
}
