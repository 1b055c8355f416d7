// Remembers the fields that rules read of an event that no rule matched: an event with the same values cannot match either.

import type { FieldReader, FieldValue } from '../collectors/event/event.ts';

export interface NoMatchCache {
  /** All that was read of an event with that key when no rule matched it reads the same now, in the same order. */
  covers(key: string, read: FieldReader): boolean;
  /** Remembers what was read of an event that no rule matched. */
  remember(key: string, reads: Reads): void;
}

/** Reads fields as the reader that it was made from does, and takes down each field with its value. */
export interface Reads {
  read: FieldReader;
  /** Whether another reader gives the same values for all fields that were read. */
  areSame(read: FieldReader): boolean;
  /** Each field once, with its value; undefined: one was read with two values. */
  distinct(): ReadonlyMap<string, FieldValue> | undefined;
}

/** Programs of a host that run again and again. */
const maxKeys = 512;
/** Of a key and of each value: longer ones are of hostile names. */
const maxLength = 256;

const isShort = (value: FieldValue): boolean =>
  typeof value === 'string' ? value.length <= maxLength : typeof value !== 'object';

const isSame = (a: FieldValue, b: FieldValue): boolean =>
  a === b ||
  (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((value, index) => value === b[index]));

export function recordReads(reader: FieldReader): Reads {
  const fields: string[] = [];
  const values: FieldValue[] = [];
  return {
    read(field) {
      const value = reader(field);
      fields.push(field);
      values.push(value);
      return value;
    },
    areSame: (read) => fields.every((field, index) => isSame(values[index], read(field))),
    distinct() {
      const seen = new Map<string, FieldValue>();
      for (const [index, field] of fields.entries()) {
        if (seen.has(field) && seen.get(field) !== values[index]) return undefined;
        seen.set(field, values[index]);
      }
      return seen;
    },
  };
}

/** Rules without state are pure: whether they match is decided by what they read. */
export function createNoMatchCache(): NoMatchCache {
  const unmatched = new Map<string, readonly (readonly [field: string, value: FieldValue])[]>();
  return {
    covers(key, read) {
      const known = unmatched.get(key);
      if (known === undefined) return false;
      for (const [field, value] of known) if (read(field) !== value) return false;
      return true;
    },
    remember(key, reads) {
      const seen = reads.distinct();
      if (seen === undefined || key.length > maxLength || ![...seen.values()].every(isShort)) return;
      if (unmatched.size >= maxKeys) unmatched.clear();
      unmatched.set(key, [...seen]);
    },
  };
}
