// Prints a listing: columns side by side, one row a line.

/** One line of a listing. `cells` are safe to show already; `styles` colour a cell, by its number, without widening it. */
export interface ListedRow {
  cells: readonly string[];
  styles?: Readonly<Record<number, (text: string) => string>>;
}

/** Prints the rows to standard output. A column that is empty throughout is left out; that nothing is listed, or not all may be, is said on standard error. */
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
    for (const [column, cell] of cells.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  for (const { cells, styles } of rows) {
    const shown = cells.flatMap((cell, column) => {
      const width = widths[column] ?? 0;
      if (width === 0) return [];
      const padded = column === cells.length - 1 ? cell : cell.padEnd(width);
      return [styles?.[column]?.(padded) ?? padded];
    });
    process.stdout.write(`${shown.join('  ').trimEnd()}\n`);
  }
  if (rows.length >= limit) console.error(`the newest ${limit}; --limit shows more`);
}
