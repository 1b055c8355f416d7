// Reads a dotted field name out of a document, as Elasticsearch would: lists on the way are looked through.

import type { FieldValue } from './event.ts';

type Scalar = string | number | boolean;

const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

function collect(value: unknown, path: readonly string[], into: Scalar[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, path, into);
  } else if (path.length === 0) {
    if (isScalar(value)) into.push(value);
  } else if (typeof value === 'object' && value !== null) {
    const [head = '', ...rest] = path;
    if (Object.hasOwn(value, head)) collect((value as Record<string, unknown>)[head], rest, into);
  }
}

/** The field's value, a list where there are several, undefined where there is none. */
export function readPath(document: object, field: string): FieldValue {
  const found: Scalar[] = [];
  collect(document, field.split('.'), found);
  return found.length > 1 ? found : found[0];
}
