// Which rules match an event, the values of their terms, and a rule that fails.

import { describe, expect, test } from 'vitest';
import type { FieldValue } from '../../collectors/event/event.ts';
import { verdictOf } from '../../detectors/judge.ts';
import { exampleRule } from '../storage/examples.ts';

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

  test('the order of the values is not changed', () => {
    const values = ['b', 'a'];
    verdictOf(exampleRule(), () => values);
    expect(values).toEqual(['b', 'a']);
  });
});
