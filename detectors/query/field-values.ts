// Operations of queries on a field's value: test each of several values, parse numbers and dates, compare.

import type { FieldValue } from '../../collectors/event/event.ts';

/** One value of a field. */
export type Scalar = string | number | boolean;

/**
 * The value, or undefined if it counts as absent: undefined, an empty list, and values that a field cannot have (null,
 * an object).
 */
export function presentValue(value: FieldValue): FieldValue {
  if (typeof value !== 'object') return value;
  return Array.isArray(value) && value.length > 0 ? value : undefined;
}

/** Whether any value of the field passes; false for an absent field. */
export function someValue(value: FieldValue, test: (one: Scalar) => boolean): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'object') return test(value);
  return Array.isArray(value) && value.some(test);
}

/** The value as a query writes it: `42`, `true`. Undefined for a value that is not a scalar. */
export function textOf(one: Scalar): string | undefined {
  if (typeof one === 'string') return one;
  return typeof one === 'number' || typeof one === 'boolean' ? String(one) : undefined;
}

/** The number if the whole text is a decimal number such as `-1.5e3`; else undefined. */
export function parseNumber(text: string): number | undefined {
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

const isoDate = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * Milliseconds since 1970 of an ISO 8601 date or time, in UTC if it has no zone, as in Elasticsearch; else undefined.
 */
export function parseDate(text: string): number | undefined {
  const match = isoDate.exec(text);
  if (match === null) return undefined;
  const time = Date.parse(text.length > 10 && match[1] === undefined ? `${text}Z` : text);
  return Number.isNaN(time) ? undefined : time;
}

/**
 * Negative, zero or positive if `left` is before, equal to or after `right`; undefined if they cannot be compared. A
 * number and a numeric string compare as numbers, two ISO dates as dates, other strings by UTF-16 unit.
 */
export function orderOf(left: Scalar, right: Scalar): number | undefined {
  if (typeof left === 'string' && typeof right === 'string') {
    const leftTime = parseDate(left);
    const rightTime = leftTime === undefined ? undefined : parseDate(right);
    if (leftTime !== undefined && rightTime !== undefined) return leftTime - rightTime;
    return left < right ? -1 : left > right ? 1 : 0;
  }
  const leftNumber = typeof left === 'string' ? parseNumber(left) : left;
  const rightNumber = typeof right === 'string' ? parseNumber(right) : right;
  if (typeof leftNumber !== 'number' || typeof rightNumber !== 'number') return undefined;
  return leftNumber < rightNumber ? -1 : leftNumber > rightNumber ? 1 : leftNumber === rightNumber ? 0 : undefined;
}

/** The four range operators, as tests of the result of `orderOf`. */
export const rangeTests: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};
