// What counts as seen, what raises an alert and what only counts: the baseline's semantics on a real database.

import { describe, expect, test } from 'vitest';
import type { JudgedEvent } from '../../detectors/judge.ts';
import type { TermRecord } from '../../storage/records.ts';
import {
  day,
  exampleEvent,
  exampleFinding,
  exampleJudged,
  exampleRule,
  hour,
  minute,
  second,
  start,
} from './examples.ts';
import { temporaryStore } from './temporary-store.ts';

const sliding = exampleRule();
const fixed = exampleRule({ id: 'dpkg-odd-option', type: 'query', window: 'fixed', windowMs: day });

/** Records each finding by itself, at its own time, and says what each raised. */
function outcomes(findings: readonly [atMs: number, options?: Parameters<typeof exampleFinding>[1]][]): string[] {
  const store = temporaryStore();
  return findings.map(([atMs, options]) => {
    const { alerts } = store.record([exampleFinding(start + atMs, options)], start + atMs);
    return alerts[0]?.state ?? 'none';
  });
}

describe('new terms, sliding window of 90 days', () => {
  test.each<[string, Parameters<typeof outcomes>[0], string[]]>([
    ['first sighting alerts, the second does not', [[0], [1]], ['open', 'none']],
    ['just inside the window', [[0], [90 * day - 1]], ['open', 'none']],
    ['at the window it is new again', [[0], [90 * day]], ['open', 'open']],
    ['each sighting starts the window again', [[0], [89 * day], [178 * day]], ['open', 'none', 'none']],
    ['another term is new', [[0], [1, { terms: ['/usr/bin/perl'] }]], ['open', 'open']],
    ['another scope is new', [[0], [1, { scope: 'container' }]], ['open', 'open']],
    ['another rule is new', [[0], [1, { rule: exampleRule({ id: 'other' }) }]], ['open', 'open']],
    [
      'terms are a list, not a joined text',
      [
        [0, { terms: ['a', 'b,c'] }],
        [1, { terms: ['a,b', 'c'] }],
      ],
      ['open', 'open'],
    ],
    ['a known term is silent, and learned', [[0, { known: true }], [1]], ['none', 'none']],
    [
      'known again is silent',
      [
        [0, { known: true }],
        [1, { known: true }],
      ],
      ['none', 'none'],
    ],
    ['an old known term is new without its list', [[0, { known: true }], [90 * day]], ['none', 'open']],
    [
      'a container is silent, and learned',
      [
        [0, { alerting: false, scope: 'container' }],
        [1, { scope: 'container' }],
      ],
      ['none', 'none'],
    ],
    ['a container does not speak for the host', [[0, { alerting: false, scope: 'container' }], [1]], ['none', 'open']],
    [
      'terms with hostile text',
      [
        [0, { terms: ['\ud800\0'] }],
        [1, { terms: ['\ud800\0'] }],
        [2, { terms: ['\ud801\0'] }],
      ],
      ['open', 'none', 'open'],
    ],
  ])('%s', (_, findings, expected) => {
    expect(outcomes(findings)).toEqual(expected);
  });
});

describe('suppression, fixed window of one day', () => {
  const at = (atMs: number, terms = ['x']): Parameters<typeof outcomes>[0][number] => [atMs, { rule: fixed, terms }];
  test.each<[string, Parameters<typeof outcomes>[0], string[]]>([
    ['within a day of the first it only counts', [at(0), at(day - 1)], ['open', 'none']],
    ['repeats do not start the window again', [at(0), at(day - 1), at(day)], ['open', 'none', 'open']],
    ['other terms alert', [at(0), at(1, ['y'])], ['open', 'open']],
    ['no terms at all: one alert for the rule', [at(0, []), at(1, []), at(day, [])], ['open', 'none', 'open']],
    ['known is silent and hides nothing', [[0, { rule: fixed, terms: ['x'], known: true }], at(1)], ['none', 'open']],
  ])('%s', (_, findings, expected) => {
    expect(outcomes(findings)).toEqual(expected);
  });
});

