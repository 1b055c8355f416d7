// What belongs to a transaction, read back: by its alerts' states and times, in order, longer than a page.

import { expect, test } from 'vitest';
import { readIncidents } from '../../agent/query/read-incidents.ts';
import type { Store } from '../../storage/store.ts';
import { exampleFinding, minute, start } from './examples.ts';
import { temporaryStore } from './temporary-store.ts';

/** An event of transaction `id` so many minutes after the start; with an alert where it is to have one. */
function put(store: Store, id: string, minutes: number, alert: boolean, count = 1): void {
  const time = start + minutes * minute;
  const findings = Array.from({ length: count }, (_, i) => {
    const finding = exampleFinding(time, { terms: [`${id} ${minutes} ${i}`] });
    finding.event.stepparent.transaction = { id };
    return alert ? finding : { ...finding, verdicts: [] };
  });
  store.record(findings, time);
}

function filled(learningMs?: number): Store {
  const store = temporaryStore({ learningMs });
  put(store, 'a', 0, true);
  put(store, 'quiet', 1, false);
  put(store, 'b', 2, true);
  put(store, 'a', 3, false, 450);
  put(store, 'a', 4, true);
  store.record([exampleFinding(start + 5 * minute)], start + 5 * minute);
  return store;
}
const all = { states: ['open', 'rate_limited'] as const, limit: 10 };

test('lists transactions with an alert and alerts without a transaction, sorted by the last alert', () => {
  const store = filled();
  const [single = ''] = [...store.listAlerts({ sinceMs: start + 5 * minute })].map(({ id }) => id);
  expect(store.listIncidents(all)).toEqual(['b', 'a', single]);
  expect([...store.incidentAlerts(single)]).toHaveLength(1);
  expect(store.listIncidents({ ...all, limit: 1 })).toEqual([single]);
  expect(store.listIncidents({ ...all, id: single })).toEqual([single]);
  expect(store.listIncidents({ ...all, sinceMs: start + 3 * minute })).toEqual(['a', single]);
  expect(store.listIncidents({ ...all, id: 'b' })).toEqual(['b']);
  expect(store.listIncidents({ ...all, id: 'quiet' })).toEqual([]);
  expect(store.listIncidents({ ...all, states: ['learning'] })).toEqual([]);
});

test('reads events and alerts of one transaction over more than a page, each once, in order', () => {
  const store = filled();
  const times = [...store.transactionEvents('a')].map((event) => Date.parse(event['@timestamp']));
  expect(times).toHaveLength(452);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(new Set([...store.transactionEvents('a')].map(({ event }) => event.id)).size).toBe(452);
  expect(store.countTransactionEvents('a')).toBe(452);
  expect([...store.incidentAlerts('a')].map(({ state }) => state)).toEqual(['open', 'open']);
  expect([...store.transactionEvents('none')]).toEqual([]);
});

test('lists transactions with only learning alerts on request', () => {
  const read = (store: Store, question: object) => [...readIncidents(store, { limit: 10, ...question }, () => false)];
  const reported = read(filled(), {}).map(({ event, stepparent }) => [
    event.action,
    stepparent.transaction.id.length < 2 ? stepparent.transaction.id : 'an alert',
    stepparent.incident.steps.length,
  ]);
  expect(reported).toEqual([
    ['package-transaction', 'b', 1],
    ['package-transaction', 'a', 452],
    ['single-alert', 'an alert', 1],
  ]);
  const learning = filled(60 * minute);
  expect(read(learning, {})).toEqual([]);
  expect(read(learning, { all: true })).toHaveLength(3);
});
