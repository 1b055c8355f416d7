// SQL as far as it is read before SQLite sees it.

import { expect, test } from 'vitest';
import { pathsInSql, statementIn, tokenizeSql, withTextsFor } from '../../../collectors/host-tables/sql-text.ts';

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

test('texts that begin with a slash are paths, each once', () => {
  const sql = `SELECT '/a', "/b", '/a', 'c/d', '/e%' /* '/f' */ FROM t WHERE x = '/g' || 'h' -- '/i'`;
  expect(pathsInSql(tokenizeSql(sql))).toEqual(['/a', '/e%', '/g']);
});

test.for([
  ['sql\nSELECT 1', 'SELECT 1'],
  ['  SQL\nwith a as (select 1) select * from a;', 'with a as (select 1) select * from a'],
  ['SELECT 1; -- Modified in the last 7 days\n', 'SELECT 1'],
  ["SELECT ';' ;; /* c */ ;", "SELECT ';'"],
  ['-- c\nSELECT 1 /* d */', '-- c\nSELECT 1'],
  // More than a paste brings along: SQLite decides.
  ['sql SELEC 1', 'sql SELEC 1'],
  ['SELECT 1; SELECT 2;', 'SELECT 1; SELECT 2'],
  ['sql', 'sql'],
  [' ; -- nothing', ''],
] as const)('the statement in %j is %j', ([text, statement]) => {
  expect(statementIn(text)).toBe(statement);
});

test('writes names in double quotes as texts', () => {
  const sql = `SELECT "a", "it's" FROM "b"`;
  const [, a, , its] = tokenizeSql(sql);
  expect(withTextsFor(sql, a && its ? [a, its] : [])).toBe(`SELECT 'a', 'it''s' FROM "b"`);
});
