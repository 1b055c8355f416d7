// Alerts that an exception hides: kept and counted, not delivered, and without effect on the baseline.

import { describe, expect, test } from 'vitest';
import type { HuntRow } from '../../storage/hunt-rows.ts';
import { limits } from '../../storage/limits.ts';
import type { Store } from '../../storage/store.ts';
import { day, exampleEvent, exampleException, exampleFinding, exampleRule, hour, minute, start } from './examples.ts';
import { temporaryStore } from './temporary-store.ts';

const exception = exampleException();
const fixed = exampleRule({ id: 'odd', type: 'query', window: 'fixed', windowMs: day });

type Options = Parameters<typeof exampleFinding>[1];
const put = (store: Store, timeMs: number, options: Options = {}) =>
  store.record([exampleFinding(timeMs, options)], timeMs);
const states = (store: Store) => [...store.listAlerts()].map(({ state, count }) => [state, count]);

test('a suppressed alert is one row without delivery or learning, and names its exception', () => {
  const store = temporaryStore({ sinks: ['journald', 'ndjson'] });
  expect(put(store, start, { exception })).toEqual({ alerts: [] });
  const [alert] = store.listAlerts();
  expect(alert).toMatchObject({ state: 'suppressed', count: 1, terms: ['/usr/bin/python3'] });
  expect(alert?.document.stepparent.alert).toEqual({
    id: alert?.id,
    terms: ['/usr/bin/python3'],
    reason: expect.stringContaining('/usr/bin/python3 has not installed'),
    state: 'suppressed',
    exception: { id: exception.id, reason: 'vendor updater', owner: 'alice', expires: '2026-04-02T10:00:00.000Z' },
  });
  expect(store.pending('journald', 10, start + hour)).toEqual([]);
  expect(store.pending('ndjson', 10, start + hour)).toEqual([]);
  expect([...store.listTerms()]).toEqual([]);
  expect(store.status()).toMatchObject({ alerts: { open: 0, suppressed: 1 }, outbox: {}, events: 1 });
});

test('repeats count in that row, however late; other terms, scopes and exceptions have their own rows', () => {
  const store = temporaryStore();
  const other = exampleException({ id: 'feedfeedfeed' });
  for (const offsetMs of [0, minute, 100 * day]) put(store, start + offsetMs, { exception });
  put(store, start, { exception, terms: ['/usr/bin/perl'] });
  put(store, start, { exception, scope: 'container' });
  put(store, start, { exception: other });
  put(store, start + minute, { exception: other });
  const rows = [...store.listAlerts()].map(({ terms, scope, count, document }) => [
    terms[0],
    scope,
    count,
    document.stepparent.alert?.exception?.id,
  ]);
  expect(rows).toEqual([
    ['/usr/bin/python3', '', 3, exception.id],
    ['/usr/bin/perl', '', 1, exception.id],
    ['/usr/bin/python3', 'container', 1, exception.id],
    ['/usr/bin/python3', '', 2, other.id],
  ]);
  expect(store.suppressed()).toEqual(
    new Map([
      [exception.id, { count: 5, lastMs: start + 100 * day }],
      [other.id, { count: 2, lastMs: start + minute }],
    ]),
  );
});

describe('after the exception ends the term alerts', () => {
  test.each([
    ['new terms', exampleRule()],
    ['suppression', fixed],
  ])('%s, within the window too', (_, rule) => {
    const store = temporaryStore();
    put(store, start, { rule, exception });
    expect(put(store, start + 1, { rule }).alerts).toMatchObject([{ state: 'open' }]);
    expect(put(store, start + 2, { rule })).toEqual({ alerts: [] });
    expect(states(store)).toEqual([
      ['suppressed', 1],
      ['open', 2],
    ]);
    expect(store.pending('journald', 10, start + hour)).toHaveLength(1);
  });

  test('although an alert added it to the baseline before the exception was made', () => {
    const store = temporaryStore();
    put(store, start);
    put(store, start + hour, { exception });
    expect([...store.listTerms()]).toEqual([]);
    expect(put(store, start + 2 * hour).alerts).toMatchObject([{ state: 'open' }]);
  });

  test('but keeps a term that an alert adds after the exception first covered it', () => {
    const store = temporaryStore();
    put(store, start, { exception });
    put(store, start + 1);
    put(store, start + 2, { exception });
    expect(put(store, start + 3)).toEqual({ alerts: [] });
    expect([...store.listTerms()]).toMatchObject([{ count: 2, lastMs: start + 3 }]);
  });
});

