// The types of a compiled KQL or EQL query, and the error of a rejected one.

import type { FieldReader } from '../../collectors/event/event.ts';

/** True when the event matches. Pure; never throws on any field value. */
export interface Predicate {
  (read: FieldReader): boolean;
  /** The conditions that this one joins. */
  joined?: { by: 'and' | 'or' | 'not'; conditions: readonly Predicate[] };
  /** Required fields: if one of them is absent, the predicate is false. */
  needs?: readonly string[];
}

/** A KQL or EQL query that is ready to run on events. */
export interface CompiledQuery {
  matches: Predicate;
  /** Every field that the query names, with wildcard patterns as they are written. */
  fields: ReadonlySet<string>;
}

/** The query cannot be compiled. `line` and `column` count from 1; `length` is the width of the text at fault (at least 1). */
export class QueryError extends Error {
  override name = 'QueryError';
  readonly line: number;
  readonly column: number;
  readonly length: number;

  constructor(message: string, line: number, column: number, length = 1) {
    super(message);
    this.line = line;
    this.column = column;
    this.length = Math.max(1, length);
  }
}
