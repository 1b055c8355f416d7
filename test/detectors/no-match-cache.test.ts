// Events that need no evaluation because an earlier event with the same values matched no rule.

import { expect, test } from 'vitest';
import type { FieldReader, FieldValue } from '../../collectors/event/event.ts';
import { createNoMatchCache, recordReads } from '../../detectors/no-match-cache.ts';

const reading =
  (fields: Readonly<Record<string, FieldValue>>): FieldReader =>
  (field) =>
    fields[field];

/** One that was dismissed after `name`, `path` and, where it is `sh`, `copy` were read. */
function dismissed(fields: Readonly<Record<string, FieldValue>>, key = '/bin/true') {
  const noMatchCache = createNoMatchCache();
  const reads = recordReads(reading(fields));
  for (const field of ['name', 'path', 'copy']) reads.read(field);
  noMatchCache.remember(key, reads);
  return (key: string, now: Readonly<Record<string, FieldValue>>) => noMatchCache.covers(key, { read: reading(now) });
}

const seen = { name: 'true', path: '/usr/bin/true' };

test.each<[string, string, Readonly<Record<string, FieldValue>>, boolean]>([
  ['reads the same', '/bin/true', seen, true],
  ['reads the same, and has what nobody asked for', '/bin/true', { ...seen, pid: 7 }, true],
  ['another path by the same name', '/bin/true', { ...seen, path: '/opt/true' }, false],
  ['a field that was absent', '/bin/true', { ...seen, copy: '/var/lib/dpkg/info/x.postinst' }, false],
  ['a field that is absent now', '/bin/true', { name: 'true' }, false],
  ['another key', '/usr/bin/true', seen, false],
])('%s', (_, key, now, covered) => {
  expect(dismissed(seen)(key, now)).toBe(covered);
});

test('lists and long values are not remembered', () => {
  expect(dismissed({ ...seen, copy: ['a', 'b'] })('/bin/true', { ...seen, copy: ['a', 'b'] })).toBe(false);
  const long = 'x'.repeat(300);
  expect(dismissed({ ...seen, path: long })('/bin/true', { ...seen, path: long })).toBe(false);
  expect(dismissed(seen, long)(long, seen)).toBe(false);
});

test('at the bound on keys the cache is cleared', () => {
  const noMatchCache = createNoMatchCache();
  const keep = (key: string): void => {
    const reads = recordReads(reading(seen));
    reads.read('name');
    noMatchCache.remember(key, reads);
  };
  keep('first');
  for (let i = 0; i < 511; i++) keep(`${i}`);
  expect(noMatchCache.covers('first', { read: reading(seen) })).toBe(true);
  keep('one more');
  expect(noMatchCache.covers('first', { read: reading(seen) })).toBe(false);
  expect(noMatchCache.covers('one more', { read: reading(seen) })).toBe(true);
});

test('an event whose field changed between two reads is not remembered', () => {
  const noMatchCache = createNoMatchCache();
  let copy: string | undefined;
  const reads = recordReads((field) => (field === 'copy' ? copy : 'x'));
  reads.read('copy');
  copy = '/var/lib/dpkg/info/x.postinst';
  reads.read('copy');
  noMatchCache.remember('/bin/true', reads);
  expect(noMatchCache.covers('/bin/true', { read: (field) => (field === 'copy' ? copy : 'x') })).toBe(false);
});

test('compares another reader with the recorded values', () => {
  const reads = recordReads(reading({ name: 'dpkg', args: ['dpkg', '-i'] }));
  for (const field of ['name', 'args', 'copy']) reads.read(field);
  const now = { name: 'dpkg', args: ['dpkg', '-i'] };
  expect(reads.areSame(reading(now))).toBe(true);
  expect(reads.areSame(reading({ ...now, name: 'other' }))).toBe(false);
  expect(reads.areSame(reading({ ...now, args: ['dpkg', '-r'] }))).toBe(false);
  expect(reads.areSame(reading({ ...now, copy: '/x' }))).toBe(false);
});
