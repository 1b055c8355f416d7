// Shows the fault of a rejected query: its line, and a line of carets under it.

import type { QueryError } from './query.ts';
import { printable } from './query-position.ts';

const maxColumns = 100;
const maxFaultColumns = 60;

const shown = (text: string): string[] =>
  Array.from(text, (character) => (character === '\t' ? ' ' : printable(character)));

/** As many whole cells as fit into `columns`, from the start or from the end, with `…` in the place of the others. */
function cutTo(cells: readonly string[], columns: number, side: 'start' | 'end'): string {
  if (cells.join('').length <= columns) return cells.join('');
  const order = side === 'start' ? cells : cells.toReversed();
  let width = 1;
  const kept: string[] = [];
  for (const cell of order) {
    width += cell.length;
    if (width > columns) break;
    kept.push(cell);
  }
  return side === 'start' ? `${kept.join('')}…` : `…${kept.reverse().join('')}`;
}

/**
 * Two lines, joined by `\n`: the line of `source` at fault, and `^~~~` under the fault. A tab takes one column, other
 * invisible characters are escaped, and at most about 100 columns around the fault are shown. `source` is the text that
 * was compiled; for a position outside of it the line is empty.
 */
export function formatQueryError(source: string, error: QueryError): string {
  const line = (source.split('\n')[error.line - 1] ?? '').replace(/\r$/, '');
  const start = error.column - 1;
  const fault = cutTo(shown(line.slice(start, start + error.length)), maxFaultColumns, 'start');
  const beforeCells = shown(line.slice(0, start));
  const afterCells = shown(line.slice(start + error.length));
  const room = maxColumns - fault.length;
  const after = Math.min(afterCells.join('').length, Math.floor(room / 2));
  const before = cutTo(beforeCells, room - after, 'end');
  const rest = cutTo(afterCells, maxColumns - fault.length - before.length, 'start');
  return `${before}${fault}${rest}\n${' '.repeat(before.length)}^${'~'.repeat(Math.max(0, fault.length - 1))}`;
}
