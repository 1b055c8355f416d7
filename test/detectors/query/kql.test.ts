// KQL: hits and near misses of every form, positions of errors, hostile values.

import { describe, expect, test } from 'vitest';
import { compileKql } from '../../../detectors/query/kql.ts';
import { QueryError } from '../../../detectors/query/query.ts';
import { type Fields, reading } from './event-reader.ts';
import { hostileValues } from './hostile-values.ts';

function errorOf(source: string): QueryError {
  try {
    compileKql(source);
  } catch (error) {
    if (error instanceof QueryError) return error;
    throw error;
  }
  throw new Error(`not refused: ${source}`);
}

const cases: [query: string, hits: Fields[], misses: Fields[]][] = [
  ['a:x', [{ a: 'x' }, { a: ['y', 'x'] }], [{ a: 'X' }, { a: 'xx' }, { b: 'x' }, {}, { a: [] }, { a: '' }]],
  ['a : x', [{ a: 'x' }], [{ a: ' x' }]],
  ['a:foo bar and b:y', [{ a: 'foo bar', b: 'y' }], [{ a: 'foo', b: 'y' }, { a: 'foo bar' }]],
  ['a:"x and y"', [{ a: 'x and y' }], [{ a: 'x' }]],
  ['a:"x*"', [{ a: 'x*' }], [{ a: 'xy' }]],
  ['a:x*', [{ a: 'x' }, { a: 'xyz' }, { a: ['q', 'xy'] }], [{ a: 'yx' }, { a: 'X' }, { a: 1 }]],
  ['a:*x*z', [{ a: 'xz' }, { a: 'axyz' }], [{ a: 'xza' }, { a: 'zx' }]],
  ['a:x*y z*', [{ a: 'xy z' }, { a: 'xqy zq' }], [{ a: 'xyz' }]],
  ['a:x\\*', [{ a: 'x*' }], [{ a: 'xy' }]],
  ['a:*\\**', [{ a: 'x*y' }, { a: '*' }], [{ a: 'xy' }]],
  ['a:*', [{ a: 'x' }, { a: '' }, { a: 0 }, { a: false }, { a: ['x'] }], [{}, { a: [] }, { a: null }]],
  ['not a:*', [{}, { a: [] }], [{ a: '' }]],
  ['a:42', [{ a: 42 }, { a: '42' }, { a: [1, 42] }], [{ a: 43 }, { a: '042' }, { a: true }]],
  ['a:4.2e1', [{ a: 42 }, { a: '4.2e1' }], [{ a: '42' }]],
  ['a:-1', [{ a: -1 }], [{ a: 1 }]],
  ['a:true', [{ a: true }, { a: 'true' }], [{ a: false }, { a: 'True' }, { a: 1 }]],
  ['a:false', [{ a: false }], [{}, { a: true }, { a: 0 }, { a: '' }]],
  ['a:(x or y)', [{ a: 'x' }, { a: 'y' }, { a: ['z', 'y'] }], [{ a: 'z' }, {}, { a: 'x or y' }]],
  ['a:(1 or true or z)', [{ a: 1 }, { a: true }, { a: 'z' }, { a: '1' }], [{ a: 2 }, { a: false }, {}]],
  ['a:(x OR y*)', [{ a: 'x' }, { a: 'yy' }], [{ a: 'xx' }]],
  ['a:(x and y)', [{ a: ['x', 'y'] }], [{ a: 'x' }, { a: ['x'] }]],
  ['a:(x* and not xy)', [{ a: 'xz' }, { a: 'x' }], [{ a: 'xy' }, {}, { a: ['xz', 'xy'] }]],
  ['a:(not x)', [{ a: 'y' }, {}], [{ a: 'x' }]],
  ['a:(x or (y and not (z)))', [{ a: 'x' }, { a: 'y' }], [{ a: ['y', 'z'] }]],
  ['a:x or b:y and c:z', [{ a: 'x' }, { b: 'y', c: 'z' }], [{ b: 'y' }, { c: 'z' }]],
  ['(a:x or b:y) and c:z', [{ a: 'x', c: 'z' }], [{ a: 'x' }, { b: 'y' }]],
  ['not a:x and b:y', [{ b: 'y' }, { a: 'z', b: 'y' }], [{ a: 'x', b: 'y' }, { a: 'z' }]],
  ['not (a:x and b:y)', [{ b: 'y' }, {}], [{ a: 'x', b: 'y' }]],
  ['NOT a:x AND NOT b:y', [{}], [{ a: 'x' }, { b: 'y' }]],
  ['not not a:x', [{ a: 'x' }], [{}]],
  ['a >= 10', [{ a: 10 }, { a: 11 }, { a: [1, 11] }], [{ a: 9 }, {}, { a: true }]],
  ['a>10', [{ a: 10.5 }], [{ a: 10 }]],
  ['a < 10', [{ a: 9 }, { a: -1 }], [{ a: 10 }, {}]],
  ['a <= 10', [{ a: 10 }], [{ a: 11 }]],
  ['a >= 10', [{ a: '9' }], [{ a: '0' }]],
  ['a < b', [{ a: 'a' }], [{ a: 'b' }, { a: 1 }]],
  [
    'a >= "2024-01-02"',
    [{ a: '2024-01-02T00:00:00Z' }, { a: '2024-01-02T01:00:00+01:00' }],
    [{ a: '2024-01-02T00:30:00+01:00' }],
  ],
  ['a < "2024-01-02T00:00:00.000Z"', [{ a: '2024-01-01' }, { a: '2024-01-01T23:59:59.999' }], [{ a: '2024-01-02' }]],
  [
    'p.*.n:x',
    [{ 'p.q.n': 'x' }, { 'p.q.r.n': 'x' }, { 'p.a.n': 'y', 'p.b.n': 'x' }],
    [{ 'p.n': 'x' }, { 'p.q.m': 'x' }],
  ],
  ['p.*:*', [{ 'p.q': 1 }], [{ q: 1 }]],
  ['a:x\\:y', [{ a: 'x:y' }], []],
  ['a:\\(x\\)\\<\\>\\{\\}\\"\\\\', [{ a: '(x)<>{}"\\' }], []],
  ['a:\\and', [{ a: 'and' }], []],
  ['a:\\NOT', [{ a: 'NOT' }], []],
  ['a:(\\or or \\not)', [{ a: 'or' }, { a: 'not' }], [{ a: '\not' }]],
  ['a:x\\ty\\nz\\r', [{ a: 'x\ty\nz\r' }], []],
  ['a:\\u0041\\u00e9', [{ a: 'Aé' }], []],
  ['a:"\\"q\\" \\\\ \\u0041 \\t C:\\foo"', [{ a: '"q" \\ A \t C:\\foo' }], []],
  ['"a":x', [{ a: 'x' }], []],
  ['a:""', [{ a: '' }], [{}, { a: 'x' }]],
  ['a:/var/lib/dpkg/info/*.postinst', [{ a: '/var/lib/dpkg/info/x.postinst' }], [{ a: '/var/lib/dpkg/info/x.list' }]],
  ['a:"null"', [{ a: 'null' }], [{}]],
  ['\n a:x\u00a0and\n\tb:y\r\n', [{ a: 'x', b: 'y' }], [{ a: 'x' }]],
];