test.each<[string, (store: Store) => void, Options]>([
  ['an allowed term is allowed', (store) => store.allowTerm(exampleRule().id, '', ['/usr/bin/python3'], start), {}],
  ['a known front end is learned', () => {}, { known: true }],
  ['a container that is no alert is learned', () => {}, { alerting: false }],
])('%s, with an exception or without', (_, prepare, options) => {
  const store = temporaryStore();
  prepare(store);
  expect(put(store, start + 1, { ...options, exception })).toEqual({ alerts: [] });
  expect([...store.listAlerts()]).toEqual([]);
  expect([...store.listTerms()]).toMatchObject([{ lastMs: start + 1 }]);
});

test('a known front end that was learned stays in the baseline', () => {
  const store = temporaryStore();
  put(store, start, { known: true });
  put(store, start + 1, { exception });
  expect([...store.listTerms()]).toMatchObject([{ origin: 'known', count: 1 }]);
});

test('in learning mode too', () => {
  const store = temporaryStore({ learningMs: day });
  put(store, start, { exception });
  expect(states(store)).toEqual([['suppressed', 1]]);
  expect([...store.listTerms()]).toEqual([]);
});

test('a term that was not observed', () => {
  const store = temporaryStore();
  put(store, start, { terms: [null], exception });
  put(store, start + 2 * hour, { terms: [null], exception });
  expect(put(store, start + 2 * hour + 1, { terms: [null] }).alerts).toHaveLength(1);
  expect(states(store)).toEqual([
    ['suppressed', 2],
    ['open', 1],
  ]);
});

test('suppressed matches neither count for the rate limit nor are rate-limited', () => {
  const store = temporaryStore();
  const terms = (i: number): Options => ({ terms: [`/x/${i}`] });
  for (let i = 0; i < limits.rateLimitAlerts + 5; i++) put(store, start, { ...terms(i), exception });
  expect(store.status().alerts).toEqual({
    open: 0,
    learning: 0,
    rate_limited: 0,
    suppressed: limits.rateLimitAlerts + 5,
  });
  expect(put(store, start, terms(-1)).alerts).toMatchObject([{ state: 'open' }]);
  expect(store.summarize(start + hour)).toEqual([]);
});

test('suppressed alerts are deleted first', () => {
  const store = temporaryStore();
  put(store, start, { terms: ['/told'] });
  for (let i = 0; i < 3; i++) put(store, start + 1, { terms: [`/x/${i}`], exception });
  put(store, start + 2, { terms: ['/told too'] });
  while (store.prune(start + 2, { alerts: 3 }).more);
  expect([...store.listAlerts()].map(({ terms }) => terms[0])).toEqual(['/told', '/x/2', '/told too']);
});

describe('rows of a hunt', () => {
  const rule = 'hunt:files';
  const row = (name: string, exceptionId?: string): HuntRow => ({
    identity: [name],
    exceptionId,
    document: (id) => ({
      ...exampleEvent(id, start),
      stepparent: {
        alert: {
          id,
          terms: [name],
          reason: '',
          state: 'open',
          ...(exceptionId === undefined ? {} : { exception: { id: exceptionId, reason: 'r', owner: 'o' } }),
        },
      },
    }),
  });

  test('that an exception covers are counted and not reported, also at the first run, and reported after it ends', () => {
    const store = temporaryStore();
    const covered = row('a', exception.id);
    expect(store.recordHunt(rule, [covered, row('b')], start)).toEqual({
      first: true,
      alerts: [],
      known: 1,
      suppressed: 1,
    });
    expect(store.recordHunt(rule, [covered, row('b')], start + hour)).toMatchObject({ known: 1, suppressed: 1 });
    expect(states(store)).toEqual([['suppressed', 2]]);
    expect(store.pending('journald', 10, start + hour)).toEqual([]);
    expect(store.recordHunt(rule, [row('a'), row('b')], start + 2 * hour).alerts).toMatchObject([
      { terms: ['a'], state: 'open' },
    ]);
  });

  test('that an operator allows stay allowed', () => {
    const store = temporaryStore();
    store.allowTerm(rule, '', ['a'], start);
    expect(store.recordHunt(rule, [row('a', exception.id)], start)).toMatchObject({ known: 1, suppressed: 0 });
  });
});
