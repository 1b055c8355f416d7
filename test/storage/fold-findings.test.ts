// One fact, one alert: which findings of an event become one alert, and what the store keeps of them.

import { describe, expect, test } from 'vitest';
import type { Exception } from '../../detectors/exceptions.ts';
import type { JudgedEvent } from '../../detectors/judge.ts';
import type { Rule } from '../../detectors/rules/rule.ts';
import { foldFindings } from '../../storage/fold-findings.ts';
import { limits } from '../../storage/limits.ts';
import type { Store } from '../../storage/store.ts';
import { rulesOf } from '../rules-of.ts';
import {
  day,
  exampleEvent,
  exampleException,
  exampleFinding,
  exampleJudged,
  exampleRule,
  hour,
  minute,
  start,
} from './examples.ts';
import { temporaryStore } from './temporary-store.ts';

describe('groups', () => {
  /** The groups of these rules; `a>b,c`: a is part of b and of c. `!` marks one that may not stand for others. */
  const groupsOf = (...texts: string[]): string[][] => {
    const findings = texts.map((text) => {
      const [id = '', partOf = ''] = text.replace('!', '').split('>');
      return { rule: { id, partOf: partOf.split(',').filter(Boolean) }, canHold: !text.includes('!') };
    });
    return foldFindings(findings, ({ canHold }) => canHold).map(({ whole, parts }) =>
      [whole, ...parts].map(({ rule }) => rule.id),
    );
  };

  test.each<[string, string[], string[][]]>([
    ['none', [], []],
    ['one', ['a'], [['a']]],
    ['two that know nothing of each other', ['a', 'b'], [['a'], ['b']]],
    ['a part before its whole', ['a>b', 'b'], [['b', 'a']]],
    ['a part after its whole', ['b', 'a>b'], [['b', 'a']]],
    ['a part without its whole', ['a>b', 'c'], [['a'], ['c']]],
    ['two parts, in their order', ['a>c', 'b>c', 'c'], [['c', 'a', 'b']]],
    ['the first of two wholes', ['b', 'a>c,b', 'c'], [['b', 'a'], ['c']]],
    ['a whole that may not stand for others', ['a>b', '!b'], [['a'], ['b']]],
    ['then the next one', ['a>b,c', '!b', 'c'], [['b'], ['c', 'a']]],
    ['a part that may not stand for others', ['!a>b', 'b'], [['b', 'a']]],
    ['a chain: what goes into another takes in none', ['a>b', 'b>c', 'c'], [['a'], ['c', 'b']]],
    ['rules that name each other', ['a>b', 'b>a'], [['a'], ['b']]],
    ['a circle', ['a>b', 'b>c', 'c>a'], [['a'], ['b'], ['c']]],
    ['a rule that names itself', ['a>a'], [['a']]],
  ])('%s', (_, texts, groups) => {
    expect(groupsOf(...texts)).toEqual(groups);
  });

  test('of hundreds of rules that name all others, each once', () => {
    const ids = Array.from({ length: 300 }, (_, i) => `r${i}`);
    expect(groupsOf(...ids.map((id) => `${id}>${ids.join(',')}`))).toEqual(ids.map((id) => [id]));
  });
});

const whole = exampleRule({ id: 'whole', reason: 'first by the parent in {window}' });
const part = exampleRule({
  id: 'part',
  name: 'Part',
  severity: 'medium',
  riskScore: 47,
  partOf: ['whole'],
  reason: 'first by the person in {window}',
});

interface More {
  /** Values of the terms; null: not observed. Undefined: the rule does not match. */
  whole?: string | null | undefined;
  part?: string | null | undefined;
  known?: boolean;
  exceptions?: { whole?: Exception; part?: Exception };
}

let events = 0;

