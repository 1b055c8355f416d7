// Retention: what is deleted, what is kept, and that every bound holds.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { JudgedEvent } from '../../detectors/judge.ts';
import { limits } from '../../storage/limits.ts';
import type { Pruned, PruneLimits } from '../../storage/prune.ts';
import type { Store } from '../../storage/store.ts';
import { day, exampleFinding, exampleRule, start } from './examples.ts';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

const none: Pruned = { events: 0, alerts: 0, terms: 0, scripts: 0, ledger: 0, termsCorrected: 0, more: false };

/** Prunes until there is no more to do, and adds up what went. */
function pruneAll(store: Store, nowMs: number, bounds?: PruneLimits): Pruned {
  const total = { ...none };
  for (let more = true; more; ) {
    const step = store.prune(nowMs, bounds);
    for (const key of ['events', 'alerts', 'terms', 'termsCorrected'] as const) total[key] += step[key];
    expect(Math.max(step.events, step.terms, step.termsCorrected)).toBeLessThanOrEqual(limits.pruneRows);
    more = step.more;
  }
  return total;
}

function fill(store: Store, count: number, timeMs: number, prefix = 't'): void {
  const findings = Array.from({ length: count }, (_, i) => exampleFinding(timeMs, { terms: [`${prefix}${i}`] }));
  store.record(findings, timeMs);
}

/** Terms alone, at most 800: of a known-terms list, so none is over the rate limit. */
function fillKnown(store: Store, count: number, timeMs: number): void {
  const findings = Array.from({ length: count }, (_, i) =>
    exampleFinding(timeMs, { terms: [`t${i % 800}`], known: true }),
  );
  store.record(findings, timeMs);
}

/** Each of a term of its own. */
const ofOthers = (count: number, timeMs: number, { known = true, user = { id: '1000' } as { id?: string } } = {}) =>
  Array.from({ length: count }, (_, i): JudgedEvent => {
    const judgedEvent = exampleFinding(timeMs, { terms: [`${user.id ?? 'unobserved'} ${i}`], known });
    return { ...judgedEvent, event: { ...judgedEvent.event, user } };
  });

test('within the bounds nothing is deleted', () => {
  const store = temporaryStore();
  fill(store, 10, start);
  expect(store.prune(start + 14 * day)).toEqual(none);
});

describe('by age', () => {
  test('events after 14 days, in steps', () => {
    const store = temporaryStore();
    fill(store, 600, start);
    fill(store, 5, start + 5 * day, 'later');
    const now = start + 14 * day + 1;
    expect(store.prune(now)).toMatchObject({ events: limits.pruneRows, more: true });
    expect(pruneAll(store, now)).toMatchObject({ events: 600 - limits.pruneRows, alerts: 0, terms: 0 });
    expect(store.status()).toMatchObject({ events: 5, oldestEventMs: start + 5 * day });
  });

  test('terms older than the largest window, but never allowed ones; none without a window', () => {
    const store = temporaryStore();
    fillKnown(store, 600, start);
    store.record([exampleFinding(start, { rule: exampleRule({ id: 'other' }), terms: ['x'] })], start);
    store.allowTerm('dpkg-by-unusual-parent', '', ['t7'], start);
    expect(pruneAll(store, start + 90 * day + 1).terms).toBe(0);
    expect(pruneAll(store, start + 90 * day, { termMs: 90 * day }).terms).toBe(0);
    expect(pruneAll(store, start + 90 * day + 1, { termMs: 90 * day }).terms).toBe(600);
    expect([...store.listTerms()]).toMatchObject([{ terms: ['t7'] }]);
  });

  test('alerts after a year, with their pending deliveries', () => {
    const store = temporaryStore();
    fill(store, 3, start);
    fill(store, 2, start + day, 'later');
    expect(pruneAll(store, start + 365 * day + 1)).toMatchObject({ alerts: 3 });
    expect(store.status()).toMatchObject({ alerts: { open: 2 }, outbox: { journald: { waiting: 2 } } });
  });

  test('deliveries to a sink that is not configured any more', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    fill(temporaryStore({ sinks: ['journald', 'old'] }, path), 3, start);
    const store = temporaryStore({ sinks: ['journald'] }, path);
    pruneAll(store, start + 14 * day);
    expect(store.status().outbox).toMatchObject({ journald: { waiting: 3 }, old: { waiting: 3 } });
    pruneAll(store, start + 14 * day + 1);
    expect(Object.keys(store.status().outbox)).toEqual(['journald']);
  });
});

