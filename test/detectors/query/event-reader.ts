// A FieldReader over a plain object of dotted names, with field patterns, for query tests.

import type { FieldReader, FieldValue } from '../../../collectors/event/event.ts';
import { compileWildcard, parseWildcard } from '../../../detectors/query/wildcard.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** Values are passed on as they are, also those that no field may hold: a predicate must not throw on any. */
export function reading(fields: Fields): FieldReader {
  return (name) => {
    if (!name.includes('*')) return fields[name] as FieldValue;
    const fits = compileWildcard(parseWildcard(name));
    return Object.entries(fields).flatMap(([field, value]) => (fits(field) ? (value as string) : []));
  };
}
