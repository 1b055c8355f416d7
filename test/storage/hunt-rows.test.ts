// Rows of hunts: known at the first run, reported once after it.

import { expect, test } from 'vitest';
import type { HuntRow } from '../../storage/hunt-rows.ts';
import { limits } from '../../storage/limits.ts';
import { day, exampleEvent, hour, start } from './examples.ts';
import { temporaryStore } from './temporary-store.ts';

const rule = 'hunt:files';

const rows = (...names: (string | null)[]): HuntRow[] =>
  names.map((name) => ({
    identity: [name, '/usr/bin/x'],
    document: (id) => ({
      ...exampleEvent(id, start),
      rule: { id: rule },
      stepparent: { alert: { id, terms: [name], reason: '', state: 'open' } },
    }),
  }));

test('all rows of the first run are known; later each new row is one alert, for every sink', () => {
  const store = temporaryStore({ sinks: ['journald', 'ndjson'] });
  expect(store.recordHunt(rule, rows('a', 'b'), start)).toEqual({ first: true, alerts: [], known: 2, suppressed: 0 });
  const second = store.recordHunt(rule, rows('a', 'c', null), start + hour);
  expect(second).toMatchObject({ first: false, known: 1 });
  expect(second.alerts.map(({ terms, state }) => [terms[0], state])).toEqual([
    ['c', 'open'],
    [null, 'open'],
  ]);
  expect(new Set(second.alerts.map(({ id }) => id)).size).toBe(2);
  expect(store.recordHunt(rule, rows('a', 'b', 'c', null), start + 2 * hour)).toMatchObject({ alerts: [], known: 4 });
  expect(store.pending('ndjson', 10, start + hour)).toHaveLength(2);
  expect([...store.listEvents()]).toEqual([]);
  expect([...store.listTerms({ ruleId: rule })].map(({ origin, count }) => [origin, count]).sort()).toEqual([
    ['alert', 2],
    ['alert', 2],
    ['first-run', 2],
    ['first-run', 3],
  ]);
});

test('a first run without rows counts as the first run', () => {
  const store = temporaryStore();
  expect(store.recordHunt(rule, [], start).first).toBe(true);
  expect(store.recordHunt(rule, rows('a'), start + hour)).toMatchObject({ first: false, alerts: [{ count: 1 }] });
});

test('two hunts have separate rows', () => {
  const store = temporaryStore();
  store.recordHunt(rule, rows('a'), start);
  expect(store.recordHunt('hunt:other', rows('a'), start)).toMatchObject({ first: true, known: 1 });
});

test('a row that stays is known permanently; a row that was absent for 90 days is new', () => {
  const store = temporaryStore();
  store.recordHunt(rule, rows('a', 'b'), start);
  for (let days = 1; days * day < 2 * limits.huntRowMs; days++) {
    expect(store.recordHunt(rule, rows('a'), start + days * day).alerts).toEqual([]);
  }
  expect(store.recordHunt(rule, rows('a', 'b'), start + 2 * limits.huntRowMs).alerts).toHaveLength(1);
});

test('a row that an operator removes is reported again, an allowed one never', () => {
  const store = temporaryStore();
  store.recordHunt(rule, rows('a'), start);
  store.removeTerm(rule, '', ['a', '/usr/bin/x']);
  store.allowTerm(rule, '', ['t', '/usr/bin/x'], start);
  const { alerts } = store.recordHunt(rule, rows('a', 't'), start + 2 * limits.huntRowMs);
  expect(alerts.map(({ terms }) => terms[0])).toEqual(['a']);
});

test('alerts over the rate limit are stored and reported in a summary', () => {
  const store = temporaryStore();
  store.recordHunt(rule, [], start);
  const names = Array.from({ length: limits.rateLimitAlerts + 5 }, (_, i) => `n${i}`);
  const { alerts } = store.recordHunt(rule, rows(...names), start + hour);
  expect(alerts.filter(({ state }) => state === 'rate_limited')).toHaveLength(5);
  expect(store.pending('journald', 1000, start + hour)).toHaveLength(limits.rateLimitAlerts);
  const [summary] = store.summarize(start + hour + limits.rateLimitWindowMs);
  expect(summary).toMatchObject({ rule: { id: rule }, stepparent: { summary: { alerts: 5 } } });
});

test('while the database learns, findings are stored and not delivered', () => {
  const store = temporaryStore({ learningMs: 7 * day });
  store.recordHunt(rule, [], start);
  expect(store.recordHunt(rule, rows('a'), start + hour)).toMatchObject({ alerts: [{ state: 'learning' }] });
  expect(store.pending('journald', 10, start + hour)).toEqual([]);
});
