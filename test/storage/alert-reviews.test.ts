// What people decide about alerts: what is listed then, and when a closed alert is open again.

import { expect, test } from 'vitest';
import type { Review } from '../../storage/alert-reviews.ts';
import { limits } from '../../storage/limits.ts';
import { exampleEvent, exampleFinding, minute, start } from './examples.ts';
import { temporaryStore } from './temporary-store.ts';

const closed: Review = { state: 'closed', timeMs: start + minute, by: 'alice', reason: 'OPS-12' };

function storeWith(...terms: string[]) {
  const store = temporaryStore();
  for (const [i, term] of terms.entries()) {
    store.record([exampleFinding(start + i, { terms: [term], eventId: `e${term}${i}` })], start + i);
  }
  const idOf = (term: string): string => [...store.listAlerts()].find(({ terms }) => terms[0] === term)?.id ?? '';
  const open = () => [...store.listAlerts({ notClosed: true })].map(({ terms }) => terms[0]);
  return { store, idOf, open };
}

test('a closed alert is not listed as open, and keeps who, when and why', () => {
  const { store, idOf, open } = storeWith('a', 'b');
  store.reviewAlerts([idOf('a')], closed, []);
  expect(open()).toEqual(['b']);
  expect(store.alertsByPrefix(idOf('a'))[0]?.review).toEqual({
    state: 'closed',
    timeMs: start + minute,
    by: 'alice',
    reason: 'OPS-12',
  });
  expect(store.alertsByPrefix(idOf('b'))[0]?.review).toBeUndefined();
});

test('an acknowledged alert stays listed; reopened, it has no review', () => {
  const { store, idOf, open } = storeWith('a');
  store.reviewAlerts([idOf('a')], { ...closed, state: 'acknowledged', reason: undefined }, []);
  expect(open()).toEqual(['a']);
  expect(store.alertsByPrefix(idOf('a'))[0]?.review).toEqual({
    state: 'acknowledged',
    timeMs: start + minute,
    by: 'alice',
    reason: undefined,
  });
  store.reviewAlerts([idOf('a')], { ...closed, state: 'open' }, []);
  expect(store.alertsByPrefix(idOf('a'))[0]?.review).toBeUndefined();
});

test('a closed alert that matches again is open again, also if the clock was set back', () => {
  const { store, idOf, open } = storeWith('a');
  store.reviewAlerts([idOf('a')], closed, []);
  store.record([exampleFinding(start, { terms: ['a'], eventId: 'again' })], start);
  expect(store.alertsByPrefix(idOf('a'))[0]).toMatchObject({ count: 2, review: undefined });
  expect(open()).toEqual(['a']);
});

test('an incident whose alerts are all closed is not listed', () => {
  const { store, idOf } = storeWith('a');
  const list = (notClosed: boolean) => store.listIncidents({ states: ['open'], notClosed, limit: 10 });
  expect(list(true)).toEqual([idOf('a')]);
  store.reviewAlerts([idOf('a')], closed, []);
  expect([list(true), list(false)]).toEqual([[], [idOf('a')]]);
});

test('the event is stored with the decision, or neither is', () => {
  const { store, idOf, open } = storeWith('a');
  const event = exampleEvent('review', start);
  expect(() => store.reviewAlerts([idOf('a')], closed, [{ ...event, '@timestamp': 1n as never }])).toThrow();
  expect(open()).toEqual(['a']);
  store.reviewAlerts([idOf('a')], closed, [event]);
  expect(open()).toEqual([]);
  expect([...store.listEvents()].map(({ event: { id } }) => id)).toContain('review');
});

test('a name and a reason are cut at their bound', () => {
  const { store, idOf } = storeWith('a');
  const long = 'x'.repeat(limits.reviewChars + 1);
  store.reviewAlerts([idOf('a')], { ...closed, by: long, reason: long }, []);
  const { by, reason } = store.alertsByPrefix(idOf('a'))[0]?.review ?? {};
  expect([by?.length, reason?.length]).toEqual([limits.reviewChars, limits.reviewChars]);
});
