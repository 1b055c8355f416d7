// Hunts in the agent: a new row is reported once, even if something fails on the way.

import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { type HuntScheduleDeps, startHuntSchedule } from '../../../agent/daemon/hunt-schedule.ts';
import type { QueryResult } from '../../../agent/query/ask-query.ts';
import type { ExceptionFor } from '../../../detectors/exceptions.ts';
import type { Hunt } from '../../../detectors/hunts/hunt.ts';
import { parseHunt } from '../../../detectors/hunts/load-hunts.ts';
import { day, exampleException, hour, start } from '../../storage/examples.ts';
import { temporaryStore } from '../../storage/temporary-store.ts';

const hunt = (id: string, more = '[hunt.finding]\nreason = "{a}"'): Hunt =>
  parseHunt(
    `${id}.toml`,
    `[hunt]\nid = "${id}"\nname = "N"\ndescription = "d"\nidentity = ["a"]\nsql = "SELECT 1"\n${more}`,
  );

const answer = (...values: (string | null)[]): QueryResult => ({
  columns: ['a', 'count'],
  rows: values.map((value) => [value, 1]),
  truncated: false,
  notes: [],
});

interface Change {
  hunts?(): Hunt[];
  exceptionFor?: ExceptionFor;
  intervalMs?(): number;
  run?: HuntScheduleDeps['run'];
  recordHunt?: HuntScheduleDeps['store']['recordHunt'];
}

/** A schedule over a real store, whose rounds follow each other at once; `rounds` has the result of each run of a hunt. */
function schedule(rounds: Record<string, (QueryResult | Error)[]>, change: Change = {}) {
  const store = temporaryStore();
  const reported: string[] = [];
  const windows: number[] = [];
  let nowMs = start;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const run: HuntScheduleDeps['run'] = (each, window) => {
    windows.push(window.nowMs - window.sinceMs);
    const next = rounds[each.id]?.shift();
    if (next === undefined) finish();
    return next === undefined
      ? new Promise(() => {})
      : next instanceof Error
        ? Promise.reject(next)
        : Promise.resolve(next);
  };
  const running = startHuntSchedule(
    {
      policy: () => ({
        get hunts() {
          return change.hunts?.() ?? Object.keys(rounds).map((id) => hunt(id));
        },
        exceptionFor: change.exceptionFor ?? (() => undefined),
        configuration: { hunts: { interval: change.intervalMs?.() ?? 0 } },
      }),
      run: change.run ?? run,
      store: change.recordHunt === undefined ? store : { recordHunt: change.recordHunt },
      context: { hostFields: { id: 'h' }, agent: { type: 'stepparent' } },
      listener: {
        onAlerts: () => reported.push('alerts'),
        onFirstRun: ({ id }, known) => reported.push(`first run of ${id}: ${known}`),
        onFault: (what, error) => reported.push(`${what}: ${String(error)}`),
      },
    },
    {
      nowMs: () => {
        nowMs += hour;
        return nowMs;
      },
      firstMs: 0,
    },
  );
  onTestFinished(() => store.close());
  return { store, running, reported, windows, finished };
}

test('the first run reports nothing, later runs report new rows once', async () => {
  const { store, running, reported, windows, finished } = schedule({
    files: [answer('x', 'y'), answer('x', 'z', null), answer('x', 'z', null)],
  });
  await finished;
  expect(reported).toEqual(['first run of files: 2', 'alerts']);
  expect([...store.listAlerts()].map(({ ruleId, terms }) => [ruleId, terms[0]])).toEqual([
    ['hunt:files', 'z'],
    ['hunt:files', null],
  ]);
  expect(store.pending('journald', 10, start + day).map(({ document }) => document.stepparent.hunt)).toEqual([
    { id: 'files', row: { a: 'z', count: 1 } },
    { id: 'files', row: { a: null, count: 1 } },
  ]);
  expect(running.status()).toMatchObject([{ id: 'files', rows: 3, findings: 2, learned: 2 }]);
  expect(new Set(windows)).toEqual(new Set([7 * day]));
});