describe('a term that was not observed', () => {
  const at = (atMs: number, terms: (string | null)[] = [null]): Parameters<typeof outcomes>[0][number] => [
    atMs,
    { terms },
  ];
  test.each<[string, Parameters<typeof outcomes>[0], string[]]>([
    ['alerts once in an hour', [at(0), at(hour - 1), at(hour)], ['open', 'none', 'open']],
    ['is its own: the word "null" is another', [at(0), at(1, ['null'])], ['open', 'open']],
    ['one of two', [at(0, ['a', null]), at(1, ['b', null]), at(2, ['a', null])], ['open', 'open', 'none']],
    ['in a container', [[0, { terms: [null], alerting: false }], at(1)], ['none', 'open']],
  ])('%s', (_, findings, expected) => {
    expect(outcomes(findings)).toEqual(expected);
  });

  test('is never learned', () => {
    const store = temporaryStore();
    store.record([exampleFinding(start, { terms: [null] }), exampleFinding(start, { terms: ['a', null] })], start);
    expect([...store.listTerms()]).toEqual([]);
  });
});

describe.each([
  ['each in a transaction of its own', (times: readonly number[]) => times.map((time) => [time])],
  ['all in one transaction', (times: readonly number[]) => [times]],
])('counting, %s', (_, batches) => {
  const recorded = (...times: number[]) => {
    const store = temporaryStore();
    for (const batch of batches(times)) {
      store.record(
        batch.map((time) => exampleFinding(time)),
        batch.at(-1) ?? 0,
      );
    }
    return store;
  };

  test('repeats raise the counter of the latest alert', () => {
    const store = recorded(start, start + minute, start + 2 * minute);
    expect([...store.listAlerts()]).toMatchObject([{ count: 3, firstMs: start, lastMs: start + 2 * minute }]);
    expect([...store.listTerms()]).toEqual<TermRecord[]>([
      {
        ruleId: sliding.id,
        scope: '',
        terms: ['/usr/bin/python3'],
        firstMs: start,
        lastMs: start + 2 * minute,
        count: 3,
        origin: 'alert',
      },
    ]);
  });

  test('a term that expired counts in its new alert', () => {
    const later = start + 100 * day;
    const store = recorded(start, later, later + 1);
    expect([...store.listAlerts()].map(({ count }) => count)).toEqual([1, 2]);
  });
});

describe('counting', () => {
  test('a known term has no alert', () => {
    const store = temporaryStore();
    store.record([exampleFinding(start, { known: true }), exampleFinding(start)], start);
    expect([...store.listAlerts()]).toEqual([]);
    expect([...store.listTerms()]).toMatchObject([{ count: 2, origin: 'known' }]);
  });

  test('the second match in one batch counts as seen', () => {
    const store = temporaryStore();
    expect(store.record([exampleFinding(start), exampleFinding(start)], start).alerts).toHaveLength(1);
  });

  test('several rules that match one event each alert', () => {
    const store = temporaryStore();
    const event = exampleEvent('e', start);
    const judgedEvent: JudgedEvent = {
      event,
      scope: '',
      verdicts: [sliding, fixed].map((rule) => exampleJudged(event, { rule, terms: ['x'] })),
    };
    const { alerts } = store.record([judgedEvent], start);
    expect(alerts.map(({ ruleId }) => ruleId)).toEqual([sliding.id, fixed.id]);
    expect(new Set(alerts.map(({ id }) => id)).size).toBe(2);
  });

  test('an event without a verdict is only stored', () => {
    const store = temporaryStore();
    store.record([{ event: exampleEvent('e', start), scope: '', verdicts: [] }], start);
    expect([...store.listEvents()]).toEqual([exampleEvent('e', start)]);
    expect([...store.listAlerts(), ...store.listTerms()]).toEqual([]);
  });
});

describe('replay', () => {
  test('the same batch again changes nothing', () => {
    const store = temporaryStore();
    const batch = [exampleFinding(start), exampleFinding(start), exampleFinding(start, { terms: [null] })];
    const everything = () => [
      [...store.listAlerts()],
      [...store.listTerms()],
      [...store.listEvents()],
      store.pending('journald', 100, start),
    ];
    store.record(batch, start);
    const before = everything();
    expect(store.record(batch, start + second)).toEqual({ alerts: [] });
    expect(everything()).toEqual(before);
  });

  test('an event that was pruned meanwhile raises no second alert with the same id', () => {
    const store = temporaryStore();
    const batch = [exampleFinding(start, { rule: fixed })];
    store.record(batch, start);
    while (store.prune(start + 20 * day).more);
    expect([...store.listEvents()]).toEqual([]);
    expect(store.record(batch, start + 20 * day)).toMatchObject({ alerts: [] });
    expect([...store.listAlerts()]).toHaveLength(1);
  });

  test('a batch that fails leaves nothing behind', () => {
    const store = temporaryStore();
    const broken = exampleFinding(start);
    Object.assign(broken.event, { unreadable: 1n });
    expect(() => store.record([exampleFinding(start), broken], start)).toThrow(TypeError);
    expect([...store.listEvents(), ...store.listAlerts(), ...store.listTerms()]).toEqual([]);
  });
});

