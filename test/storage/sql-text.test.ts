// SQL as far as it is read before SQLite sees it.

import { expect, test } from 'vitest';
import { locateSqlError, pathsInSql, tokenizeSql } from '../../storage/sql-text.ts';

test.for([
  ["SELECT 'it''s', \"a\"\"b\" -- '/no'\nFROM [t x] /* '/nor' */", ['SELECT', "it's", ',', 'a"b', 'FROM', 't x']],
  ['u.foo=:since', ['u', '.', 'foo', '=', ':since']],
  ["x'00ff' 1.5e3 .5", ['x', '00ff', '1.5e3', '.5']],
  ["'never closed", ['never closed']],
  ['/* never closed', []],
  ['`a``b` überall', ['a`b', 'überall']],
] as const)('the words of %j', ([sql, words]) => {
  expect(tokenizeSql(sql).map(({ value }) => value)).toEqual(words);
});

test('only texts that begin with a slash are paths, each once', () => {
  const sql = `SELECT '/a', "/b", '/a', 'c/d', '/e%' /* '/f' */ FROM t WHERE x = '/g' || 'h' -- '/i'`;
  expect(pathsInSql(tokenizeSql(sql))).toEqual(['/a', '/e%', '/g']);
});

const at = (sql: string, message: string, fails = (_: string) => false) => {
  const found = locateSqlError(sql, message, fails);
  return found && sql.slice(found.start, found.end);
};

test.for([
  ['SELECT a FRM t', 'near "FRM": syntax error', 'FRM'],
  ["SELECT 'a' AND", 'incomplete input', 'AND'],
  ["SELECT 'abc", `unrecognized token: "'abc"`, "'abc"],
  ['SELECT foo FROM t', 'no such column: foo', 'foo'],
  ['SELECT "FOO" FROM t', 'no such column: "FOO" - should this be a string literal in single-quotes?', '"FOO"'],
  ['SELECT t.a, u . b FROM t, u', 'no such column: u.b', 'b'],
  ['SELECT f(1)', 'no such function: f', 'f'],
  ['SELECT count(1, 2)', 'wrong number of arguments to function count()', 'count'],
  ['SELECT a FROM t, u', 'ambiguous column name: a', 'a'],
  ['SELECT 1 FROM nowhere', 'no such table: nowhere', 'nowhere'],
  ["SELECT 'foo' FROM t", 'no such column: foo', undefined],
  ['SELECT 1', 'a message of another kind', undefined],
] as const)('%j, of which SQLite says %j', ([sql, message, expected]) => {
  expect(at(sql, message)).toBe(expected);
});

test('a word that occurs several times is told apart by what the beginning of the text says', () => {
  const sql = 'SELECT a FROM t WHERE a AND AND';
  const found = locateSqlError(sql, 'near "AND": syntax error', (beginning) => beginning.endsWith('AND AND'));
  expect(found?.start).toBe(sql.lastIndexOf('AND'));
});
