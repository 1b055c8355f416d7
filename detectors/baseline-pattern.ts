// Patterns that an operator allows in the baseline. They are compared with the values that an alert shows, and not with the terms,
// in which random parts and contents of scripts stand for them.

import type { StepparentEvent } from '../collectors/event/event.ts';
import { readPath } from '../collectors/event/read-path.ts';
import { compileWildcard, parseWildcard } from './query/wildcard.ts';
import { splitMarks, valueText } from './term.ts';

/** What patterns are compared with. */
interface PatternSubject {
  /** The values of the rule's term fields; null: not observed. */
  values: readonly (string | null)[];
  /** The marks of the first term, such as ` (not root)`: a pattern without them does not cover the match. */
  marks: string;
}

/** Whether the patterns, one for each term field, cover the values. `*` is any text, also with `/`, and `?` one character. */
export function coversValues(patterns: readonly string[], { values, marks }: PatternSubject): boolean {
  const [first = '', ...others] = patterns;
  const split = splitMarks(first);
  if (split.marks !== marks || patterns.length !== values.length) return false;
  return [split.value, ...others].every((pattern, index) => {
    const value = values[index];
    return typeof value === 'string' && compileWildcard(parseWildcard(pattern))(value);
  });
}

export const valuesOf = (event: StepparentEvent, termFields: readonly string[]): (string | null)[] =>
  termFields.map((field) => valueText(readPath(event, field)));

/** Whether the patterns cover an alert that is stored with these terms. */
export const coversAlert = (
  patterns: readonly string[],
  { document, terms }: { document: StepparentEvent; terms: readonly (string | null)[] },
  termFields: readonly string[],
): boolean =>
  coversValues(patterns, { values: valuesOf(document, termFields), marks: splitMarks(terms[0] ?? '').marks });