test('reports a failing hunt, runs the others, and tries it again', async () => {
  const { running, reported, finished } = schedule({
    broken: [new Error('no such table: x'), answer()],
    sound: [answer('x'), answer('x', 'y')],
  });
  await finished;
  expect(reported).toEqual([
    'the hunt broken failed: Error: no such table: x',
    'first run of sound: 1',
    'first run of broken: 0',
    'alerts',
  ]);
  const [broken, sound] = running.status();
  expect(broken).not.toHaveProperty('trouble');
  expect(sound).toMatchObject({ id: 'sound', findings: 1 });
});

test('reports the rows at the next run if the store fails', async () => {
  const store = temporaryStore();
  let fails = 1;
  const { finished, reported } = schedule(
    { files: [answer(), answer('x'), answer('x')] },
    {
      recordHunt(ruleId, rows, nowMs) {
        if (rows.length > 0 && fails-- > 0) throw new Error('disk full');
        return store.recordHunt(ruleId, rows, nowMs);
      },
    },
  );
  await finished;
  expect(reported).toEqual(['first run of files: 0', 'the hunt files failed: Error: disk full', 'alerts']);
});

test('counts a row that an exception covers as suppressed, without an alert', async () => {
  const asked: unknown[] = [];
  const { store, running, reported, finished } = schedule(
    { files: [answer(), answer('x', 'y')] },
    {
      exceptionFor(ruleId, read, nowMs) {
        const [rule, action] = [read('rule.id'), read('event.action')];
        asked.push([ruleId, rule, action, read('stepparent.hunt.row.a'), nowMs > start]);
        return read('stepparent.hunt.row.a') === 'x' ? exampleException() : undefined;
      },
    },
  );
  await finished;
  expect(asked).toEqual([
    ['hunt:files', 'hunt:files', 'hunt-finding', 'x', true],
    ['hunt:files', 'hunt:files', 'hunt-finding', 'y', true],
  ]);
  expect(reported).toEqual(['first run of files: 0', 'alerts']);
  expect(running.status()).toMatchObject([{ rows: 2, findings: 1, suppressed: 1 }]);
  expect([...store.listAlerts()].map(({ terms, state }) => [terms[0], state])).toEqual([
    ['x', 'suppressed'],
    ['y', 'open'],
  ]);
  const [hidden] = store.listAlerts({ state: 'suppressed' });
  expect(hidden?.document.stepparent.alert?.exception).toMatchObject({ owner: 'alice' });
});

test('does not run hunts without findings', async () => {
  const { running } = schedule({}, { hunts: () => [hunt('shown', '')] });
  expect(running.status()).toEqual([]);
  await running.stop();
});

test('stop ends the running hunt without a report', async () => {
  let aborted = false;
  let begun = () => {};
  const runs = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const { running, reported } = schedule(
    { files: [], later: [] },
    {
      run: (_, __, signal) =>
        new Promise((_resolve, reject) => {
          begun();
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(new Error('stopped'));
          });
        }),
    },
  );
  await runs;
  await running.stop();
  expect(aborted).toBe(true);
  expect(reported).toEqual([]);
  expect(running.status().map(({ error }) => error)).toEqual([undefined, undefined]);
});

afterEach(() => void vi.restoreAllMocks());

test('a reload with a shorter interval starts an overdue round, with no negative delay', async () => {
  let intervalMs = 0;
  const rounds = [answer(), answer('x')];
  const timers = vi.spyOn(globalThis, 'setTimeout');
  const { running, finished } = schedule(
    { files: rounds },
    { intervalMs: () => (rounds.length === 1 ? intervalMs : 0) },
  );
  intervalMs = hour;
  await vi.waitFor(() => expect(rounds).toHaveLength(1));
  // The next round is due in an hour; with the shorter interval it is overdue.
  await vi.waitFor(() => expect(timers.mock.calls.at(-1)?.[1]).toBeGreaterThan(hour / 2));
  intervalMs = 1;
  await new Promise((resolve) => setImmediate(resolve));
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10 * hour);
  running.reload();
  await finished;
  const waits = timers.mock.calls.map(([, ms]) => ms ?? 0).filter((ms) => ms < 0);
  expect(waits).toEqual([]);
  await Promise.race([running.stop(), finished]);
});

test('reports hunts that cannot be read, and continues the rounds', async () => {
  let fails = 1;
  const { reported, finished } = schedule(
    {},
    {
      hunts() {
        if (fails-- > 0) throw new Error('not to be read');
        return [hunt('files')];
      },
    },
  );
  await finished;
  expect(reported).toEqual(['the hunts could not be run: Error: not to be read']);
});
