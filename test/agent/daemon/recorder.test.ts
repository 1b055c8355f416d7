// The recorder over a database that breaks: replaces the database, commits the events that waited, and notifies its listeners.

import { expect, test } from 'vitest';
import { openRecorder } from '../../../agent/daemon/recorder.ts';
import { StoreError } from '../../../storage/store-error.ts';
import { exampleEvent, exampleJudged, exampleRule, start } from '../../storage/examples.ts';

const setAside = { path: '/db.corrupt', reason: 'malformed' };

function recorderOver(store: {
  broken: boolean;
  refusesReplacement?: boolean;
  setAside?: typeof setAside;
  damage?: string | undefined;
}) {
  const log: string[] = [];
  const committed: string[][] = [];
  const write =
    (level: string) =>
    (message: string): number =>
      log.push(`${level}: ${message}`);
  const recorder = openRecorder({
    store: {
      get setAside() {
        return store.setAside;
      },
      get damage() {
        return store.damage;
      },
      record(events) {
        if (store.broken) throw new StoreError('corrupt', 'malformed');
        committed.push(events.map(({ event }) => event.event.id));
        return { alerts: [] };
      },
      replaceDatabase(reason) {
        if (store.refusesReplacement) throw new StoreError('full', 'disk full');
        store.setAside = { ...setAside, reason };
        store.broken = false;
        store.damage = undefined;
      },
    },
    nowMs: () => start,
    log: { error: write('error'), info: write('info') },
    onFault: (what) => log.push(`fault: ${what}`),
  });
  const add = (id: string) => recorder.add({ event: exampleEvent(id, start), scope: '', verdicts: [] });
  return { recorder, add, committed, log };
}

test('replaces a database that breaks, and commits the events at the next commit', () => {
  const { recorder, add, committed, log } = recorderOver({ broken: true });
  const reported: unknown[] = [];
  recorder.onSetAside((...given) => reported.push(given));
  add('a');
  recorder.commit();
  expect([committed, recorder.waiting, recorder.refused]).toEqual([[], 1, 'malformed']);
  expect(reported).toEqual([[setAside, true]]);
  recorder.commit();
  expect([committed, recorder.waiting, recorder.refused]).toEqual([[['a']], 0, undefined]);
  expect(log).toEqual([
    'error: events cannot be stored and wait in memory',
    'error: the database cannot be used: it was set aside and a new one was created',
    'info: events are stored again',
  ]);
});

test('replaces a database that another call has found damaged at the next commit, also without events', () => {
  const store = { broken: false, damage: 'malformed in a delivery' };
  const { recorder, committed, log } = recorderOver(store);
  recorder.commit();
  expect([store.damage, committed]).toEqual([undefined, [[]]]);
  expect(log).toEqual(['error: the database cannot be used: it was set aside and a new one was created']);
  recorder.commit();
  expect(committed).toEqual([[]]);
});

test('tries again to replace a database that could not be replaced', () => {
  const store = { broken: true, refusesReplacement: true };
  const { recorder, add, committed } = recorderOver(store);
  add('a');
  recorder.commit();
  recorder.commit();
  expect([committed, recorder.waiting]).toEqual([[], 1]);
  store.refusesReplacement = false;
  recorder.commit();
  expect([committed, recorder.waiting]).toEqual([[['a']], 0]);
});

test('reports a database that was set aside at the opening to a later listener', () => {
  const { recorder, log } = recorderOver({ broken: false, setAside });
  const reported: unknown[] = [];
  recorder.onSetAside((...given) => reported.push(given));
  expect(reported).toEqual([[setAside, false]]);
  expect(log).toEqual(['error: the database cannot be used: it was set aside and a new one was created']);
});

test('builds the alert of a new match before the transaction, that of a repeated match only on the store’s request', () => {
  const built: string[] = [];
  let isCommitting = false;
  const recorder = openRecorder({
    store: {
      setAside: undefined,
      damage: undefined,
      replaceDatabase() {},
      record() {
        isCommitting = true;
        return { alerts: [] };
      },
    },
    nowMs: () => start,
    log: { error() {}, info() {} },
    onFault() {},
  });
  const add = (id: string, term: string): void => {
    const event = exampleEvent(id, start);
    const match = exampleJudged(event, { rule: exampleRule(), terms: [term] });
    const alert = () => {
      built.push(`${id} ${isCommitting ? 'in the transaction' : 'before'}`);
      return event;
    };
    isCommitting = false;
    recorder.add({ event, scope: '', verdicts: [{ ...match, alert }] });
    recorder.commit();
  };
  add('a', '/usr/bin/python3');
  add('b', '/usr/bin/python3');
  add('c', '/opt/other');
  expect(built).toEqual(['a before', 'c before']);
  // A long term is not kept in memory.
  const long = `/${'x'.repeat(4000)}`;
  add('d', long);
  add('e', long);
  expect(built.slice(2)).toEqual(['d before', 'e before']);
});