describe('KQL', () => {
  test.each(cases)('%s', (query, hits, misses) => {
    const { matches } = compileKql(query);
    for (const fields of hits) expect(matches(reading(fields)), JSON.stringify(fields)).toBe(true);
    for (const fields of misses) expect(matches(reading(fields)), JSON.stringify(fields)).toBe(false);
  });

  test('a rule over package operations', () => {
    const { matches, fields } = compileKql(`
      event.category:process and event.type:start and event.action:exec
        and stepparent.package.manager:(dpkg or rpm)
        and stepparent.package.operation:(install or upgrade or unpack)
        and not stepparent.package.dry_run:true`);
    const event = {
      'event.category': ['process', 'package'],
      'event.type': ['start'],
      'event.action': 'exec',
      'stepparent.package.manager': 'dpkg',
      'stepparent.package.operation': 'install',
      'stepparent.package.dry_run': false,
    };
    expect(matches(reading(event))).toBe(true);
    expect(matches(reading({ ...event, 'stepparent.package.dry_run': undefined }))).toBe(true);
    expect(matches(reading({ ...event, 'stepparent.package.dry_run': true }))).toBe(false);
    expect(matches(reading({ ...event, 'stepparent.package.operation': 'query' }))).toBe(false);
    expect(matches(reading({ ...event, 'event.type': ['end'] }))).toBe(false);
    expect([...fields]).toEqual(Object.keys(event));
  });

  test('reads left to right and stops at the first failure', () => {
    const asked: string[] = [];
    const { matches } = compileKql('a:x and b:y and (c:z or d:z)');
    matches((name) => {
      asked.push(name);
      return name === 'a' ? 'x' : undefined;
    });
    expect(asked).toEqual(['a', 'b']);
  });

  test('lists field patterns as written', () => {
    expect([...compileKql('process.*.name:x or "a b" >= 1').fields]).toEqual(['process.*.name', 'a b']);
  });

  test.each<[query: string, line: number, column: number, length: number, message: RegExp]>([
    ['', 1, 1, 1, /empty/],
    [' \n ', 2, 2, 1, /empty/],
    ['process where process.name == "x"', 1, 1, 7, /^this is EQL, where KQL is needed/],
    ['sequence by host.id [process where true]', 1, 1, 8, /^this is EQL, of a kind that is not supported yet/],
    ['from logs-* | where process.name == "x"', 1, 1, 4, /^this is ES\|QL, which is not supported/],
    ['from', 1, 1, 4, /`from` has no field/],
    ['foo', 1, 1, 3, /`foo` has no field: free-text search is not supported/],
    ['"foo bar"', 1, 1, 9, /free-text/],
    ['a:x and foo', 1, 9, 3, /free-text/],
    ['foo bar:x', 1, 1, 3, /expected `:` or a range operator/],
    ['a:x\nand b:\nand c:z', 3, 1, 3, /found `and`, expected a value; write "and"/],
    ['a:', 1, 3, 1, /^found .*, expected a value/],
    ['a:(x or', 1, 8, 1, /expected a value/],
    ['a:(x', 1, 5, 1, /expected `and`, `or` or `\)`/],
    ['(a:x', 1, 5, 1, /expected `and`, `or` or `\)`/],
    ['a:x)', 1, 4, 1, /found `\)`/],
    ['a:()', 1, 4, 1, /expected a value/],
    ['a:x b:y', 1, 6, 1, /found `:`, expected `and`, `or`/],
    ['a:"x" b:y', 1, 7, 1, /found `b`, expected `and`, `or`/],
    ['a:{ b:x }', 1, 3, 1, /nested fields .* not supported/],
    ['a:x or', 1, 7, 1, /expected a field/],
    ['a > x*', 1, 5, 2, /range takes no wildcard/],
    ['a > *', 1, 5, 1, /range takes no wildcard/],
    ['a >', 1, 4, 1, /expected a number, a date/],
    ['*:x', 1, 1, 1, /over all fields/],
    ['a:null', 1, 3, 4, /not field:\*/],
    ['a:"x', 1, 3, 1, /no closing `"`/],
    ['a:\\q', 1, 3, 2, /`\\q` is not an escape/],
    ['a:\\u12', 1, 3, 2, /not an escape/],
    ['a:x\\', 1, 4, 1, /not an escape/],
    ['and', 1, 1, 3, /expected a field/],
    [`${'('.repeat(201)}a:x${')'.repeat(201)}`, 1, 202, 1, /is nested more than 200 levels deep/],
    [`${'not '.repeat(201)}a:x`, 1, 805, 1, /is nested more than 200 levels deep/],
    [`a:${'('.repeat(100_000)}`, 1, 204, 1, /is nested more than 200 levels deep/],
  ])('refuses %j', (query, line, column, length, message) => {
    const error = errorOf(query);
    expect(error.message).toMatch(message);
    expect([error.line, error.column, error.length]).toEqual([line, column, length]);
    expect(error.message).not.toMatch(/\p{C}/u);
  });

  test('200 levels are allowed', () => {
    const { matches } = compileKql(`${'('.repeat(200)}a:x${')'.repeat(200)}`);
    expect(matches(reading({ a: 'x' }))).toBe(true);
  });

  test('control characters of the query do not reach the message', () => {
    expect(errorOf('a\u001b[31m\u202e').message).toMatch(/^`a\\x1b\[31m\\u202e`/);
  });

  test.each(hostileValues)('does not throw on %s', (_, value) => {
    for (const [query] of cases)
      expect(typeof compileKql(query).matches(reading({ a: value, b: value }))).toBe('boolean');
  });

  test('matches many stars against a long value in bounded time', () => {
    const { matches } = compileKql(`a:${'*a'.repeat(40)}*b`);
    expect(matches(reading({ a: 'a'.repeat(100_000) }))).toBe(false);
    expect(matches(reading({ a: `${'a'.repeat(100_000)}b` }))).toBe(true);
  });

  test('matches any text after quoting and escaping', () => {
    for (const text of [
      'x',
      'and',
      'a b',
      '"',
      '\\',
      '*',
      '(x):{y}<z>',
      'é\u{1f600}',
      'a\tb\nc',
      ' padded ',
      'true',
      '',
    ]) {
      const quoted = text.replace(/["\\]/g, '\\$&');
      expect(compileKql(`a:"${quoted}"`).matches(reading({ a: text })), quoted).toBe(true);
      expect(compileKql(`a:"${quoted}"`).matches(reading({ a: `${text}.` })), quoted).toBe(false);
    }
  });
});