describe('by number and size', () => {
  test('alerts: rate-limited ones first, then the oldest', () => {
    const store = temporaryStore();
    fill(store, 105, start);
    expect(pruneAll(store, start, { alerts: 102 }).alerts).toBe(3);
    expect(store.status().alerts).toEqual({ open: 100, learning: 0, suppressed: 0, rate_limited: 2 });
    expect(pruneAll(store, start, { alerts: 98 }).alerts).toBe(4);
    expect([...store.listAlerts()].map(({ terms }) => terms[0])).toEqual(
      Array.from({ length: 98 }, (_, i) => `t${i + 2}`),
    );
  });

  test('bytes: the oldest events are deleted, then alerts, and the file shrinks', () => {
    const store = temporaryStore();
    for (let i = 0; i < 10; i++) fill(store, 300, start + i, `${i}-`);
    const maxBytes = 4 * 1024 * 1024;
    const before = store.status();
    expect(before.sizeBytes).toBeGreaterThan(maxBytes);
    pruneAll(store, start + 10, { maxBytes });
    const after = store.status();
    expect(after.events).toBe(0);
    expect(after.alerts.rate_limited).toBeLessThan(before.alerts.rate_limited);
    expect(after.alerts.open).toBe(100);
    store.close();
    const db = new Database(store.path, { readonly: true });
    const pages = db.pragma('page_count', { simple: true }) as number;
    const free = db.pragma('freelist_count', { simple: true }) as number;
    expect((pages - free) * 4096).toBeLessThanOrEqual(maxBytes);
    expect(free).toBeLessThanOrEqual(2 * limits.prunePages);
    db.close();
  });

  test.each(['1000', undefined])("bytes: events of other users displace none of root's (user %s)", (id) => {
    const store = temporaryStore();
    fillKnown(store, 800, start);
    const user = id === undefined ? {} : { id };
    for (let i = 1; i <= 10; i++) store.record(ofOthers(300, start + i, { user }), start + i);
    const db = new Database(store.path, { readonly: true });
    const maxBytes = (db.pragma('page_count', { simple: true }) as number) * 4096 * 0.75;
    db.close();
    pruneAll(store, start + 20, { maxBytes });
    const kept = Map.groupBy(store.listEvents(), ({ user }) => user?.id);
    expect(kept.get('0')).toHaveLength(800);
    const others = kept.get(id)?.length ?? 0;
    expect(others).toBeGreaterThan(800 * limits.othersShare);
    // Of them the latest stay.
    expect(Date.parse(kept.get(id)?.at(0)?.['@timestamp'] ?? '')).toBeGreaterThan(start + 1);
    // Root's own go by age.
    fillKnown(store, 4000, start + 30);
    pruneAll(store, start + 40, { maxBytes });
    const left = Map.groupBy(store.listEvents(), ({ user }) => user?.id);
    expect(Date.parse(left.get('0')?.[0]?.['@timestamp'] ?? '')).toBe(start + 30);
  });

  test('bytes: events of unobserved users displace none of other users, and the other way round', () => {
    const users: [{ id?: string }, { id?: string }][] = [
      [{ id: '1000' }, {}],
      [{}, { id: '1000' }],
    ];
    for (const [few, many] of users) {
      const store = temporaryStore();
      fillKnown(store, 800, start);
      store.record(ofOthers(50, start, { user: few }), start);
      for (let i = 1; i <= 10; i++) store.record(ofOthers(300, start + i, { user: many }), start + i);
      const db = new Database(store.path, { readonly: true });
      const maxBytes = (db.pragma('page_count', { simple: true }) as number) * 4096 * 0.75;
      db.close();
      pruneAll(store, start + 20, { maxBytes });
      const kept = Map.groupBy(store.listEvents(), ({ user }) => user?.id);
      expect([kept.get('0')?.length, kept.get(few.id)?.length]).toEqual([800, 50]);
      expect(kept.get(many.id)?.length).toBeLessThan(3000);
    }
  });

  test("alerts: those of other users are deleted first, then those of unobserved users, then root's", () => {
    const store = temporaryStore();
    store.record([exampleFinding(start, { terms: ['root 1'] })], start);
    store.record(ofOthers(2, start + 1, { known: false, user: {} }), start + 1);
    store.record(ofOthers(3, start + 2, { known: false }), start + 2);
    store.record([exampleFinding(start + 3, { terms: ['root 2'] })], start + 3);
    const kept = () => [...store.listAlerts()].map(({ terms }) => terms[0]);
    expect(pruneAll(store, start + 4, { alerts: 5 }).alerts).toBe(2);
    expect(kept()).toEqual(['root 1', 'unobserved 0', 'unobserved 1', '1000 2', 'root 2']);
    expect(pruneAll(store, start + 4, { alerts: 3 }).alerts).toBe(2);
    expect(kept()).toEqual(['root 1', 'unobserved 1', 'root 2']);
  });

  test('a bound that cannot be met does not prune endlessly', () => {
    const store = temporaryStore();
    fill(store, 300, start);
    pruneAll(store, start, { maxBytes: 0 });
    expect(store.status()).toMatchObject({ events: 0, alerts: { open: 0, rate_limited: 0 }, terms: { alert: 100 } });
  });

  /** Fills the rule up to one term less than the bound. */
  const fillTerms = (db: Database.Database): void => {
    db.prepare(
      `INSERT INTO terms
       WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
       SELECT 'dpkg-by-unusual-parent', '', json_array('old' || i), ?, ? + i, 1, iif(i = 0, 'allowed', 'alert') FROM n`,
    ).run(limits.termsPerRule - 1, start, start);
  };

  test('terms of a rule: the bound holds over transactions, and what another process removes makes room', () => {
    const store = temporaryStore();
    const db = new Database(store.path);
    fillTerms(db);
    const now = start + day;
    const record = (term: string) => store.record([exampleFinding(now, { terms: [term] })], now);
    for (const term of ['a', 'b', 'c']) record(term);
    expect(store.status().terms).toEqual({ alert: limits.termsPerRule - 1, allowed: 1 });
    db.exec("DELETE FROM terms WHERE origin <> 'allowed' AND last_ms < 10 + (SELECT min(last_ms) FROM terms)");
    db.close();
    const { alert = 0 } = store.status().terms;
    record('d');
    expect(store.status().terms).toEqual({ alert: alert + 1, allowed: 1 });
  });

  test('terms of a rule: at the bound the oldest goes; allowed ones and those of other rules stay', () => {
    const store = temporaryStore();
    const db = new Database(store.path);
    fillTerms(db);
    db.close();
    const now = start + day;
    const { alerts } = store.record(
      ['a', 'b', 'c'].map((term) => exampleFinding(now, { terms: [term] })),
      now,
    );
    expect(alerts).toHaveLength(3);
    expect(store.status().terms).toEqual({ alert: limits.termsPerRule - 1, allowed: 1 });
    const oldest = store.listTerms();
    expect([oldest.next().value, oldest.next().value]).toMatchObject([{ terms: ['old0'] }, { terms: ['old3'] }]);
    store.record([exampleFinding(now, { rule: exampleRule({ id: 'other' }) })], now);
    expect(store.status().terms).toEqual({ alert: limits.termsPerRule, allowed: 1 });
  });
});

test('terms from a clock that was ahead are set to now', () => {
  const store = temporaryStore();
  fillKnown(store, 600, start + 4000 * day);
  expect(pruneAll(store, start).termsCorrected).toBe(600);
  expect(store.record([exampleFinding(start + 90 * day, { terms: ['t5'] })], start + 90 * day).alerts).toHaveLength(1);
});

test('learning and alerts without a summary survive pruning', () => {
  const store = temporaryStore({ learningMs: day });
  fill(store, 105, start + 2 * day);
  pruneAll(store, start + 400 * day);
  expect(store.status()).toMatchObject({ events: 0, alerts: { open: 0 } });
  expect(store.summarize(start + 400 * day)).toMatchObject([{ stepparent: { summary: { alerts: 5 } } }]);
  expect(store.learning(start)).toMatchObject({ untilMs: start + day });
});
