// Deliveries: each sink gets its own, in order, until it has them.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore } from '../../storage/store.ts';
import { exampleFinding, hour, minute, start } from './examples.ts';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

const judgedEvent = (term: string) => exampleFinding(start, { terms: [term] });
const sinks = ['journald', 'ndjson'];

test('each sink has its own deliveries, oldest first, up to the limit', () => {
  const store = temporaryStore({ sinks });
  const { alerts } = store.record([judgedEvent('a'), judgedEvent('b'), judgedEvent('c')], start);
  for (const sink of sinks) {
    expect(store.pending(sink, 2, start)).toMatchObject(
      alerts.slice(0, 2).map(({ document }) => ({ sink, document, attempts: 0 })),
    );
  }
  expect(store.pending('unheard-of', 2, start)).toEqual([]);
});

test('a successful delivery is removed for that sink only', () => {
  const store = temporaryStore({ sinks });
  store.record([judgedEvent('a'), judgedEvent('b')], start);
  const items = store.pending('journald', 10, start);
  store.delivered(items.map(({ id }) => id));
  store.delivered(items.map(({ id }) => id));
  expect(store.pending('journald', 10, start)).toEqual([]);
  expect(store.pending('ndjson', 10, start)).toHaveLength(2);
  expect(store.status().outbox).toEqual({ ndjson: { waiting: 2, failing: 0, oldestMs: start } });
});

test('a failed delivery waits and does not delay others', () => {
  const store = temporaryStore();
  store.record([judgedEvent('a'), judgedEvent('b')], start);
  const [first, second] = store.pending('journald', 10, start);
  store.failed([first?.id ?? 0], start + minute);
  const ids = (nowMs: number) => store.pending('journald', 10, nowMs).map(({ id }) => id);
  expect(ids(start + minute - 1)).toEqual([second?.id]);
  expect(store.nextDueMs('journald')).toBe(start);
  store.failed([second?.id ?? 0], start + hour);
  expect(store.nextDueMs('journald')).toBe(start + minute);
  expect(store.nextDueMs('unheard-of')).toBe(undefined);
  store.failed([second?.id ?? 0], start);
  expect(ids(start + minute)).toEqual([first?.id, second?.id]);
  expect(store.pending('journald', 1, start + minute)).toMatchObject([{ attempts: 1 }]);
  expect(store.status().outbox).toMatchObject({ journald: { waiting: 2, failing: 2 } });
});

test('a clock set back does not delay a failed delivery', () => {
  const store = temporaryStore();
  store.record([judgedEvent('a')], start);
  store.failed([store.pending('journald', 1, start)[0]?.id ?? 0], start + minute);
  expect(store.pending('journald', 1, start + minute - hour - 1)).toHaveLength(1);
});

test('deliveries outlive a restart; a new sink gets only what comes later', () => {
  const path = join(temporaryDirectory(), 'stepparent.db');
  const first = openStore(path, { sinks: ['journald'], nowMs: start });
  first.record([judgedEvent('a')], start);
  first.close();
  const store = temporaryStore({ sinks }, path);
  store.record([judgedEvent('b')], start);
  expect(sinks.map((sink) => store.pending(sink, 10, start).length)).toEqual([2, 1]);
});

test('without sinks there are no deliveries', () => {
  const store = temporaryStore({ sinks: [] });
  expect(store.record([judgedEvent('a')], start).alerts).toMatchObject([{ state: 'open' }]);
  expect(store.status()).toMatchObject({ alerts: { open: 1 }, outbox: {} });
});
