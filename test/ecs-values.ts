// Checks that the values of a document fit the types of its fields in Elasticsearch.

import { isIP } from 'node:net';
import { fields } from '../collectors/event/fields.ts';

/** The values of each field of a document, by its dotted name. Values of objects in a list are joined; `isClosed` fields are not opened. */
export function valuesOf(document: object, isClosed: (field: string) => boolean = () => false): Map<string, unknown[]> {
  const values = new Map<string, unknown[]>();
  const add = (field: string, value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) add(field, each);
    else if (typeof value !== 'object' || value === null || isClosed(field)) {
      values.set(field, [...(values.get(field) ?? []), value]);
    } else for (const [name, each] of Object.entries(value)) add(field === '' ? name : `${field}.${name}`, each);
  };
  add('', document);
  return values;
}

const typeOf: ReadonlyMap<string, string> = new Map(fields.map(({ name, type }) => [name, type]));

const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const isText = (value: unknown): boolean => typeof value === 'string';

const checks: Record<string, (value: unknown) => boolean> = {
  keyword: isText,
  constant_keyword: isText,
  wildcard: isText,
  match_only_text: isText,
  // Elasticsearch's own default format: ISO 8601.
  date: (value) => isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(String(value)),
  ip: (value) => isText(value) && isIP(String(value)) !== 0,
  boolean: (value) => typeof value === 'boolean',
  long: (value) => Number.isSafeInteger(value),
  float: isNumber,
  flattened: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** Whether Elasticsearch accepts the value in a field of that type; null counts as no value. */
export const fits = (type: string, value: unknown): boolean => value === null || (checks[type]?.(value) ?? false);

/** One line for each field of the documents that Elasticsearch, with the example templates, would not map or would reject. */
export function unmapped(documents: readonly object[]): string[] {
  const isClosed = (field: string) => typeOf.get(field) === 'flattened';
  const lines = documents.flatMap((document) =>
    [...valuesOf(document, isClosed)].flatMap(([field, values]) => {
      const type = typeOf.get(field);
      if (type === undefined) return [`${field} has no mapping`];
      const wrong = values.find((value) => !fits(type, value));
      return wrong === undefined ? [] : [`${field} is no ${type}: ${JSON.stringify(wrong)}`];
    }),
  );
  return [...new Set(lines)];
}
