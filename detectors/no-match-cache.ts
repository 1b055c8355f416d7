// Remembers what rules read of an event that none of them matched: of another one that reads the same none will match either.

import type { FieldReader, FieldValue } from '../collectors/event/event.ts';

export interface NoMatchCache {
  /** All that was read of an event with that key when it was dismissed reads the same now, in the same order. */
  cover(key: string, read: FieldReader): boolean;
  /** Reads as `read` does, and takes down what; `keep` remembers it. */
  watch(read: FieldReader): { read: FieldReader; keep(key: string): void };
}

/** Programs of a host that run again and again. */
const maxKeys = 512;
/** Of a key and of each value: longer ones are of hostile names. */
const maxLength = 256;

const isShort = (value: FieldValue): boolean =>
  typeof value === 'string' ? value.length <= maxLength : typeof value !== 'object';

/** Rules are pure: what they make of an event is decided by what they read of it. */
export function createNoMatchCache(): NoMatchCache {
  const dismissed = new Map<string, readonly (readonly [field: string, value: FieldValue])[]>();
  return {
    cover(key, read) {
      const known = dismissed.get(key);
      if (known === undefined) return false;
      for (const [field, value] of known) if (read(field) !== value) return false;
      return true;
    },
    watch(read) {
      const seen = new Map<string, FieldValue>();
      /** A field read otherwise the second time: one value for it would not tell what the rules saw. */
      let changed = false;
      return {
        read(field) {
          const value = read(field);
          changed ||= seen.has(field) && seen.get(field) !== value;
          seen.set(field, value);
          return value;
        },
        keep(key) {
          if (changed || key.length > maxLength || ![...seen.values()].every(isShort)) return;
          if (dismissed.size >= maxKeys) dismissed.clear();
          dismissed.set(key, [...seen]);
        },
      };
    },
  };
}