describe('clocks that step', () => {
  test('a time in the future counts as now', () => {
    const store = temporaryStore();
    store.record([exampleFinding(start + 400 * day)], start);
    expect([...store.listTerms()]).toMatchObject([{ lastMs: start }]);
    expect(store.record([exampleFinding(start + 90 * day)], start + 90 * day).alerts).toHaveLength(1);
  });

  test('an invalid time counts as now', () => {
    const store = temporaryStore();
    const judgedEvent = exampleFinding(start);
    judgedEvent.event['@timestamp'] = 'yesterday';
    store.record([judgedEvent], start);
    expect([...store.listTerms()]).toMatchObject([{ lastMs: start }]);
  });

  test('an old time neither adds nor removes a term', () => {
    const store = temporaryStore();
    store.record([exampleFinding(start)], start);
    expect(store.record([exampleFinding(0)], start)).toMatchObject({ alerts: [] });
    expect([...store.listTerms()]).toMatchObject([{ lastMs: start, count: 2 }]);
    expect(store.record([exampleFinding(0, { terms: ['new'] })], start).alerts).toHaveLength(1);
    expect(store.record([exampleFinding(start, { terms: ['new'] })], start).alerts).toHaveLength(1);
  });

  test('the next match corrects a baseline from a clock that was ahead', () => {
    const store = temporaryStore();
    store.record([exampleFinding(start + 4000 * day)], start + 4000 * day);
    expect(store.record([exampleFinding(start)], start)).toMatchObject({ alerts: [] });
    expect([...store.listTerms()]).toMatchObject([{ lastMs: start }]);
    expect(store.record([exampleFinding(start + 90 * day)], start + 90 * day).alerts).toHaveLength(1);
  });

  test('an alert from a clock that was ahead suppresses nothing', () => {
    const store = temporaryStore();
    const alertsAt = (time: number) => store.record([exampleFinding(time, { rule: fixed })], time).alerts.length;
    expect([alertsAt(start + 4000 * day), alertsAt(start), alertsAt(start + second)]).toEqual([1, 1, 0]);
  });
});

describe('editing the baseline', () => {
  test('a removed term is new again', () => {
    const store = temporaryStore();
    store.record([exampleFinding(start)], start);
    expect(store.removeTerm(sliding.id, '', ['/usr/bin/python3'])).toBe(true);
    expect(store.removeTerm(sliding.id, '', ['/usr/bin/python3'])).toBe(false);
    expect(store.record([exampleFinding(start + 1)], start + 1).alerts).toHaveLength(1);
  });

  test('an allowed term never expires, seen before or not', () => {
    const store = temporaryStore();
    store.record([exampleFinding(start)], start);
    store.allowTerm(sliding.id, '', ['/usr/bin/python3'], start);
    store.allowTerm(sliding.id, '', ['/usr/bin/perl'], start);
    const later = start + 4000 * day;
    const { alerts } = store.record(
      [exampleFinding(later), exampleFinding(later, { terms: ['/usr/bin/perl'] })],
      later,
    );
    expect(alerts).toEqual([]);
    expect([...store.listTerms()].map(({ terms, count }) => [terms[0], count])).toEqual([
      ['/usr/bin/perl', 1],
      ['/usr/bin/python3', 2],
    ]);
  });
});

test('hostile text is read back unchanged', () => {
  const store = temporaryStore();
  const judgedEvent = exampleFinding(start, { terms: ['\ud800', '\0', '\u{1f600}'] });
  judgedEvent.event.process = { args: ['\ud800', 'a\0b', '\x1b[31m', '\udc00\ud800', '\u{1f600}'] };
  const { alerts } = store.record([judgedEvent], start);
  expect([...store.listEvents()]).toEqual([judgedEvent.event]);
  expect([...store.listAlerts()]).toEqual(alerts);
  expect([...store.listTerms()]).toMatchObject([{ terms: ['\ud800', '\0', '\u{1f600}'] }]);
});
