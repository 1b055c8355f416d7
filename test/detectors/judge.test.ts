// Which rules match an event, the values of their terms, and a rule that fails.

import { describe, expect, test } from 'vitest';
import type { FieldValue } from '../../collectors/event/event.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import { mayMatch, openJudge, verdictOf } from '../../detectors/judge.ts';
import { compileEql } from '../../detectors/query/eql.ts';
import { compileKql } from '../../detectors/query/kql.ts';
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

  const parent = 'process.parent.executable';
  const initiator = 'stepparent.initiator.executable';
  const sha256 = '0123456789abcdef'.repeat(4);
  test.each<[string, values: Record<string, FieldValue>, terms: string[]]>([
    [
      'a script with a temporary name has its content',
      { [parent]: '/tmp/terraform_123.sh', 'process.parent.hash.sha256': sha256, [initiator]: '/usr/sbin/sshd' },
      ['/tmp/* (sha256 0123456789abcdef)', '/usr/sbin/sshd'],
    ],
    [
      'the initiator too',
      {
        [parent]: '/usr/bin/dash',
        [initiator]: '/srv/tmp.*/install.sh',
        'stepparent.initiator.hash.sha256': sha256,
      },
      ['/usr/bin/dash', '/srv/tmp*/* (sha256 0123456789abcdef)'],
    ],
    [
      'a program keeps its path, whatever that is',
      { [parent]: '/tmp/terraform_123.sh', [initiator]: '/tmp/nginx' },
      ['/tmp/terraform_123.sh', '/tmp/nginx'],
    ],
    [
      'a name that looks like such a term is none',
      { [parent]: '/tmp/* (sha256 0123456789abcdef)', [initiator]: '/tmp/x (sha256 0)' },
      ['/tmp/\\* (sha256 0123456789abcdef) (path)', '/tmp/x (sha256 0)'],
    ],
  ])('%s', (_, values, terms) => {
    const rule = exampleRule({ termFields: [parent, initiator] });
    expect(verdictOf(rule, (field) => values[field]).terms).toEqual(terms);
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
  const judge = openJudge(policy, {
    classify: () => 'unlisted',
    onFault(_, error) {
      throw error;
    },
  });
  const judged = judge({
    read: (field) => readPath(event, field),
    isDescribed: () => true,
    document: () => event,
    scope: () => '',
    key: undefined,
  });
  expect(judged?.verdicts[0]?.alert?.().stepparent.alert?.reason).toBe(reason);
});

describe('whether an event may match, by the fields that are known before it is described', () => {
  const known: Readonly<Record<string, FieldValue>> = {
    'event.category': 'file',
    'event.action': 'creation',
    'file.path': '/etc/cron.d/x',
    'stepparent.script.state': undefined,
  };
  const cheap = (field: string) => (Object.hasOwn(known, field) ? { value: known[field] } : undefined);
  const never = compileKql('event.category:process').matches;

  test.each<[query: string, may: boolean]>([
    ['file where file.path like "/etc/cron.d/*"', true],
    ['file where file.path like "/etc/*" and process.name == "vi"', true],
    ['file where process.name == "vi"', true],
    ['file where file.path like "/etc/cron.d/*" and event.action == "creation"', true],
    ['file where file.path like "/var/lib/dpkg/*" and process.name == "vi"', false],
    ['file where event.action == "deletion"', false],
    ['process where process.name == "vi"', false],
    ['any where stepparent.script.state == "changed" and process.name == "vi"', false],
    ['file where not file.path like "/var/*"', true],
  ])('%s: %s', (query, may) => {
    const rule = exampleRule({ matches: compileEql(query).matches });
    expect(mayMatch({ rules: [rule], records: never }, cheap)).toBe(may);
  });

  test.each<[query: string, may: boolean]>([
    ['file.path:/etc/cron.d/*', true],
    ['event.category:file', true],
    ['process.name:vi', true],
    ['event.category:process and process.name:vi', false],
  ])('with the store query %s: %s', (query, may) => {
    expect(mayMatch({ rules: [], records: compileKql(query).matches }, cheap)).toBe(may);
  });

  test('a rule that fails by itself is left to the judge', () => {
    const rule = exampleRule({
      matches() {
        throw new Error('no');
      },
    });
    expect(mayMatch({ rules: [rule], records: never }, cheap)).toBe(true);
  });
});
