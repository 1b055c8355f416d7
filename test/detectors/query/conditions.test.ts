// What a query comes to when of an event only some fields are known.

import { expect, test } from 'vitest';
import type { FieldValue } from '../../../collectors/event/event.ts';
import { type KnownField, outcomeOf } from '../../../detectors/query/conditions.ts';
import { compileEql } from '../../../detectors/query/eql.ts';
import { compileKql } from '../../../detectors/query/kql.ts';

/** `k` is "x", `n` has no value, `list` has two; all others may be anything. */
const values: Readonly<Record<string, FieldValue>> = { k: 'x', n: undefined, list: ['x', 'y'] };
const known: KnownField = (field) => (Object.hasOwn(values, field) ? { value: values[field] } : undefined);

const cases: readonly (readonly [query: string, result: string, fields: readonly string[]])[] = [
  ['k == "x"', 'true', ['k']],
  ['k == "y"', 'false', ['k']],
  ['k != "y"', 'true', ['k']],
  ['n == "x"', 'false', ['n']],
  ['n != "x"', 'true', ['n']],
  ['n == null', 'true', ['n']],
  ['not n like "x*"', 'true', ['n']],
  ['list == "y" and list != "z"', 'true', ['list']],
  ['a == "x"', 'open', []],
  ['a == "x" and k == "y"', 'false', ['k']],
  ['k == "y" and a == "x"', 'false', ['k']],
  ['a == "x" and k == "x"', 'open', []],
  ['a == "x" or k == "x"', 'true', ['k']],
  ['a == "x" or k == "y"', 'open', []],
  ['(k == "y" or n != null) and a == "x"', 'false', ['k', 'n']],
  ['not (a == "x" or k == "x")', 'false', ['k']],
  ['not (a == "x" and k == "x")', 'open', []],
  ['not not k == "y"', 'false', ['k']],
  // Contradictions between fields that are not known are not looked for.
  ['a == "x" and a == "y"', 'open', []],
  ['a == k', 'open', []],
  ['n == k', 'false', ['n']],
  ['length(n) > 3', 'false', ['n']],
  ['startsWith(k, a)', 'open', []],
  ['startsWith(n, a)', 'false', ['n']],
  ['(k == "y") == false', 'true', ['k']],
  ['true', 'true', []],
  ['false and a == "x"', 'false', []],
];

test.each(cases)('EQL %s: %s', (query, result, fields) => {
  const outcome = outcomeOf(compileEql(`any where ${query}`).matches, known);
  expect({ result: outcome.result, fields: [...outcome.fields].sort() }).toEqual({ result, fields });
});

test('EQL: the category is a condition like any other', () => {
  const ofFiles = outcomeOf(compileEql('file where a == "x"').matches, () => ({ value: 'process' }));
  expect([ofFiles.result, [...ofFiles.fields]]).toEqual(['false', ['event.category', 'a']]);
});

test.each<[query: string, result: string, fields: string[]]>([
  ['k:x', 'true', ['k']],
  ['k:(y or z)', 'false', ['k']],
  ['k:(y or x) and a:x', 'open', []],
  ['not n:*', 'true', ['n']],
  ['n > 5', 'false', ['n']],
  ['a:x and not (b:y or k:x)', 'false', ['k']],
  ['a:x or k:y', 'open', []],
])('KQL %s: %s', (query, result, fields) => {
  const outcome = outcomeOf(compileKql(query).matches, known);
  expect({ result: outcome.result, fields: [...outcome.fields].sort() }).toEqual({ result, fields });
});
