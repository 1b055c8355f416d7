// Which rules match an event, the values of their terms, and a rule that fails.

import { describe, expect, test } from 'vitest';
import type { FieldValue } from '../../collectors/event/event.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import { openJudge, verdictOf } from '../../detectors/judge.ts';
import { exampleEvent, exampleRule, start } from '../storage/examples.ts';

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

test.each([
  [['cron-entry'], 'why; the script has suspicious lines (cron-entry)'],
  [['cron-entry', 'cron-entry', 'download'], 'why; the script has suspicious lines (cron-entry, download)'],
  [['a', 'b', 'c', 'd'], 'why; the script has suspicious lines (a, b and 2 more)'],
  [[], 'why'],
])('a rule about scripts names the indicators %j once each', (ids, reason) => {
  const plain = exampleEvent('e', start);
  const findings = ids.map((id, index) => ({ id, line: index + 1, technique: 'T1053', text: id }));
  const event = { ...plain, stepparent: { ...plain.stepparent, script: { path: '/a.postinst', findings } } };
  const rule = exampleRule({ type: 'eql', reason: 'why', fields: new Set(['stepparent.script.state']) });
  const policy = { rules: [rule], records: () => true, containerAlerts: false, exceptionFor: () => undefined };
  const judge = openJudge(policy, (_, error) => {
    throw error;
  });
  const judged = judge({
    read: (field) => readPath(event, field),
    isDescribed: () => true,
    document: () => event,
    scope: () => '',
    key: undefined,
    classify: () => 'unlisted',
  });
  expect(judged?.verdicts[0]?.alert?.().stepparent.alert?.reason).toBe(reason);
});