/** An event that both rules match. */
function both(timeMs: number, more: More = {}): JudgedEvent {
  const event = exampleEvent(`both-${++events}`, timeMs);
  const verdicts = [part, whole].flatMap((rule) => {
    const id = rule.id as 'whole' | 'part';
    const term = id in more ? more[id] : `/${id}`;
    if (term === undefined) return [];
    const exception = more.exceptions?.[id];
    const known = id === 'whole' && more.known === true;
    return [exampleJudged(event, { rule, terms: [term] }, { known, ...(exception && { exception }) })];
  });
  return { event, scope: '', verdicts };
}

/** The rules of each alert that the event raises. */
const raised = (store: Store, timeMs: number, more: More = {}): string[][] =>
  store.record([both(timeMs, more)], timeMs).alerts.map(({ document }) => rulesOf(document));

const terms = (store: Store): string[] => [...store.listTerms()].map(({ ruleId, terms }) => `${ruleId} ${terms[0]}`);

describe('one alert', () => {
  test('has the rule that the other is part of, both reasons, and the highest severity', () => {
    const store = temporaryStore({ sinks: ['journald'] });
    const { alerts } = store.record([both(start)], start);
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toMatchObject({ ruleId: 'whole', terms: ['/whole'], state: 'open', count: 1 });
    const [delivered] = store.pending('journald', 10, start);
    expect(delivered?.document).toEqual(alerts[0]?.document);
    expect(delivered?.document).toMatchObject({
      message: expect.stringMatching(/ - first by the parent, and first by the person in 90 days$/),
      event: { severity: 47, risk_score: 47 },
      rule: { id: 'whole' },
      stepparent: {
        alert: {
          terms: ['/whole'],
          reason: 'first by the parent, and first by the person in 90 days',
          findings: [
            {
              rule: { id: 'part', name: 'Part' },
              terms: ['/part'],
              reason: 'first by the person in 90 days',
              severity: 47,
              risk_score: 47,
            },
          ],
        },
      },
    });
    expect([...store.listAlerts({ foundBy: 'part' }), ...store.listAlerts({ foundBy: 'whole' })]).toHaveLength(2);
    expect([...store.listAlerts({ ruleId: 'part' }), ...store.listAlerts({ foundBy: 'other' })]).toEqual([]);
  });

  test('teaches both terms, and repeats count in it', () => {
    const store = temporaryStore();
    expect(raised(store, start)).toEqual([['whole', 'part']]);
    expect(terms(store)).toEqual(['part /part', 'whole /whole']);
    expect(raised(store, start + minute)).toEqual([]);
    expect([...store.listAlerts()]).toMatchObject([{ ruleId: 'whole', count: 2 }]);
    expect([...store.listTerms()].map(({ count, origin }) => [count, origin])).toEqual([
      [2, 'alert'],
      [2, 'alert'],
    ]);
  });

  test('is not needed where only one is new', () => {
    const store = temporaryStore();
    raised(store, start);
    expect(raised(store, start + 1, { part: '/other' })).toEqual([['part']]);
    expect(raised(store, start + 2, { whole: '/other' })).toEqual([['whole']]);
    expect(raised(store, start + 3, { whole: '/third', part: '/third' })).toEqual([['whole', 'part']]);
  });

  test('comes again after the window, and only then', () => {
    const store = temporaryStore();
    raised(store, start);
    expect(raised(store, start + 90 * day - 1)).toEqual([]);
    expect(raised(store, start + 180 * day)).toEqual([['whole', 'part']]);
  });

  test('in the learning period, too', () => {
    const store = temporaryStore({ learningMs: hour });
    expect(raised(store, start)).toEqual([['whole', 'part']]);
    expect([...store.listAlerts()]).toMatchObject([{ state: 'learning' }]);
    expect([...store.listTerms()].map(({ origin }) => origin)).toEqual(['learning', 'learning']);
  });
});

