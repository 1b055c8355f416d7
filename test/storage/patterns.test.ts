// Patterns in the baseline, and random names: what is silent, what raises an alert, and what the baseline grows by.

import { describe, expect, test } from 'vitest';
import type { JudgedEvent, Match } from '../../detectors/judge.ts';
import type { Rule } from '../../detectors/rules/rule.ts';
import { termsOf } from '../../detectors/term.ts';
import { limits } from '../../storage/limits.ts';
import type { Store } from '../../storage/store.ts';
import { day, exampleException, exampleFinding, exampleRule, minute, start } from './examples.ts';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

const { id: ruleId } = exampleRule();

/** A match of a program at the path, which a pattern covers if it begins with the pattern's text before a star. */
function finding(atMs: number, path: string, options: Parameters<typeof exampleFinding>[1] = {}): JudgedEvent {
  const found = exampleFinding(start + atMs, { terms: [path], ...options });
  const isAllowedBy: Match['isAllowedBy'] = ([pattern = '']) => path.startsWith(pattern.replace(/\*$/, ''));
  return { ...found, verdicts: found.verdicts.map((match) => ({ ...match, isAllowedBy })) };
}

const record = (store: Store, atMs: number, path: string, options?: Parameters<typeof exampleFinding>[1]): string =>
  store.record([finding(atMs, path, options)], start + atMs).alerts[0]?.state ?? 'none';

const allow = (store: Store, pattern: string, id = ruleId, scope: '' | 'container' = ''): boolean =>
  store.allowPattern(id, scope, [pattern], start);

const termsIn = (store: Store) => [...store.listTerms()].map(({ terms, origin, count }) => [terms[0], origin, count]);

describe('a pattern', () => {
  test('allows what it covers permanently, counts it, and adds nothing else', () => {
    const store = temporaryStore();
    expect(allow(store, '/opt/x-*')).toBe(true);
    expect(record(store, 0, '/opt/x-1')).toBe('none');
    expect(record(store, 400 * day, '/opt/x-2')).toBe('none');
    expect(record(store, 400 * day, '/opt/y')).toBe('open');
    expect(termsIn(store).toSorted()).toEqual([
      ['/opt/x-*', 'pattern', 2],
      ['/opt/y', 'alert', 1],
    ]);
    expect(store.status().terms).toEqual({ alert: 1, pattern: 1 });
  });

  test('allows nothing of another rule or another place', () => {
    const store = temporaryStore();
    allow(store, '/opt/x-*');
    expect(record(store, 0, '/opt/x-1', { rule: exampleRule({ id: 'other' }) })).toBe('open');
    expect(record(store, 0, '/opt/x-1', { scope: 'container' })).toBe('open');
  });

  test('comes before an exception, which would store the match', () => {
    const store = temporaryStore();
    allow(store, '/opt/x-*');
    expect(record(store, 0, '/opt/x-1', { exception: exampleException() })).toBe('none');
    expect(store.suppressed().size).toBe(0);
  });

  test('ends with its removal, in the transaction after it', () => {
    const store = temporaryStore();
    allow(store, '/opt/x-*');
    expect(record(store, 0, '/opt/x-1')).toBe('none');
    expect(store.removeTerm(ruleId, '', ['/opt/x-*'])).toBe(true);
    expect(record(store, 1, '/opt/x-1')).toBe('open');
    expect(termsIn(store)).toEqual([['/opt/x-1', 'alert', 1]]);
  });

  test('counts and ends while the agent runs, by another process', () => {
    const path = `${temporaryDirectory()}/stepparent.db`;
    const agent = temporaryStore({}, path);
    const command = temporaryStore({ mustExist: true }, path);
    expect(record(agent, 0, '/opt/x-1')).toBe('open');
    allow(command, '/opt/x-*');
    expect(record(agent, 1, '/opt/x-2')).toBe('none');
    command.removeTerm(ruleId, '', ['/opt/x-*']);
    expect(record(agent, 2, '/opt/x-3')).toBe('open');
  });

  test('has no part in rules that suppress repeats, and needs a verdict that can be compared', () => {
    const store = temporaryStore();
    allow(store, '/usr/bin/*');
    allow(store, '/opt/x-*', 'fixed');
    const fixed = exampleRule({ id: 'fixed', type: 'query', window: 'fixed' });
    expect(record(store, 0, '/opt/x-1', { rule: fixed })).toBe('open');
    expect(store.record([exampleFinding(start)], start).alerts).toHaveLength(1);
  });

  test('stays when others are deleted, by age or number', () => {
    const store = temporaryStore();
    allow(store, '/opt/x-*');
    record(store, 0, '/opt/y');
    while (store.prune(start + 1000 * day, { termMs: 90 * day }).more);
    expect(termsIn(store)).toEqual([['/opt/x-*', 'pattern', 0]]);
  });

  test('is one of a bounded number', () => {
    const store = temporaryStore();
    for (let i = 0; i < limits.patternsPerRule; i++) expect(allow(store, `/opt/x-${i}-*`)).toBe(true);
    expect(allow(store, '/opt/y-*')).toBe(false);
    expect(record(store, 0, '/opt/y-1')).toBe('open');
    expect(allow(store, '/opt/y-*', 'other')).toBe(true);
    store.removeTerm(ruleId, '', ['/opt/x-0-*']);
    expect(allow(store, '/opt/y-*')).toBe(true);
    expect(record(store, 1, '/opt/y-2')).toBe('none');
  });
});

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `/tmp/job_${(Math.imul(i + 1, 2654435761) >>> 0) + 1_000_000}.sh`);
const parent = 'process.parent.executable';

