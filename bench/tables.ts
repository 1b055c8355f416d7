// A table of results and its Markdown. Pure functions.

/** A table of the page docs/performance.md. Cells are finished text; the first column names the row. */
export interface Table {
  title: string;
  /** The measurement and the meaning of the columns, one sentence per entry. */
  about: readonly string[];
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

const line = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/** Markdown of the table with its heading; numbers, which all columns but the first have, are on the right. */
export function markdownOf({ title, about, columns, rows }: Table): string {
  const rule = columns.map((_, index) => (index === 0 ? '---' : '--:'));
  return [`### ${title}`, '', ...about, '', line(columns), line(rule), ...rows.map(line), ''].join('\n');
}

/** A number with that many digits after the point and its unit; '' if it is undefined or not finite. */
export const fixed = (value: number | undefined, digits: number, unit = ''): string =>
  value === undefined || !Number.isFinite(value) ? '' : `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;

/** A whole number with commas between thousands. */
export const counted = (value: number): string => value.toLocaleString('en-US');

/** Bytes in units of 1,000. */
export function bytesText(bytes: number | undefined): string {
  if (bytes === undefined || Number.isNaN(bytes)) return '';
  if (Math.abs(bytes) < 1e6) return `${(bytes / 1e3).toFixed(0)} KB`;
  return Math.abs(bytes) < 1e9 ? `${(bytes / 1e6).toFixed(2)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
