// Learning mode: begins once, ends permanently, and keeps the alerts that it would have delivered.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore } from '../../storage/store.ts';
import { day, exampleFinding, exampleRule, hour, start } from './examples.ts';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

const learningMs = 7 * day;
const fixed = exampleRule({ id: 'dpkg-odd-option', type: 'query', window: 'fixed', windowMs: 30 * day });

test('while learning, alerts are stored and not delivered, and terms are learned', () => {
  const store = temporaryStore({ learningMs });
  const { alerts } = store.record([exampleFinding(start), exampleFinding(start, { rule: fixed })], start);
  expect(alerts.map(({ state }) => state)).toEqual(['learning', 'learning']);
  expect(alerts[0]?.document.stepparent.alert?.state).toBe('learning');
  expect(store.pending('journald', 10, start)).toEqual([]);
  expect([...store.listTerms()]).toMatchObject([{ origin: 'learning' }]);
  expect(store.learning(start)).toEqual({ startedMs: start, untilMs: start + learningMs, active: true });
});

test('the time of the event decides whether learning has ended', () => {
  const store = temporaryStore({ learningMs });
  const end = start + learningMs;
  const state = (eventMs: number, nowMs: number, term: string) =>
    store.record([exampleFinding(eventMs, { terms: [term] })], nowMs).alerts[0]?.state;
  expect(state(end - 1, end - 1, 'a')).toBe('learning');
  expect(state(end - 1, end + 1000, 'committed a little late')).toBe('learning');
  expect(state(end, end, 'b')).toBe('open');
  expect(state(end - 1, end + hour, 'back-dated')).toBe('open');
  expect(state(start, start, 'the clock was set back')).toBe('open');
  expect(store.learning(start)).toMatchObject({ active: false });
});

test('learned terms count as seen afterwards; a learning alert never replaces one to deliver', () => {
  const store = temporaryStore({ learningMs });
  store.record([exampleFinding(start), exampleFinding(start, { rule: fixed })], start);
  const later = start + 8 * day;
  const { alerts } = store.record([exampleFinding(later), exampleFinding(later, { rule: fixed })], later);
  expect(alerts.map(({ ruleId, state }) => [ruleId, state])).toEqual([[fixed.id, 'open']]);
});

test.each<[string, (number | undefined)[], number | undefined]>([
  ['a restart does not begin again', [learningMs, learningMs], start + learningMs],
  ['another length later changes nothing', [learningMs, 30 * day], start + learningMs],
  ['leaving it out later does not end it', [learningMs, undefined], start + learningMs],
  ['a database that has run without never learns', [undefined, learningMs], undefined],
])('%s', (_, lengths, untilMs) => {
  const path = join(temporaryDirectory(), 'stepparent.db');
  let until: number | undefined;
  for (const [i, length] of lengths.entries()) {
    const store = openStore(path, { nowMs: start + i * hour, learningMs: length });
    until = store.learning(start)?.untilMs;
    store.close();
  }
  expect(until).toBe(untilMs);
});

test('the end survives a restart, even with the clock set back', () => {
  const path = join(temporaryDirectory(), 'stepparent.db');
  const first = openStore(path, { nowMs: start, learningMs });
  first.record([exampleFinding(start + 9 * day)], start + 9 * day);
  first.close();
  const second = temporaryStore({ learningMs }, path);
  expect(second.record([exampleFinding(start, { terms: ['x'] })], start).alerts).toMatchObject([{ state: 'open' }]);
});

test('a start in the future from a wrong clock does not suppress alerts until then', () => {
  const store = temporaryStore({ learningMs, nowMs: start + 4000 * day });
  expect(store.learning(start)).toMatchObject({ active: false });
  expect(store.record([exampleFinding(start)], start).alerts).toMatchObject([{ state: 'open' }]);
});
