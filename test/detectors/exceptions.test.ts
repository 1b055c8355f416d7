// What an exception covers: every operator with its near misses, its end to the millisecond, its identity.

import { expect, test } from 'vitest';
import type { FieldValue } from '../../collectors/event/event.ts';
import {
  type Condition,
  compileConditions,
  compileExceptions,
  type Exception,
  exceptionFields,
  exceptionId,
  type Operator,
} from '../../detectors/exceptions.ts';

const update = '/opt/vendor/update.sh';
const fields: Record<string, FieldValue> = {
  parent: update,
  args: ['dpkg', '-i', 'x.deb'],
  pid: 42,
  interactive: false,
  empty: '',
  none: [],
  strange: 'a\nb\u{1f600}c',
};
const read = (field: string): FieldValue => fields[field];
const condition = (field: string, operator: Operator, ...values: string[]): Condition => ({ field, operator, values });

test.for<[string, Operator, string[], boolean]>([
  ['parent', 'is', [update], true],
  ['parent', 'is', ['/OPT/vendor/update.sh'], false],
  ['parent', 'is', ['/opt/vendor/update'], false],
  ['parent', 'is', ['/opt/vendor/*'], false],
  ['parent', 'is', ['/a', update], true],
  ['parent', 'is', ['/a', '/b'], false],
  ['args', 'is', ['-i'], true],
  ['args', 'is', ['-i x.deb'], false],
  ['pid', 'is', ['42'], true],
  ['pid', 'is', ['42.0'], false],
  ['interactive', 'is', ['false'], true],
  ['empty', 'is', [''], true],
  ['none', 'is', [''], false],
  ['absent', 'is', [''], false],
  ['absent', 'is', ['undefined'], false],
  ['parent', 'is_not', ['/a', '/b'], true],
  ['parent', 'is_not', ['/a', update], false],
  ['args', 'is_not', ['-i'], false],
  ['args', 'is_not', ['-r'], true],
  ['none', 'is_not', ['x'], false],
  ['absent', 'is_not', ['x'], false],
  ['parent', 'matches', ['/opt/vendor/*'], true],
  ['parent', 'matches', ['/opt/vendor/update.s?'], true],
  ['parent', 'matches', ['/opt/vendor/update.sh?'], false],
  ['parent', 'matches', ['/opt/*.py', '*.sh'], true],
  ['parent', 'matches', ['vendor'], false],
  ['parent', 'matches', ['/opt/vendor/[a-z]*'], false],
  ['parent', 'matches', ['/Opt/*'], false],
  ['args', 'matches', ['*.deb'], true],
  ['args', 'matches', ['*.rpm'], false],
  ['strange', 'matches', ['a*b?c'], true],
  ['absent', 'matches', ['*'], false],
  ['parent', 'does_not_match', ['/tmp/*'], true],
  ['parent', 'does_not_match', ['/tmp/*', '/opt/*'], false],
  ['args', 'does_not_match', ['*.deb'], false],
  ['absent', 'does_not_match', ['/tmp/*'], false],
  ['parent', 'exists', [], true],
  ['empty', 'exists', [], true],
  ['interactive', 'exists', [], true],
  ['none', 'exists', [], false],
  ['absent', 'exists', [], false],
  ['absent', 'does_not_exist', [], true],
  ['none', 'does_not_exist', [], true],
  ['interactive', 'does_not_exist', [], false],
])('%s %s %j: %j', ([field, operator, values, covered]) => {
  expect(compileConditions([condition(field, operator, ...values)])(read)).toBe(covered);
});

test('all conditions must hold, and no conditions cover nothing', () => {
  const right = condition('parent', 'is', update);
  expect(compileConditions([right, condition('pid', 'is', '42')])(read)).toBe(true);
  expect(compileConditions([right, condition('pid', 'is', '43')])(read)).toBe(false);
  expect(compileConditions([])(read)).toBe(false);
});

const end = Date.parse('2027-01-31T12:00:00Z');

function exception(change: Partial<Exception> = {}): Exception {
  const rules = ['a-rule'];
  const when = [condition('parent', 'is', update)];
  return { id: exceptionId(rules, when), rules, when, reason: 'vendor', owner: 'alice', expiresMs: end, ...change };
}

test('an exception is in force until its expiry; one without an expiry always is', () => {
  const dated = exception();
  const covering = (exceptions: Exception[], nowMs: number) => compileExceptions(exceptions)('a-rule', read, nowMs);
  expect(covering([dated], end - 1)).toBe(dated);
  expect(covering([dated], end)).toBeUndefined();
  expect(covering([dated], end + 1)).toBeUndefined();
  const endless = exception({ expiresMs: undefined });
  expect(covering([endless], Number.MAX_SAFE_INTEGER)).toBe(endless);
});

test('an exception covers only its rules, and the first in force that covers the event is returned', () => {
  const expired = exception({ owner: 'gone', expiresMs: 0 });
  const other = exception({ owner: 'bob', when: [condition('parent', 'is', '/other')] });
  const two = exception({ rules: ['a-rule', 'b-rule', 'a-rule'] });
  const exceptionFor = compileExceptions([expired, other, two, exception({ owner: 'late' })]);
  expect(exceptionFor('a-rule', read, 1)).toBe(two);
  expect(exceptionFor('b-rule', read, 1)).toBe(two);
  expect(exceptionFor('c-rule', read, 1)).toBeUndefined();
  expect(exceptionFor('constructor', read, 1)).toBeUndefined();
});

test('no field is read for a rule without exceptions', () => {
  const exceptionFor = compileExceptions([exception()]);
  const unread = (): never => {
    throw new Error('read');
  };
  expect(exceptionFor('b-rule', unread, 1)).toBeUndefined();
});

test('the id depends only on rules and conditions, in any order', () => {
  const [one, two] = [condition('a', 'is', 'x', 'y'), condition('b', 'exists')];
  const id = exceptionId(['r', 's'], [one, two]);
  expect(id).toMatch(/^[0-9a-f]{12}$/);
  expect(exceptionId(['s', 'r'], [two, condition('a', 'is', 'y', 'x')])).toBe(id);
  const others = [
    exceptionId(['r'], [one, two]),
    exceptionId(['r', 's'], [one]),
    exceptionId(['r', 's'], [condition('a', 'is_not', 'x', 'y'), two]),
    exceptionId(['r', 's'], [condition('a', 'is', 'x'), two]),
    exceptionId(['r', 's'], [condition('a', 'is', 'x,y'), two]),
  ];
  expect(new Set([id, ...others]).size).toBe(6);
});

test('an alert has the fields of its exception', () => {
  const { id } = exception();
  const expires = '2027-01-31T12:00:00.000Z';
  expect(exceptionFields(exception())).toEqual({ id, reason: 'vendor', owner: 'alice', expires });
  expect(exceptionFields(exception({ expiresMs: undefined }))).toEqual({ id, reason: 'vendor', owner: 'alice' });
});
