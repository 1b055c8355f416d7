// Prints a listing: one row per line, in aligned columns.

import { cellWidth, padCells } from './cell-width.ts';

/** One line of a listing. The caller escapes `cells`; `styles` colours a cell, by its index, without changing its width. */
export interface ListedRow {
  cells: readonly string[];
  styles?: Readonly<Record<number, (text: string) => string>>;
}

/**
 * Prints the rows to standard output, without columns that are empty in every row. Prints `emptyText` to standard error if there is no row,
 * and a note if there are `limit` rows: then there may be more.
 */
export function printRows(
  rows: readonly ListedRow[],
  emptyText: string,
  limit: number = Number.POSITIVE_INFINITY,
): void {
  if (rows.length === 0) {
    console.error(emptyText);
    return;
  }
  const widths: number[] = [];
  for (const { cells } of rows) {
    for (const [column, cell] of cells.entries()) widths[column] = Math.max(widths[column] ?? 0, cellWidth(cell));
  }
  for (const { cells, styles } of rows) {
    const shown = cells.flatMap((cell, column) => {
      const width = widths[column] ?? 0;
      if (width === 0) return [];
      const padded = column === cells.length - 1 ? cell : padCells(cell, width);
      return [styles?.[column]?.(padded) ?? padded];
    });
    process.stdout.write(`${shown.join('  ').trimEnd()}\n`);
  }
  if (rows.length >= limit) console.error(`only the newest ${limit} are shown; --limit shows more`);
}
