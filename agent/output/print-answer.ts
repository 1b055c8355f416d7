// Prints the rows of a query: as a table, or as one JSON document per line.

import { styleText } from 'node:util';
import { escapeText } from '../../collectors/event/escape-text.ts';
import type { QueryResult } from '../query/ask-query.ts';
import { rowObject } from '../query/run-hunt.ts';
import { printRows } from './print-rows.ts';

const cellChars = 300;

/** Prints the rows to standard output; notes, and that rows are omitted, to standard error. Everything that was observed is escaped. */
export function printAnswer(
  { columns, rows, truncated, notes }: QueryResult,
  { json, limit, more = {} }: { json?: boolean | undefined; limit: number; more?: Readonly<Record<string, string>> },
): void {
  if (json) {
    for (const row of rows) process.stdout.write(`${JSON.stringify({ ...more, ...rowObject(columns, row) })}\n`);
  } else if (rows.length > 0) {
    const heading = {
      cells: columns.map((column) => escapeText(column, cellChars)),
      styles: Object.fromEntries(
        columns.map((_, i) => [i, (text: string) => styleText('bold', text, { stream: process.stdout })]),
      ),
    };
    const cells = rows.map((row) => ({
      cells: row.map((value) => (value === null ? '' : escapeText(String(value), cellChars))),
    }));
    printRows([heading, ...cells], '');
  } else {
    console.error('no rows');
  }
  printNotes(notes);
  if (truncated) console.error(`only the first ${limit} rows are shown; --limit shows more`);
}

/** Prints to standard error, escaped. */
export function printNotes(notes: readonly string[]): void {
  for (const note of notes) console.error(`note: ${escapeText(note, cellChars)}`);
}