/** Records programs with these paths in one minute; returns the number of alerts. */
function storm(store: Store, paths: readonly string[], { origin, rule }: { origin: string; rule: Rule }): number {
  const values = (path: string): Record<string, string> => ({
    [parent]: path,
    'stepparent.initiator.executable': path,
    'stepparent.initiator.origin': origin,
  });
  let alerts = 0;
  for (let from = 0; from < paths.length; from += 64) {
    const batch = paths.slice(from, from + 64).map((path, i) => {
      const terms = termsOf(rule.termFields, (field) => values(path)[field]);
      return finding(Math.floor(((from + i) * minute) / paths.length), path, { terms, rule });
    });
    alerts += store.record(batch, start + minute).alerts.length;
  }
  return alerts;
}

describe('ten thousand random names in a minute', { timeout: 60_000 }, () => {
  const paths = names(10_000);

  test.each([
    ['the parent', [parent], ['/tmp/job_*.sh (cron)']],
    ['the initiator', ['stepparent.initiator.executable', 'stepparent.initiator.origin'], ['/tmp/job_*.sh', 'cron']],
  ])('are one term and one alert of a rule over %s', (_, termFields, terms) => {
    expect(new Set(paths).size).toBe(10_000);
    const store = temporaryStore();
    const rule = exampleRule({ termFields });
    expect(storm(store, paths, { origin: 'cron', rule })).toBe(1);
    expect([...store.listTerms()]).toMatchObject([{ terms, count: 10_000, origin: 'alert' }]);
    expect([...store.listAlerts()]).toMatchObject([{ count: 10_000, state: 'open' }]);
    // What differs in a fixed part or in the origin is another one.
    expect(storm(store, paths.slice(0, 10), { origin: 'ssh as alice', rule })).toBe(1);
    expect(storm(store, ['/tmp/job_one.sh'], { origin: 'cron', rule })).toBe(1);
  });

  test('are one term of a pattern that covers them', () => {
    const store = temporaryStore();
    allow(store, '/tmp/job_*');
    expect(storm(store, paths, { origin: 'cron', rule: exampleRule({ termFields: [parent] }) })).toBe(0);
    expect(termsIn(store)).toEqual([['/tmp/job_*', 'pattern', 10_000]]);
  });
});
