// Reading back: filters, order, limits, and listings longer than a page.

import { describe, expect, test } from 'vitest';
import type { AlertFilter, EventFilter, TermFilter } from '../../storage/listing.ts';
import { schemaVersion } from '../../storage/migrations.ts';
import { exampleFinding, exampleRule, minute, start } from './examples.ts';
import { temporaryStore } from './temporary-store.ts';

/** a at 0, b at 1 (rate-limited nowhere, in a container), c at 2 (another rule), a again at 3 minutes. */
function filledStore() {
  const store = temporaryStore();
  const rows: [string, object][] = [
    ['a', {}],
    ['b', { scope: 'container' }],
    ['c', { rule: exampleRule({ id: 'other' }) }],
    ['a', {}],
    ['k', { known: true }],
  ];
  for (const [i, [term, options]] of rows.entries()) {
    const time = start + i * minute;
    store.record([exampleFinding(time, { terms: [term], eventId: `e${i}`, ...options })], time);
  }
  return store;
}

describe('alerts', () => {
  test.each<[string, AlertFilter | undefined, string[]]>([
    ['all, newest last', undefined, ['a', 'b', 'c']],
    ['since: still counting then', { sinceMs: start + 3 * minute }, ['a']],
    ['since, at the edge', { sinceMs: start + 2 * minute }, ['a', 'c']],
    ['rule', { ruleId: 'other' }, ['c']],
    ['state', { state: 'learning' }, []],
    ['limit: the newest', { limit: 2 }, ['b', 'c']],
    ['limit: the newest, by the last event', { limit: 2, limitBy: 'last_ms' }, ['a', 'c']],
    ['limit past the end', { limit: 10 }, ['a', 'b', 'c']],
    ['limit 0', { limit: 0 }, []],
    ['limit with a filter', { limit: 1, ruleId: exampleRule().id }, ['b']],
    ['limit by the last event with a filter', { limit: 1, limitBy: 'last_ms', ruleId: 'other' }, ['c']],
    ['limit by the last event past the end', { limit: 10, limitBy: 'last_ms' }, ['a', 'b', 'c']],
    ['limit by the last event, none', { limit: 0, limitBy: 'last_ms' }, []],
  ])('%s', (_, filter, terms) => {
    expect([...filledStore().listAlerts(filter)].map((alert) => alert.terms[0])).toEqual(terms);
  });

  test('by the prefix of the id', () => {
    const store = filledStore();
    const ids = [...store.listAlerts()].map(({ id }) => id);
    expect(ids.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true);
    for (const id of ids) {
      expect(store.alertsByPrefix(id).map((alert) => alert.id)).toEqual([id]);
      expect(store.alertsByPrefix(id.slice(0, 12))).toHaveLength(1);
    }
    for (const none of ['', 'x', '%', `${ids[0]}0`]) expect(store.alertsByPrefix(none)).toEqual([]);
  });
});

describe('events', () => {
  test.each<[string, EventFilter | undefined, string[]]>([
    ['all, newest last', undefined, ['e0', 'e1', 'e2', 'e3', 'e4']],
    ['since, at the edge', { sinceMs: start + 2 * minute }, ['e2', 'e3', 'e4']],
    ['limit', { limit: 2 }, ['e3', 'e4']],
    ['limit with a filter', { sinceMs: start + 2 * minute, limit: 4 }, ['e2', 'e3', 'e4']],
  ])('%s', (_, filter, ids) => {
    expect([...filledStore().listEvents(filter)].map(({ event }) => event.id)).toEqual(ids);
  });
});

describe('terms', () => {
  test.each<[string, TermFilter | undefined, string[]]>([
    ['rule by rule, newest last', undefined, ['b', 'a', 'k', 'c']],
    ['one rule', { ruleId: 'other' }, ['c']],
    ['scope', { scope: 'container' }, ['b']],
  ])('%s', (_, filter, terms) => {
    expect([...filledStore().listTerms(filter)].map((term) => term.terms[0])).toEqual(terms);
  });
});

test('lists more than a page, with equal times, each row once and in order', () => {
  const store = temporaryStore();
  const names = Array.from({ length: 950 }, (_, i) => String(i).padStart(4, '0'));
  store.record(
    // A rule for each hundred: what is over a rule's rate limit is not learned.
    names.map((name, i) =>
      exampleFinding(start, { rule: exampleRule({ id: `rule-${Math.floor(i / 100)}` }), terms: [name], eventId: name }),
    ),
    start,
  );
  expect([...store.listEvents()].map(({ event }) => event.id)).toEqual(names);
  expect([...store.listAlerts()].map(({ terms }) => terms[0])).toEqual(names);
  expect([...store.listTerms()].map(({ terms }) => terms[0])).toEqual(names);
  expect([...store.listEvents({ limit: 450 })].map(({ event }) => event.id)).toEqual(names.slice(-450));
});

test('counts rows for status', () => {
  expect(filledStore().status()).toMatchObject({
    schemaVersion,
    events: 5,
    oldestEventMs: start,
    terms: { alert: 3, known: 1 },
    alerts: { open: 3, learning: 0, rate_limited: 0 },
    outbox: { journald: { waiting: 3 } },
  });
  expect(temporaryStore().status()).toMatchObject({ events: 0, oldestEventMs: undefined, terms: {}, outbox: {} });
});
