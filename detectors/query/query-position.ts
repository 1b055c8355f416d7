// Converts offsets in a query's text to lines and columns, and makes query text safe to print.

import { escapeText } from '../../collectors/event/escape-text.ts';
import { QueryError } from './query.ts';

/** Maximum nesting of parentheses, `not`, function calls and operators in a query. */
export const maxNesting = 200;

/** The error for source[start, end): offsets in UTF-16 units from 0, lines parted by `\n`. `message` must be printable already. */
export function errorAt(source: string, start: number, end: number, message: string): QueryError {
  let line = 1;
  let lineStart = 0;
  for (
    let newline = source.indexOf('\n');
    newline !== -1 && newline < start;
    newline = source.indexOf('\n', newline + 1)
  ) {
    line++;
    lineStart = newline + 1;
  }
  return new QueryError(message, line, start - lineStart + 1, Math.min(end, source.length) - start);
}

/**
 * Query text that is safe for a terminal. Characters that are not safe are escaped; backslashes are not, because they
 * belong to the query.
 */
export function printable(text: string): string {
  return Array.from(text, (character) => (character === '\\' ? character : escapeText(character, 16))).join('');
}

/** The text at source[start, end) for an error message: printable, in backticks, cut to 40 characters. */
export function foundText(source: string, start: number, end: number): string {
  if (start >= source.length) return 'the end of the query';
  const characters = Array.from(source.slice(start, end));
  return `\`${printable(characters.slice(0, 40).join(''))}${characters.length > 40 ? '…' : ''}\``;
}
