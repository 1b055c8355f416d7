// The rate limit: a maximum of alerts of one rule in five minutes; the others are kept and reported in one summary.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { type UserClass, userClasses } from '../../collectors/event/user-class.ts';
import type { JudgedEvent } from '../../detectors/judge.ts';
import { limits } from '../../storage/limits.ts';
import type { Recorded } from '../../storage/record.ts';
import { openStore } from '../../storage/store.ts';
import { exampleFinding, exampleRule, minute, second, start } from './examples.ts';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

const rateLimitedOf = ({ alerts }: Recorded): number => alerts.filter(({ state }) => state === 'rate_limited').length;

let lastTerm = 0;
function burst(count: number, atMs: number, rule = exampleRule()): JudgedEvent[] {
  return Array.from({ length: count }, () => exampleFinding(atMs, { rule, terms: [`/tmp/${++lastTerm}`] }));
}

test('alerts up to the rate limit are delivered; those over it are stored and not learned', () => {
  const store = temporaryStore({ sinks: ['journald', 'ndjson'] });
  const { alerts } = store.record(burst(103, start), start);
  expect(alerts).toHaveLength(103);
  expect(alerts.slice(98, 102).map(({ state }) => state)).toEqual(['open', 'open', 'rate_limited', 'rate_limited']);
  expect(alerts[102]?.document.stepparent.alert?.state).toBe('rate_limited');
  for (const sink of ['journald', 'ndjson'])
    expect(store.pending(sink, 1000, start)).toHaveLength(limits.rateLimitAlerts);
  expect([...store.listTerms()]).toHaveLength(100);
  expect(store.status()).toMatchObject({ alerts: { open: 100, rate_limited: 3 } });
});

test('each rule has its own rate limit', () => {
  const store = temporaryStore();
  const other = exampleRule({ id: 'other' });
  expect(rateLimitedOf(store.record([...burst(100, start), ...burst(100, start, other)], start))).toBe(0);
});

test('the window of five minutes slides', () => {
  const store = temporaryStore();
  store.record(burst(60, start), start);
  store.record(burst(40, start + 4 * minute), start + 4 * minute);
  const rateLimited = (atMs: number) => rateLimitedOf(store.record(burst(1, start + atMs), start + atMs));
  expect(rateLimited(5 * minute - 1)).toBe(1);
  expect(rateLimited(5 * minute)).toBe(0);
});

test('a repeat of a rate-limited term counts in its alert', () => {
  const store = temporaryStore();
  store.record(burst(101, start), start);
  const [rateLimited] = store.listAlerts({ state: 'rate_limited' });
  store.record([exampleFinding(start + second, { terms: rateLimited?.terms ?? [] })], start + second);
  expect([...store.listAlerts({ state: 'rate_limited' })]).toMatchObject([{ count: 2 }]);
});

test('a rate-limited term is reported when it repeats below the limit', () => {
  const store = temporaryStore({ sinks: ['journald'] });
  store.record(burst(101, start), start);
  const [rateLimited] = store.listAlerts({ state: 'rate_limited' });
  const again = () => [exampleFinding(start + 6 * minute, { terms: rateLimited?.terms ?? [] })];
  const { alerts } = store.record(again(), start + 6 * minute);
  expect(alerts.map(({ state }) => state)).toEqual(['open']);
  expect(store.record(again(), start + 7 * minute)).toMatchObject({ alerts: [] });
});

test('a match that is never learned is reported below the limit, too', () => {
  const store = temporaryStore();
  const rule = exampleRule({ id: 'eql', type: 'eql', window: 'fixed' });
  store.record(burst(101, start, rule), start);
  const [rateLimited] = store.listAlerts({ state: 'rate_limited' });
  const again = (ms: number) =>
    store.record([exampleFinding(start + ms, { rule, terms: rateLimited?.terms ?? [] })], start + ms);
  expect(again(minute)).toMatchObject({ alerts: [] });
  expect(again(6 * minute).alerts.map(({ state }) => state)).toEqual(['open']);
  expect(again(7 * minute)).toMatchObject({ alerts: [] });
});

const ofUser = (user: StepparentEvent['user'] | undefined, count: number, atMs: number): JudgedEvent[] =>
  burst(count, atMs).map((judgedEvent) => {
    const { user: _, ...event } = judgedEvent.event;
    return { ...judgedEvent, event: user === undefined ? event : { ...event, user } };
  });

const users: Record<UserClass, StepparentEvent['user'] | undefined> = {
  root: { id: '0' },
  other: { id: '65534' },
  unobserved: undefined,
};

test.each(userClasses)('users of other classes cannot use up the rate limit of %s', (userClass) => {
  const store = temporaryStore();
  for (const other of userClasses.filter((each) => each !== userClass)) {
    expect(rateLimitedOf(store.record(ofUser(users[other], 200, start), start))).toBe(100);
  }
  const later = start + second;
  expect(rateLimitedOf(store.record(ofUser(users[userClass], 100, later), later))).toBe(0);
  expect(rateLimitedOf(store.record(ofUser(users[userClass], 1, later), later))).toBe(1);
});

test('users other than root share one rate limit', () => {
  const store = temporaryStore();
  expect(rateLimitedOf(store.record(ofUser({ id: '1000' }, 60, start), start))).toBe(0);
  expect(rateLimitedOf(store.record(ofUser({ id: '1001' }, 60, start), start))).toBe(20);
});

test('a clock set back does not extend the rate limit', () => {
  const store = temporaryStore();
  store.record(burst(100, start), start);
  const earlier = start - 60 * minute;
  expect(rateLimitedOf(store.record(burst(1, earlier), earlier))).toBe(0);
});

test('each rule and sink gets one summary, after five minutes', () => {
  const store = temporaryStore({ sinks: ['journald', 'ndjson'] });
  store.record(burst(102, start), start);
  store.record(burst(1, start + minute), start + minute);
  store.record(burst(101, start, exampleRule({ id: 'other' })), start + 2 * minute);
  expect(store.summarize(start + 5 * minute - 1)).toEqual([]);
  const [summary, ...others] = store.summarize(start + 5 * minute);
  expect(others).toEqual([]);
  expect(summary).toMatchObject({
    message:
      '3 more alerts of dpkg-by-unusual-parent between 2026-03-03T10:00:00.000Z and 2026-03-03T10:01:00.000Z were kept and not sent one by one; see: stepparent alerts --rule dpkg-by-unusual-parent',
    event: { kind: 'alert', action: 'alert-summary', severity: 21, risk_score: 21 },
    host: { name: 'web1' },
    rule: { id: 'dpkg-by-unusual-parent', ruleset: 'stepparent' },
    stepparent: { summary: { alerts: 3, from: '2026-03-03T10:00:00.000Z', to: '2026-03-03T10:01:00.000Z' } },
  });
  for (const sink of ['journald', 'ndjson']) {
    expect(store.pending(sink, 1000, start + 5 * minute).at(-1)?.document).toEqual(summary);
  }
  expect(store.summarize(start + 6 * minute)).toEqual([]);
  expect(store.summarize(start + 7 * minute)).toMatchObject([
    { message: expect.stringMatching(/^1 more alert of other between .* was kept/), rule: { id: 'other' } },
  ]);
});

test('a due summary is delivered after a restart, and after the clock was set back', () => {
  const path = join(temporaryDirectory(), 'stepparent.db');
  const first = openStore(path, { sinks: ['journald'], nowMs: start });
  first.record(burst(102, start), start);
  first.close();
  const store = temporaryStore({}, path);
  expect(store.summarize(start - minute)).toMatchObject([{ stepparent: { summary: { alerts: 2 } } }]);
});