describe('the other rule alone', () => {
  test.each<[string, More, string[][], string[]]>([
    ['if the whole does not match', { whole: undefined }, [['part']], ['part /part']],
    ['if the part does not match', { part: undefined }, [['whole']], ['whole /whole']],
    ['if the whole is on a list of known programs', { known: true }, [['part']], ['part /part', 'whole /whole']],
    ['if an exception covers the whole', { exceptions: { whole: exampleException() } }, [['part']], ['part /part']],
    ['if an exception covers the part', { exceptions: { part: exampleException() } }, [['whole']], ['whole /whole']],
  ])('%s', (_, more, alerts, learned) => {
    const store = temporaryStore();
    expect(raised(store, start, more)).toEqual(alerts);
    expect(terms(store)).toEqual(learned);
  });

  test('above the rate limit of the whole, by its own limit', () => {
    const store = temporaryStore();
    const flood = Array.from({ length: limits.rateLimitAlerts }, (_, i) =>
      exampleFinding(start, { rule: whole, terms: [`/flood-${i}`] }),
    );
    store.record(flood, start);
    const { alerts } = store.record([both(start + 1)], start + 1);
    expect(alerts.map(({ state, document }) => [state, rulesOf(document)])).toEqual([
      ['open', ['part']],
      ['rate_limited', ['whole']],
    ]);
    expect(terms(store)).toContain('part /part');
    expect(terms(store)).not.toContain('whole /whole');
  });
});

describe('terms that were not observed', () => {
  test('of both are one alert in an hour, of the whole', () => {
    const store = temporaryStore();
    const unobserved = { whole: null, part: null };
    expect(raised(store, start, unobserved)).toEqual([['whole']]);
    expect(raised(store, start + hour - 1, unobserved)).toEqual([]);
    expect(raised(store, start + hour, unobserved)).toEqual([['whole']]);
    expect(terms(store)).toEqual([]);
  });

  test('of one are a finding like others', () => {
    const store = temporaryStore();
    expect(raised(store, start, { part: null })).toEqual([['whole', 'part']]);
    expect(raised(store, start + 1, { part: null })).toEqual([['part']]);
    expect(raised(store, start + 2, { part: null })).toEqual([]);
  });

  test('and an exception for the whole: the part raises its own', () => {
    const store = temporaryStore();
    const more = { whole: null, part: null, exceptions: { whole: exampleException() } };
    expect(raised(store, start, more)).toEqual([['part']]);
  });
});

describe('a baseline that counts for another rule', () => {
  const installs = exampleRule({ id: 'installs' });
  const runs = exampleRule({ id: 'runs', knownBy: ['installs'] });
  const put = (store: Store, timeMs: number, rule: Rule, term = '/x', scope?: 'container') =>
    store.record([exampleFinding(timeMs, { rule, terms: [term], ...(scope && { scope }) })], timeMs).alerts.length;

  test('makes its terms known, and the rule learns them', () => {
    const store = temporaryStore();
    expect([put(store, start, installs), put(store, start + 1, runs), put(store, start + 2, runs)]).toEqual([1, 0, 0]);
    expect([...store.listTerms({ ruleId: 'runs' })]).toMatchObject([{ terms: ['/x'], count: 2, origin: 'known' }]);
  });

  test('counts within one batch', () => {
    const store = temporaryStore();
    const batch = [installs, runs].map((rule) => exampleFinding(start, { rule, terms: ['/x'] }));
    expect(store.record(batch, start).alerts.map(({ ruleId }) => ruleId)).toEqual(['installs']);
  });

  test('has an end, and holds for its own place and terms only', () => {
    const store = temporaryStore();
    put(store, start, installs);
    expect(put(store, start + 1, runs, '/y')).toBe(1);
    expect(put(store, start + 1, runs, '/x', 'container')).toBe(1);
    expect(put(store, start + 90 * day, runs)).toBe(1);
  });

  test('does not count the other way round', () => {
    const store = temporaryStore();
    expect([put(store, start, runs), put(store, start + 1, installs)]).toEqual([1, 1]);
  });

  test('that the operator allowed counts without end', () => {
    const store = temporaryStore();
    store.allowTerm('installs', '', ['/x'], start);
    expect(put(store, start + 400 * day, runs)).toBe(0);
    expect(put(store, start + 800 * day, runs)).toBe(0);
    store.removeTerm('installs', '', ['/x']);
    expect(put(store, start + 1200 * day, runs)).toBe(1);
  });
});
