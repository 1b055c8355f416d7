// What an id names, and what belongs to the story of an alert.

import { expect, test } from 'vitest';
import { findAlert, readStory } from '../../../agent/query/read-story.ts';
import type { Store } from '../../../storage/store.ts';
import { exampleFinding, exampleRule, minute, start } from '../../storage/examples.ts';
import { temporaryStore } from '../../storage/temporary-store.ts';

/** An alert of a term, in a transaction if it is given. Returns its id. */
function put(
  store: Store,
  term: string,
  minutes: number,
  transaction?: string,
  severity: 'low' | 'high' = 'low',
): string {
  const time = start + minutes * minute;
  const rule = exampleRule({ severity, id: `rule-${severity}` });
  const finding = exampleFinding(time, { terms: [term], rule });
  if (transaction !== undefined) finding.event.stepparent.transaction = { id: transaction };
  store.record([finding], time);
  return [...store.listAlerts()].at(-1)?.id ?? expect.fail('no alert');
}

const isAlive = (): boolean => false;
const idOf = (store: Store, id: string) => {
  const found = findAlert(store, id);
  return 'alert' in found ? found.alert.id : found.candidates.map((each) => each.id);
};

test('an id names an alert, or the most severe alert of a transaction, by any unique prefix', () => {
  const store = temporaryStore();
  const single = put(store, 'a', 0);
  put(store, 'b', 1, 'zboot-7-100');
  const high = put(store, 'c', 2, 'zboot-7-100', 'high');
  const other = put(store, 'd', 3, 'zboot-7-1000');
  expect(idOf(store, single)).toBe(single);
  expect(idOf(store, single.slice(0, 12).toUpperCase())).toBe(single);
  // The id of the one begins that of the other, and is exact.
  expect(idOf(store, 'zboot-7-100')).toBe(high);
  expect(idOf(store, 'zboot-7-1000')).toBe(other);
  expect(idOf(store, 'zboot')).toEqual(['zboot-7-1000', 'zboot-7-100']);
  for (const none of ['', '%', 'x', `${single}0`]) expect(idOf(store, none)).toEqual([]);
});

test('a story has the incident, the values that the baseline knew before, and related alerts', () => {
  const store = temporaryStore();
  put(store, 'older', 0);
  const id = put(store, 'a', 1, 'zboot-7-100');
  const related = put(store, 'b', 2, 'zboot-7-100');
  put(store, 'later', 3);
  const found = findAlert(store, id);
  if (!('alert' in found)) throw new Error('no alert');
  const story = readStory(store, { alert: found.alert, rule: undefined, isAlive });
  expect(story.incident.stepparent.incident.alerts.map((alert) => alert.id)).toEqual([id, related]);
  expect(story.baseline).toMatchObject({ count: 1, newest: [{ terms: ['older'] }], own: { terms: ['a'] } });
  expect(story.related.map((alert) => alert.id)).toEqual([related]);
});
