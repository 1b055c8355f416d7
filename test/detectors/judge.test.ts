// Rules that look at an event: which match, what they tell it apart by, and one that fails.

import { describe, expect, test } from 'vitest';
import type { FieldValue } from '../../collectors/event/event.ts';
import { matchingRules, verdictOf } from '../../detectors/judge.ts';
import { exampleRule } from '../storage/examples.ts';

const named = (name: string) => exampleRule({ id: `is-${name}`, matches: (read) => read('process.name') === name });
const read = (field: string): FieldValue => ({ 'process.name': 'dpkg', 'process.pid': 7 })[field];

test('those that match, in their order', () => {
  const rules = [named('rpm'), named('dpkg'), named('apt'), exampleRule({ id: 'all' })];
  expect(matchingRules(rules, read, () => {}).map(({ id }) => id)).toEqual(['is-dpkg', 'all']);
  expect(matchingRules([], read, () => {})).toEqual([]);
});

test('one that throws is reported and passed over', () => {
  const broken = exampleRule({
    id: 'broken',
    matches() {
      throw new Error('no good');
    },
  });
  const faults: unknown[] = [];
  const matching = matchingRules([broken, named('dpkg')], read, (rule, error) => faults.push([rule.id, String(error)]));
  expect(matching.map(({ id }) => id)).toEqual(['is-dpkg']);
  expect(faults).toEqual([['broken', 'Error: no good']]);
});

describe('terms', () => {
  test.each<[FieldValue, string | null]>([
    ['/usr/bin/apt', '/usr/bin/apt'],
    ['', ''],
    [7, '7'],
    [false, 'false'],
    [undefined, null],
    [['b', 'a'], 'a\nb'],
    [['a', 'b'], 'a\nb'],
    [[10, 9], '10\n9'],
    [[], ''],
  ])('%j', (value, term) => {
    const values: Record<string, FieldValue> = { x: value, y: 'z' };
    const rule = exampleRule({ termFields: ['x', 'y'] });
    expect(verdictOf(rule, (field) => values[field])).toEqual({ rule, terms: [term, 'z'] });
  });

  test('the values are left in their order', () => {
    const values = ['b', 'a'];
    verdictOf(exampleRule(), () => values);
    expect(values).toEqual(['b', 'a']);
  });
});
