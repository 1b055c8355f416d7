// SQL as far as it is read before SQLite sees it.

import { expect, test } from 'vitest';
import { pathsInSql, tokenizeSql } from '../../storage/sql-text.ts';

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
