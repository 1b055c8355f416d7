// Terms and paths as long as the kernel allows (128 KiB, execve(2)): stored whole, seen again, listed and removed.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exampleFinding, exampleRule, hour, start } from './examples.ts';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

const long = (end: string): string => `/${'x'.repeat(128 * 1024 - 2)}${end}`;

test('a term of 128 KiB is learned once, and one that differs in its last character is another', () => {
  const path = join(temporaryDirectory(), 'stepparent.db');
  const store = temporaryStore({}, path);
  const alertsOf = (term: string, ms: number) => store.record([exampleFinding(ms, { terms: [term] })], ms).alerts;
  expect(alertsOf(long('a'), start)).toMatchObject([{ terms: [long('a')], state: 'open' }]);
  expect(alertsOf(long('a'), start + 1)).toEqual([]);
  expect(alertsOf(long('b'), start + 2)).toMatchObject([{ terms: [long('b')] }]);
  expect([...store.listTerms()].map(({ terms }) => terms)).toEqual([[long('a')], [long('b')]]);
  const { id } = exampleRule();
  expect(store.removeTerm(id, '', [long('a')])).toBe(true);
  expect(alertsOf(long('a'), start + 2 * hour)).toHaveLength(1);
});

test('an event with a path and an argument of 128 KiB is composed as it was recorded', () => {
  const store = temporaryStore();
  const finding = exampleFinding(start);
  const event = {
    ...finding.event,
    file: { path: long('f'), name: 'f' },
    process: { ...finding.event.process, pid: 7, args: ['dpkg', '-i', long('g')], executable: long('h') },
  };
  store.record([{ ...finding, event }], start);
  expect([...store.listEvents()]).toMatchObject([
    { file: { path: long('f') }, process: { args: ['dpkg', '-i', long('g')], executable: long('h') } },
  ]);
});
