// A damaged file: each page is overwritten in turn, and the store has the right data or says that the database is damaged.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { openStore, type Store } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import { exampleDigest, exampleEvent, exampleFinding, examplePackageList, minute, start } from './examples.ts';

const pageBytes = 4096;
const eventCount = 150;

/** Of many processes with many ancestors, so that each table of events has several pages. */
function eventOf(i: number): StepparentEvent {
  const example = exampleEvent(`event-${i}`, start + i);
  const ancestor = (n: number) => ({ entity_id: `${i}-${n}`, pid: n, executable: `/usr/bin/program-${n}`, name: 'p' });
  const { parent = {}, ...process } = example.process ?? {};
  return {
    ...example,
    process: { ...process, entity_id: `${i}`, command_line: `dpkg ${'x'.repeat(i)}`, parent },
    stepparent: {
      ...example.stepparent,
      lineage: [1, 2, 3].map(ancestor),
      unobserved: { [`field.${i}`]: 'file_gone' },
    },
  };
}

function fill(path: string): void {
  const store = openStore(path, { nowMs: start, sinks: ['journald'] });
  const findings = Array.from({ length: eventCount }, (_, i) => ({
    ...exampleFinding(start + i, { eventId: `event-${i}`, terms: [`/term-${i}`], known: i % 5 > 0 }),
    event: eventOf(i),
  }));
  for (let i = 0; i < findings.length; i += 50) store.record(findings.slice(i, i + 50), start);
  const id = store.digests.savePackageList(examplePackageList);
  const digests = Array.from({ length: 2 * eventCount }, (_, i) => exampleDigest(i));
  store.digests.changeDigests(id, { added: digests, revived: [], superseded: digests.slice(eventCount) }, start);
  store.close();
}

const read = (store: Store) => ({
  events: [...store.listEvents()],
  alerts: [...store.listAlerts()],
  terms: [...store.listTerms()],
  lists: store.digests.packageLists(),
});
type Content = ReturnType<typeof read>;

/** What the store does with a file. `mustExist`: it is not checked at the opening, like the events of a large one. */
function resultOf(path: string, whole: Content, mustExist = false): 'set aside' | 'corrupt' | 'right' | 'wrong' {
  try {
    const store = openStore(path, { nowMs: start + minute, sinks: ['journald'], mustExist });
    try {
      if (store.setAside !== undefined) return 'set aside';
      const content = read(store);
      // Nothing shows that a digest is another one than it was.
      for (let first = 0; first < 256; first++) store.digests.digestsOf(1, first);
      const finding = (id: string) => exampleFinding(start + minute, { eventId: id, terms: [`/${id}`] });
      store.record([finding('new'), finding('term-0')], start + minute);
      store.pending('journald', eventCount, start + minute);
      store.summarize(start + minute);
      store.prune(start + minute);
      store.status();
      return JSON.stringify(content) === JSON.stringify(whole) ? 'right' : 'wrong';
    } finally {
      store.close();
    }
  } catch (error) {
    if (error instanceof StoreError && error.trouble === 'corrupt') return 'corrupt';
    throw error;
  }
}

describe('a page overwritten', () => {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-damage-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  let bytes: Buffer;
  let whole: Content;
  const original = join(directory, 'original.db');
  beforeAll(() => {
    fill(original);
    bytes = readFileSync(original);
    const store = openStore(original, { nowMs: start, sinks: ['journald'] });
    whole = read(store);
    store.close();
  });

  const pageOf = (page: number): Buffer => Buffer.from(bytes.subarray(page * pageBytes, (page + 1) * pageBytes));
  const noise = (page: number, length: number): Buffer =>
    Buffer.from(Array.from({ length }, (_, i) => ((i + page) * 2_654_435_761) >>> 24));
  const ways: Record<string, (page: number) => Buffer> = {
    zeros: () => Buffer.alloc(pageBytes),
    noise: (page) => noise(page, pageBytes),
    'noise in its middle': (page) => {
      const content = pageOf(page);
      noise(page, 2500).copy(content, 1000);
      return content;
    },
    'the next page': (page) => pageOf((page + 1) % (bytes.length / pageBytes)),
  };
  /** How many pages have each result. */
  const results = (contentOf: (page: number) => Buffer, mustExist?: boolean): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (let page = 0; page < bytes.length / pageBytes; page++) {
      const path = join(mkdtempSync(join(directory, 'page-')), 'stepparent.db');
      const damaged = Buffer.from(bytes);
      contentOf(page).copy(damaged, page * pageBytes);
      writeFileSync(path, damaged, { mode: 0o600 });
      const result = resultOf(path, whole, mustExist);
      counts[result] = (counts[result] ?? 0) + 1;
      rmSync(dirname(path), { recursive: true });
    }
    return counts;
  };

  test.each(Object.entries(ways))('by %s: the file is set aside, or every row is intact', (_, contentOf) => {
    const { 'set aside': setAside = 0, right = 0, ...others } = results(contentOf);
    expect(others).toEqual({});
    expect(setAside).toBeGreaterThan(right);
  });

  test.each(['zeros', 'noise', 'noise in its middle'])(
    'by %s, in a file that is not checked: the same in use',
    (way) => {
      const { corrupt = 0, right = 0, ...others } = results(ways[way] as (page: number) => Buffer, true);
      expect(others).toEqual({});
      expect(corrupt).toBeGreaterThan(right);
    },
  );

  const damages: [string, string][] = [
    ['JSON that is none', `UPDATE parts SET json = 'ZZ' || substr(json, 3)`],
    ['a document that is none', `UPDATE events SET document = '{'`],
    ['a part that is gone', 'DELETE FROM parts WHERE id = (SELECT frame FROM events LIMIT 1)'],
    ['a process that is gone', 'DELETE FROM processes WHERE id = (SELECT process FROM events LIMIT 1)'],
    ['a parent that is gone', 'DELETE FROM processes WHERE id = (SELECT parent FROM events LIMIT 1)'],
    ['an ancestor that is gone', `DELETE FROM processes WHERE entity_id = '7-2'`],
    ['a list of fields that is gone', 'DELETE FROM parts WHERE id = (SELECT unobserved FROM events LIMIT 1)'],
    ['an origin that is gone', 'DELETE FROM origins'],
    ['the terms of an alert that are none', `UPDATE alerts SET terms = '['`],
    ['an alert that is none', `UPDATE alerts SET document = 'null'`],
    ['the rows of the newest generation, from before its last ones', 'DELETE FROM generations'],
    ['a table that is gone', 'DROP TABLE rate_limits'],
  ];
  test.each(damages)('not by pages: %s', (_, sql) => {
    const path = join(mkdtempSync(join(directory, 'row-')), 'stepparent.db');
    writeFileSync(path, bytes, { mode: 0o600 });
    new Database(path).exec(sql).close();
    expect(resultOf(path, whole)).toBe('corrupt');
  });
});
