// Remembers the fields that rules read of an event that no rule matched: an event with the same values cannot match either.

import type { FieldReader, FieldValue } from '../collectors/event/event.ts';

/** The unmatched events that the judge remembers, so that no rule reads an equal event again. */
export interface NoMatchCache {
  /** Whether every field that was read of an unmatched event with this key has the same value now. */
  covers(key: string, event: { read: FieldReader }): boolean;
  /** Remembers the fields that were read of an event that no rule matched. */
  remember(key: string, reads: Reads): void;
}

/** A reader that records each field that is read, with its value. */
export interface Reads {
  read: FieldReader;
  /** Whether another reader gives the same values for all fields that were read. */
  areSame(read: FieldReader): boolean;
  /** Each field once, with its value. Undefined: one field was read with two different values. */
  distinct(): ReadonlyMap<string, FieldValue> | undefined;
}

/** Maximum number of keys: about the number of programs that a host runs repeatedly. */
const maxKeys = 512;
/** Maximum length of a key and of each value, in UTF-16 units: only hostile names are longer. */
const maxLength = 256;

const isShort = (value: FieldValue): boolean =>
  typeof value === 'string' ? value.length <= maxLength : typeof value !== 'object';

const isSame = (a: FieldValue, b: FieldValue): boolean =>
  a === b ||
  (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((value, index) => value === b[index]));

/** Wraps a reader in one that records what is read. */
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

/** Prepares the cache. Rules without state are pure, so the values that they read decide whether they match. */
export function createNoMatchCache(): NoMatchCache {
  /** The values are in the order of the fields. */
  const unmatched = new Map<string, { fields: readonly string[]; values: readonly FieldValue[] }>();
  return {
    covers(key, event) {
      const known = unmatched.get(key);
      if (known === undefined) return false;
      const { fields, values } = known;
      for (let i = 0; i < fields.length; i++) if (event.read(fields[i] as string) !== values[i]) return false;
      return true;
    },
    remember(key, reads) {
      const seen = reads.distinct();
      if (seen === undefined || key.length > maxLength || ![...seen.values()].every(isShort)) return;
      if (unmatched.size >= maxKeys) unmatched.clear();
      unmatched.set(key, { fields: [...seen.keys()], values: [...seen.values()] });
    },
  };
}
