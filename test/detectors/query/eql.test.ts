// EQL: hits and near misses of every operator and function, absence, positions of errors, hostile values.

import { describe, expect, test } from 'vitest';
import { compileEql } from '../../../detectors/query/eql.ts';
import { QueryError } from '../../../detectors/query/query.ts';
import { type Fields, reading } from './event-reader.ts';
import { hostileValues } from './hostile-values.ts';

function errorOf(source: string): QueryError {
  try {
    compileEql(source);
  } catch (error) {
    if (error instanceof QueryError) return error;
    throw error;
  }
  throw new Error(`not refused: ${source}`);
}

const holds = (condition: string, fields: Fields = {}): boolean =>
  compileEql(`any where ${condition}`).matches(reading(fields));

const conditions: [condition: string, hits: Fields[], misses: Fields[]][] = [
  ['a == "x"', [{ a: 'x' }, { a: ['y', 'x'] }], [{ a: 'X' }, { a: 'xx' }, {}, { a: [] }, { a: null }]],
  ['"x" == a', [{ a: 'x' }], [{ a: 'y' }, {}]],
  ['a == "x*"', [{ a: 'x*' }], [{ a: 'xy' }]],
  ['a == 4', [{ a: 4 }, { a: '4' }], [{ a: 5 }, { a: '04' }, { a: true }]],
  ['a == "4"', [{ a: 4 }, { a: '4' }], [{ a: 4.5 }]],
  ['a == -1.5e1', [{ a: -15 }], [{ a: 15 }]],
  ['a == .5', [{ a: 0.5 }], [{ a: 5 }]],
  ['a == true', [{ a: true }, { a: 'true' }], [{ a: false }, { a: 1 }, {}]],
  ['a != "x"', [{ a: 'y' }, { a: 'X' }, { a: ['y', 'z'] }, {}], [{ a: 'x' }, { a: ['y', 'x'] }]],
  [
    'a == b',
    [
      { a: 'x', b: 'x' },
      { a: 1, b: '1' },
      { a: ['x', 'y'], b: ['z', 'y'] },
    ],
    [{ a: 'x' }, { a: 'x', b: 'y' }],
  ],
  ['a != b', [{ a: 'x', b: 'y' }, { a: 'x' }], [{ a: 'x', b: 'x' }]],
  ['a : "x"', [{ a: 'x' }, { a: 'X' }, { a: ['Y', 'X'] }], [{ a: 'xx' }, {}]],
  ['a : "X*Z"', [{ a: 'xz' }, { a: 'XyZ' }], [{ a: 'xza' }]],
  ['a : "x?z"', [{ a: 'xYz' }, { a: 'x\u{1f600}z' }], [{ a: 'xz' }, { a: 'xyyz' }]],
  ['a : ("x", "Y*", "?z")', [{ a: 'X' }, { a: 'yes' }, { a: 'zz' }], [{ a: 'xx' }, { a: 'z' }, {}]],
  ['a : "É*"', [{ a: 'éa' }], [{ a: 'ea' }]],
  ['a : "4"', [{ a: 4 }], [{ a: 5 }]],
  ['a like "X*"', [{ a: 'X' }, { a: 'Xy' }], [{ a: 'xy' }]],
  ['a like ("X?", "y")', [{ a: 'Xy' }, { a: 'y' }], [{ a: 'X' }, { a: 'Y' }]],
  ['a like~ "X*"', [{ a: 'xy' }], [{ a: 'yx' }]],
  ['a like~ ("X*", "Y")', [{ a: 'xx' }, { a: 'y' }], [{ a: 'yy' }]],
  ['a regex "X[0-9]+"', [{ a: 'X12' }], [{ a: 'x12' }, { a: 'X' }, { a: 'aX1' }, { a: 'X1a' }, {}]],
  ['a regex ("x", "y.z")', [{ a: 'x' }, { a: 'y\nz' }], [{ a: 'yz' }]],
  ['a regex~ "x[a-f]"', [{ a: 'XF' }, { a: 'xa' }], [{ a: 'XG' }]],
  ['a regex~ ("É.", "B")', [{ a: 'éx' }, { a: 'b' }], [{ a: 'ex' }]],
  ['a in ("x", "y")', [{ a: 'x' }, { a: ['z', 'y'] }], [{ a: 'X' }, {}, { a: 'z' }]],
  ['a in (1, -2, 3.5, true)', [{ a: 1 }, { a: -2 }, { a: 3.5 }, { a: true }, { a: '1' }], [{ a: 2 }, { a: false }]],
  ['a in~ ("X", "y")', [{ a: 'x' }, { a: 'Y' }], [{ a: 'z' }, { a: 'x*' }]],
  ['a not in ("x", "y")', [{ a: 'z' }, { a: 'X' }, {}], [{ a: 'x' }, { a: ['z', 'y'] }]],
  ['a not in~ ("X")', [{ a: 'z' }, {}], [{ a: 'x' }]],
  ['a in (b, "x")', [{ a: 'y', b: 'y' }, { a: 'x' }], [{ a: 'y', b: 'z' }, { a: 'y' }]],
  [
    'a in ("w", b, c, "x")',
    [{ a: 'x' }, { a: 'w', b: 'v' }, { a: 'v', c: 'v' }, { a: ['y', 'x'], b: Array.from({ length: 1000 }, () => 'v') }],
    [{ a: 'y', b: 'v', c: 'v' }, { b: 'x' }],
  ],
  ['a == null', [{}, { a: [] }, { a: null }], [{ a: '' }, { a: 0 }, { a: false }]],
  ['null == a', [{}], [{ a: 'x' }]],
  ['a != null', [{ a: '' }, { a: 0 }], [{}]],
  ['null == null', [{}], []],
  ['null != null', [], [{}]],
  ['?a == null', [{}], [{ a: 'x' }]],
  ['?a.b == "x"', [{ 'a.b': 'x' }], [{}]],
  ['a < 5', [{ a: 4 }, { a: '4' }, { a: [9, 4] }], [{ a: 5 }, {}, { a: 'x' }, { a: true }]],
  ['a <= 5', [{ a: 5 }], [{ a: 6 }]],
  ['a > 5', [{ a: 6 }, { a: '10' }], [{ a: 5 }]],
  ['a >= 5', [{ a: 5 }], [{ a: 4 }]],
  ['5 < a', [{ a: 6 }], [{ a: 5 }, {}]],
  ['5 >= a', [{ a: 5 }], [{ a: 6 }]],
  ['a > "b"', [{ a: 'c' }, { a: 'ba' }], [{ a: 'b' }, { a: 'C' }]],
  ['a >= "2024-01-02T00:00:00Z"', [{ a: '2024-01-02T01:00:00+01:00' }], [{ a: '2024-01-02T00:59:00+01:00' }]],
  ['a < b', [{ a: 1, b: 2 }], [{ a: 2, b: 1 }, { a: 1 }]],
  ['a + 2 == 5', [{ a: 3 }], [{ a: 4 }, {}, { a: '3' }]],
  ['2 + 3 * 4 == 14', [{}], []],
  ['(2 + 3) * 4 == 20', [{}], []],
  ['10 - 4 - 3 == 3', [{}], []],
  ['2 * -a == -6', [{ a: 3 }], [{ a: -3 }]],
  ['-a == 3', [{ a: -3 }], [{ a: 3 }]],
  ['+a == 3', [{ a: 3 }], [{ a: -3 }]],
  ['a--1 == 4', [{ a: 3 }], [{ a: 5 }]],
  ['7 / 2 == 3', [{}], []],
  ['-7 / 2 == -3', [{}], []],
  ['7 / 2.0 == 3.5', [{}], []],
  ['7.0 / 2 == 3.5', [{}], []],
  ['4 / a == 1', [{ a: 4 }, { a: 3 }, { a: 4.0 }], [{ a: 5 }, { a: 0 }]],
  ['4.0 / a == 1', [{ a: 4 }], [{ a: 3 }]],
  ['(3 + 1.0) / 3 == 1', [], [{}]],
  ['a / 0 == null', [{ a: 1 }, { a: 0 }], []],
  ['a % 0 == null', [{ a: 1 }], []],
  ['7 % 4 == 3', [{}], []],
  ['-10 % 6 == -4', [{}], []],
  ['a', [{ a: true }, { a: [false, true] }], [{ a: false }, { a: 'true' }, { a: 1 }, {}]],
  ['not a', [{ a: false }, { a: 'true' }, {}], [{ a: true }]],
  ['not a == "x" or a > 5', [{ a: 'y' }, {}], [{ a: 'x' }]],
  ['startsWith(a, "x") == true', [{ a: 'xy' }], [{ a: 'yx' }, {}]],
  ['startsWith(a, "x") == false', [{ a: 'yx' }, {}], [{ a: 'xy' }]],
  ['true != (a > 5)', [{ a: 5 }, {}], [{ a: 6 }]],
  ['a == false', [{ a: false }], [{ a: true }, {}]],
  ['a == "x" or b == "y" and c == "z"', [{ a: 'x' }, { b: 'y', c: 'z' }], [{ b: 'y' }]],
  ['not a == "x" and b == "y"', [{ a: 'z', b: 'y' }, { b: 'y' }], [{ a: 'x', b: 'y' }, { a: 'z' }]],
  ['not (a == "x" or b == "y")', [{ a: 'z', b: 'z' }, { a: 'z' }, {}], [{ a: 'x' }, { b: 'y' }]],
  ['not a in ("x")', [{ a: 'y' }, {}], [{ a: 'x' }]],
  ['`a b`.`c-d` == "x" and `e``f` == "y"', [{ 'a b.c-d': 'x', 'e`f': 'y' }], [{}]],
  ['@timestamp != null', [{ '@timestamp': 'x' }], [{}]],
  ['/* no */ a == "x" // rest\n and b == "y" /* b == "z" */', [{ a: 'x', b: 'y' }], [{ a: 'x' }]],
  ['a == "\\"\\\\\\n\\r\\t\\u{41}\\u{1F600}\\u{0000200f}"', [{ a: '"\\\n\r\tA\u{1f600}\u200f' }], []],
  ['a == """c:\\x "y" \\n"""', [{ a: 'c:\\x "y" \\n' }], []],
  ['a == """x"""" or a == """""""', [{ a: 'x"' }, { a: '"' }], [{ a: 'x' }]],
  ['a == """"""', [{ a: '' }], [{ a: '"' }]],
];

const functions: [call: string, value: string | number | boolean | null][] = [
  ['add(4, 0.5)', 4.5],
  ['add(null, 4)', null],
  ['subtract(10, 2)', 8],
  ['multiply(-2, 0.25)', -0.5],
  ['divide(4, 3)', 1],
  ['divide(4, 3.0)', 4 / 3],
  ['divide(4, 0)', null],
  ['modulo(10, -6)', 4],
  ['modulo(7, 0)', null],
  ['between("welcome to the planet", "welcome", "planet")', ' to the '],
  ['between("welcome to the planet", "welcome", "e")', ' to th'],
  ['between("welcome to the planet", "welcome", "e", true)', ' to the plan'],
  ['between("welcome to the planet", "WELCOME", "E")', ''],
  ['between~("Welcome to thE planet", "WELCOME", "E")', ' to th'],
  ['between("abc", "x", "c")', ''],
  ['between("abc", "b", "x")', ''],
  ['between("cab", "b", "c", true)', ''],
  ['between("abc", "", "c")', 'abc'],
  ['between("", "a", "c")', ''],
  ['between(null, "a", "c")', null],
  ['between("abc", null, "c")', null],
  ['cidrMatch("192.168.152.12", "192.168.0.0/16")', true],
  ['cidrMatch("192.168.152.12", "10.0.0.0/8", "192.168.0.0/16")', true],
  ['cidrMatch("192.168.152.12", "10.0.0.0/8")', false],
  ['cidrMatch("10.1.2.3", "10.6.48.157/8")', true],
  ['cidrMatch("10.1.2.3", "0.0.0.0/0")', true],
  ['cidrMatch("fe80::1", "fe80::/10")', true],
  ['cidrMatch("2001:db8::1", "fe80::/10", "10.0.0.0/8")', false],
  // A bare address is a block of its own.
  ['cidrMatch("::1", "::1")', true],
  ['cidrMatch("0:0:0:0:0:0:0:1", "::1")', true],
  ['cidrMatch("::2", "::1")', false],
  ['cidrMatch("::1", "10.0.0.0/8", "::1", "FE80::/10")', true],
  ['cidrMatch("FE80::1", "fe80::1")', true],
  ['cidrMatch("127.0.0.1", "127.0.0.1")', true],
  ['cidrMatch("127.0.0.2", "127.0.0.1")', false],
  ['cidrMatch("127.0.0.1", "127.0.0.1/32")', true],
  ['cidrMatch("127.0.0.1", "::1")', false],
  ['cidrMatch("::1", "0.0.0.0/0")', false],
  // An IPv4 address mapped to IPv6 is the IPv4 address.
  ['cidrMatch("::ffff:10.1.2.3", "10.0.0.0/8")', true],
  ['cidrMatch("10.1.2.3", "::ffff:10.1.2.3")', true],
  ['cidrMatch("::ffff:a01:203", "10.1.2.3")', true],
  ['cidrMatch("10.1.2.3", "::/0")', true],
  ['cidrMatch("not an address", "10.0.0.0/8")', null],
  ['cidrMatch("10.0.0.1 ", "10.0.0.0/8")', null],
  ['cidrMatch("fe80::1%eth0", "fe80::/10")', null],
  ['cidrMatch(null, "10.0.0.0/8")', null],
  ['cidrMatch("10.0.0.1", null)', null],
  ['concat("regsvr32.exe", " ", 42.5, true)', 'regsvr32.exe 42.5true'],
  ['concat(7)', '7'],
  ['concat("a", null)', null],
  ['endsWith("regsvr32.exe", ".exe")', true],
  ['endsWith("regsvr32.exe", ".EXE")', false],
  ['endsWith~("regsvr32.exe", ".EXE")', true],
  ['endswith~("REGSVR32.EXE", ".exe")', true],
  ['endsWith("", "")', true],
  ['endsWith("", null)', null],
  ['indexOf("subdomain.example.com", ".")', 9],
  ['indexOf("subdomain.example.com", ".", 9)', 9],
  ['indexOf("subdomain.example.com", ".", 10)', 17],
  ['indexOf("subdomain.example.com", ".", -6)', 9],
  ['indexOf("subdomain.example.com", "", 10)', 10],
  ['indexOf("subdomain.example.com", "z")', null],
  ['indexOf("subdomain.example.com", ".", 30)', null],
  ['indexOf("subdomain.example.com", ".", null)', null],
  ['indexOf("aBc", "b")', null],
  ['indexOf~("aBc", "b")', 1],
  ['indexOf~("İİb", "B")', 2],
  ['indexOf("", "")', 0],
  ['length("explorer.exe")', 12],
  ['length("")', 0],
  ['length(null)', null],
  ['number("1337")', 1337],
  ['number("42.5")', 42.5],
  ['number("deadbeef", 16)', 3735928559],
  ['number("0xdeadbeef")', 3735928559],
  ['number("0xdeadbeef", 16)', 3735928559],
  ['number("0xdeadbeef", null)', 3735928559],
  ['number("052403", 8)', 21763],
  ['number(" -1337 ")', -1337],
  ['number("+1337", null)', 1337],
  ['number("12x")', null],
  ['number("19", 8)', null],
  ['number("0x", 16)', null],
  ['number("")', null],
  ['number(null, 16)', null],
  ['startsWith("regsvr32.exe", "regsvr32")', true],
  ['startsWith("regsvr32.exe", "Regsvr32")', false],
  ['startsWith~("regsvr32.exe", "Regsvr32")', true],
  ['startsWith("x", null)', null],
  ['string(42)', '42'],
  ['string(42.5)', '42.5'],
  ['string(true)', 'true'],
  ['string(1 < 2)', 'true'],
  ['string(null)', null],
  ['stringContains("start regsvr32.exe", "t r")', true],
  ['stringContains("start regsvr32.exe", "T R")', false],
  ['stringContains~("start regsvr32.exe", "T R")', true],
  ['stringContains("x", "")', false],
  ['stringContains("", "")', false],
  ['stringContains(null, "x")', null],
  ['substring("start regsvr32.exe", 6)', 'regsvr32.exe'],
  ['substring("start regsvr32.exe", 0, 5)', 'start'],
  ['substring("start regsvr32.exe", -4)', '.exe'],
  ['substring("start regsvr32.exe", -4, -1)', '.ex'],
  ['substring("hello world", 0, 500)', 'hello world'],
  ['substring("hello world", -60, 5)', 'hello'],
  ['substring("hello world", 9, 3)', ''],
  ['substring(null, 5)', null],
  ['wildcard("regsvr32.exe", "*explorer*", "*SVR32*")', false],
  ['wildcard("regsvr32.exe", "*explorer*", "*svr32*")', true],
  ['wildcard~("regsvr32.exe", "*SVR32*")', true],
  ['wildcard("", "*")', true],
  ['wildcard("", "*a*")', false],
  ['wildcard(null, "*")', null],
  ['wildcard("x", null)', null],
];

const written = (value: string | number | boolean | null): string => JSON.stringify(value);

describe('EQL', () => {
  test.each(conditions)('%s', (condition, hits, misses) => {
    const { matches } = compileEql(`any where ${condition}`);
    for (const fields of hits) expect(matches(reading(fields)), JSON.stringify(fields)).toBe(true);
    for (const fields of misses) expect(matches(reading(fields)), JSON.stringify(fields)).toBe(false);
  });

  test.each(functions)('%s is %j', (call, value) => {
    expect(holds(`${call} == ${written(value)}`)).toBe(true);
    expect(holds(`${call} != ${written(value)}`)).toBe(false);
    expect(holds(`${call} == null`)).toBe(value === null);
  });

  test('functions take fields', () => {
    const fields = { a: 'Start', list: ['-c', 'Evil.sh'], n: 7, address: ['::1', '10.1.1.1'] };
    expect(holds('startsWith~(a, "STA")', fields)).toBe(true);
    expect(holds('startsWith("Starting", a)', fields)).toBe(true);
    expect(holds('endsWith~(list, ".SH")', fields)).toBe(true);
    expect(holds('endsWith(list, ".SH")', fields)).toBe(false);
    expect(holds('length(list) == 7', fields)).toBe(true);
    expect(holds('concat("x", list) == "x-c"', fields)).toBe(true);
    expect(holds('concat(list, list) == "Evil.sh-c"', fields)).toBe(true);
    expect(holds('concat(list, list) == "Evil.shEvil.sh"', fields)).toBe(false);
    expect(holds('cidrMatch(address, "10.0.0.0/8")', fields)).toBe(true);
    expect(holds('length(n) == 1', fields)).toBe(false);
    expect(holds('length(n) == null', fields)).toBe(true);
    expect(holds('length(missing) > 0', fields)).toBe(false);
    expect(holds('n * 2 == length(a) + 9', fields)).toBe(true);
  });

  const truths: [condition: string, value: boolean][] = [
    ['true', true],
    ['false', false],
    ['not true', false],
    ['not not true', true],
    ['true and true', true],
    ['true and false', false],
    ['false and true', false],
    ['false or true', true],
    ['true or false', true],
    ['false or false', false],
  ];

  test.each(truths)('%s is %s', (condition, value) => {
    expect(holds(condition)).toBe(value);
    expect(holds(`not (${condition})`)).toBe(!value);
    expect(holds(`(${condition}) == null`)).toBe(false);
    const asFields = condition.replaceAll('true', 't').replaceAll('false', 'f');
    expect(holds(asFields, { t: true, f: false })).toBe(value);
  });

  // What was not observed must not silence a rule: `not process.parent.name in ("dpkg")` holds for an unknown parent.
  const absent: [comparison: string, fields: Fields, isNull: boolean][] = [
    ['a', {}, true],
    ['a == 1', {}, true],
    ['1 == a', {}, true],
    ['a == false', {}, true],
    ['a < 1', {}, true],
    ['a >= 1', {}, true],
    ['1 > a', {}, true],
    ['a < "x"', {}, true],
    ['a : "x"', {}, true],
    ['a : ("x", "*")', {}, true],
    ['a like "*"', {}, true],
    ['a like~ ("x", "*")', {}, true],
    ['a regex ".*"', {}, true],
    ['a regex~ ".*"', {}, true],
    ['a in (1, 2)', {}, true],
    ['a in~ ("x")', {}, true],
    ['a in (b, 1)', { b: 1 }, true],
    ['a == b', {}, true],
    ['a == b', { b: 1 }, true],
    ['a == b', { a: 1 }, true],
    ['a <= b', { a: 1 }, true],
    ['startsWith(a, "")', {}, true],
    ['startsWith("", a)', {}, true],
    ['wildcard~(a, "*")', {}, true],
    ['cidrMatch(a, "0.0.0.0/0")', {}, true],
    ['cidrMatch(a, "0.0.0.0/0")', { a: 'no address' }, true],
    ['stringContains(a, "x")', { a: 7 }, true],
    ['length(a) == 0', {}, true],
    ['length(a) >= 0', {}, true],
    ['a + 1 == 1', {}, true],
    ['a + 1 > 0', { a: 'x' }, true],
    ['1 / a == 1', { a: 0 }, true],
    // Something was compared here, so these are not null.
    ['a > 1', { a: 'x' }, false],
    ['a > b', { a: true, b: 1 }, false],
    ['a == 1 and b == 1', { b: 1 }, false],
    ['a == 1 or b == 1', { b: 2 }, false],
  ];

  test.each(absent)('%s fails for %j, and its negation holds', (comparison, fields, isNull) => {
    expect(holds(comparison, fields)).toBe(false);
    expect(holds(`not (${comparison})`, fields)).toBe(true);
    expect(holds(`not not (${comparison})`, fields)).toBe(false);
    expect(holds(`true and not (${comparison} or ${comparison})`, fields)).toBe(true);
    expect(holds(`(${comparison}) == null`, fields)).toBe(isNull);
    expect(holds(`(${comparison}) != null`, fields)).toBe(!isNull);
    expect(holds(`not (not (${comparison})) == null`, fields)).toBe(true);
    if (comparison !== 'a') expect(holds(`(${comparison}) == false`, fields)).toBe(true);
  });

  test.each([
    ['a == 1', 'a != 1'],
    ['a in ("x", "y")', 'a not in ("x", "y")'],
    ['a in~ ("X")', 'a not in~ ("X")'],
    ['length(a) == 1', 'length(a) != 1'],
    ['a == b', 'a != b'],
    ['a == null', 'a != null'],
  ])('%s is the contrary of %s', (comparison, contrary) => {
    for (const fields of [{}, { a: 'x' }, { a: 1 }, { a: ['x', 'z'], b: 'z' }, { b: 1 }, { a: 'z', b: 'z' }]) {
      expect(holds(contrary, fields), JSON.stringify(fields)).toBe(!holds(comparison, fields));
      expect(holds(`not ${comparison}`, fields), JSON.stringify(fields)).toBe(!holds(comparison, fields));
    }
  });

  test('the category must be among event.category', () => {
    const process = compileEql('process where true');
    expect([process.kind, process.category, [...process.fields]]).toEqual(['event', 'process', ['event.category']]);
    expect(process.matches(reading({ 'event.category': ['file', 'process'] }))).toBe(true);
    expect(process.matches(reading({ 'event.category': 'process' }))).toBe(true);
    expect(process.matches(reading({ 'event.category': ['Process', 'file'] }))).toBe(false);
    expect(process.matches(reading({}))).toBe(false);
    expect(compileEql('"my category" where true').category).toBe('my category');
    expect(compileEql('"""any""" where true').category).toBe('any');
    const any = compileEql('any where a.b == "x" or ?c.d != null');
    expect([any.category, [...any.fields]]).toEqual([undefined, ['a.b', 'c.d']]);
    expect(any.matches(reading({ 'a.b': 'x' }))).toBe(true);
  });

  test('a rule over maintainer scripts', () => {
    const { matches } = compileEql(`
      // a maintainer script starts something that no package tool led to
      process where event.type == "start" and process.executable : "/var/lib/dpkg/info/*" and
        process.group_leader.name != null and process.session_leader.name != null and
        not (
          process.session_leader.name in ("apt-get", "dpkg", "unattended-upgr") or
          process.group_leader.name : ("apt*", "dpkg*")
        )`);
    const event = {
      'event.category': ['process'],
      'event.type': ['start'],
      'process.executable': '/var/lib/dpkg/info/tool.postinst',
      'process.group_leader.name': 'sh',
      'process.session_leader.name': 'sshd',
    };
    expect(matches(reading(event))).toBe(true);
    expect(matches(reading({ ...event, 'process.executable': '/VAR/lib/dpkg/info/x' }))).toBe(true);
    expect(matches(reading({ ...event, 'process.executable': '/var/lib/dpkg' }))).toBe(false);
    expect(matches(reading({ ...event, 'process.group_leader.name': undefined }))).toBe(false);
    expect(matches(reading({ ...event, 'process.group_leader.name': 'apt-get' }))).toBe(false);
    expect(matches(reading({ ...event, 'process.session_leader.name': 'dpkg' }))).toBe(false);
    expect(matches(reading({ ...event, 'process.session_leader.name': 'DPKG' }))).toBe(true);
    expect(matches(reading({ ...event, 'event.category': ['file'] }))).toBe(false);
  });

  test('evaluation stops at the first condition that is not true', () => {
    const asked: string[] = [];
    const { matches } = compileEql('process where a == "x" and b == "y" and not (c == "z" or d == "z")');
    matches((name) => {
      asked.push(name);
      return { 'event.category': 'process', a: 'x' }[name];
    });
    expect(asked).toEqual(['event.category', 'a', 'b']);
  });

  test.each<[query: string, line: number, column: number, length: number, message: RegExp]>([
    ['', 1, 1, 1, /empty/],
    ['sequence by a [any where true] [any where true]', 1, 1, 8, /`sequence` queries are not supported yet/],
    ['sample by a [any where true]', 1, 1, 6, /`sample` queries are not supported yet/],
    ['join [any where true]', 1, 1, 4, /`join` queries are not supported yet/],
    // What stands further on is no event query either: the kind of query is the reason.
    [
      'sequence by a with maxspan=5m\n  [any where true] by b\n  [any where true] by c',
      1,
      1,
      8,
      /^`sequence` queries are not/,
    ],
    ["  sequence with maxspan=1h [any where a == 'x']", 1, 3, 8, /^`sequence` queries are not supported yet/],
    ['// first\nsequence by ?a [any where true] ![any where $]', 2, 1, 8, /^`sequence` queries are not supported yet/],
    [
      'sequence [any where true] with runs=3 until [any where true]',
      1,
      1,
      8,
      /^`sequence` queries are not supported yet/,
    ],
    ['sequence [any where true] as event0', 1, 1, 8, /^`sequence` queries are not supported yet/],
    ['![any where true]', 1, 1, 2, /`!\[…\]` is a part of a `sequence`.* not supported yet/],
    ['SEQUENCE by a with maxspan=5m', 1, 1, 8, /^`sequence` queries are not supported yet/],
    ["sample by a [any where a = 'x']", 1, 1, 6, /^`sample` queries are not supported yet/],
    ["join by a [any where a = 'x']", 1, 1, 4, /^`join` queries are not supported yet/],
    [
      "[any where a = 'x'] [any where true]",
      1,
      1,
      1,
      /part of a `sequence`, and `sequence` queries are not supported yet/,
    ],
    ['any where a == 1 by b with maxspan=5m', 1, 18, 2, /`by` joins the events of a `sequence`.* not supported yet/],
    ['any where a == 1 with runs=5', 1, 18, 4, /`with` is a part of a `sequence`.* not supported yet/],
    ["any where true until [any where a = 'x']", 1, 16, 5, /`until` ends a `sequence`.* not supported yet/],
    ['any where true as event0', 1, 16, 2, /`as` names an event of a `sequence`.* not supported yet/],
    ['from logs-* | where a == "x"', 1, 1, 4, /^ES\|QL is not supported/],
    ['any where true | head 5', 1, 16, 1, /pipes are not supported yet/],
    ["any where true | filter a = 'x'", 1, 16, 1, /pipes are not supported yet/],
    ['process.a where true', 1, 1, 9, /event category/],
    ['process~ where true', 1, 1, 8, /event category/],
    ['process', 1, 8, 1, /found the end of the query, expected `where`/],
    ['process WHERE true', 1, 9, 5, /keywords are lower case: `where`/],
    ['any where', 1, 10, 1, /expected a field/],
    ['any where a == "x"\n  AND b == "y"', 2, 3, 3, /expected an operator, .*`and`/],
    ['any where a = "x"', 1, 13, 1, /write `==`/],
    ['any where a = "x" | head 5', 1, 13, 1, /write `==`/],
    ["any where a == 'x'", 1, 16, 1, /single quotes: write "…"/],
    ['any where a == ?"x"', 1, 16, 2, /: write """…"""/],
    ["any where a == ?'x'", 1, 16, 2, /: write """…"""/],
    ['any where a == "x', 1, 16, 1, /no closing `"`/],
    ['any where a == "x\n"', 1, 16, 1, /no closing `"`/],
    ['any where a == """x""', 1, 16, 3, /no closing `"""`/],
    ['any where a == "\\q"', 1, 17, 2, /`\\q` is not an escape/],
    ['any where a == "\\u{d800}"', 1, 17, 8, /not an escape/],
    ['any where a == "\\u{110000}"', 1, 17, 10, /not an escape/],
    ['any where a == /* "x"', 1, 16, 2, /comment .* no closing/],
    ['any where `a == "x"', 1, 11, 1, /no closing backtick/],
    ['any where $a == "x"', 1, 11, 1, /found `\$`/],
    ['any where a == "x" == true', 1, 20, 2, /cannot be chained/],
    ['any where a < b < c', 1, 17, 1, /cannot be chained/],
    ['any where a == "x" b', 1, 20, 1, /found `b`, expected an operator/],
    ['any where (a == "x"', 1, 20, 1, /expected an operator or `\)`/],
    ['any where "x"', 1, 11, 3, /is a string, where a condition is needed/],
    ['any where a == 1 and 1 + b', 1, 22, 5, /`1 \+ b` is a number, where a condition is needed/],
    ['any where not length(a)', 1, 15, 9, /is a number, where a condition/],
    ['any where concat(a) or true', 1, 11, 9, /is a string, where a condition/],
    ['any where null', 1, 11, 4, /`null` can only be compared with `==` and `!=`: .*`field == null`/],
    ['any where a == "x" and not null', 1, 28, 4, /`null` can only be compared/],
    ['any where a < null', 1, 15, 4, /`null` can only be compared/],
    ['any where null >= a', 1, 11, 4, /`null` can only be compared/],
    ['any where a in ("x", null)', 1, 22, 4, /`null` can only be compared/],
    ['any where a not in~ ("x", null)', 1, 27, 4, /`null` can only be compared/],
    ['any where null in (a)', 1, 11, 4, /`null` can only be compared/],
    ['any where null like "x"', 1, 11, 4, /`null` can only be compared/],
    ['any where a : 5', 1, 15, 1, /takes string literals.*write `==`/],
    ['any where a : null', 1, 15, 4, /write `== null`/],
    ['any where a : ("x", b)', 1, 21, 1, /`:` takes string literals, found `b`/],
    ['any where a like 5', 1, 18, 1, /`like` takes string literals/],
    ['any where 5 : "x"', 1, 11, 1, /`:` compares strings, found the number `5`/],
    ['any where a regex true', 1, 19, 4, /`regex` takes string literals/],
    ['any where a not like "x"', 1, 17, 4, /expected `in` after `not`/],
    ['any where a in "x"', 1, 16, 3, /expected `\(` and a list/],
    ['any where a in ("x" "y")', 1, 21, 3, /expected `,` or `\)`/],
    ['any where a in ()', 1, 17, 1, /expected a field/],
    ['any where a in~ (b)', 1, 18, 1, /`in~` takes string literals/],
    ['any where length(a) in ("x")', 1, 25, 3, /number cannot be compared with the string/],
    ['any where length(a) == "5"', 1, 24, 3, /number cannot be compared with the string `"5"`/],
    ['any where a < true', 1, 15, 4, /boolean has no order/],
    ['any where a + "x" == 1', 1, 15, 3, /`\+` computes with numbers, found the string/],
    ['any where -"x" == 1', 1, 12, 3, /`-` computes with numbers/],
    ['any where add(1, "x") == 1', 1, 18, 3, /computes with numbers/],
    ['any where foo(a)', 1, 11, 3, /unknown function `foo`: allowed are add, between/],
    ['any where match(a, "x")', 1, 11, 5, /unknown function/],
    ['any where length~(a) == 1', 1, 11, 7, /`length` has no case-insensitive variant/],
    ['any where cidrMatch~(a, "10.0.0.0/8")', 1, 11, 10, /no case-insensitive variant/],
    ['any where add~(1, 2) == 3', 1, 11, 4, /no case-insensitive variant/],
    ['any where length() == 1', 1, 11, 6, /`length` takes 1 argument, found 0/],
    ['any where length(a, b) == 1', 1, 11, 6, /`length` takes 1 argument, found 2/],
    ['any where startsWith(a)', 1, 11, 10, /`startsWith` takes 2 arguments, found 1/],
    ['any where between(a, "x") == "y"', 1, 11, 7, /takes 3 to 4 arguments, found 2/],
    ['any where wildcard(a)', 1, 11, 8, /takes at least 2 arguments, found 1/],
    ['any where concat() == "x"', 1, 11, 6, /takes at least 1 argument, found 0/],
    ['any where add(1) == 1', 1, 11, 3, /`add` takes 2 arguments, found 1/],
    ['any where startsWith(a, 5)', 1, 25, 1, /`startsWith` needs a string for `substring`, found the number `5`/],
    ['any where length(5) == 1', 1, 18, 1, /needs a string/],
    ['any where wildcard(a, b)', 1, 23, 1, /needs a literal for `wildcard_exp`, found `b`/],
    ['any where cidrMatch(a, "10.0.0.0/8", "10.0.0.0/33")', 1, 38, 13, /from 0 to 32 for IPv4, found `10.0.0.0\/33`/],
    ['any where cidrMatch(a, "::1/129")', 1, 24, 9, /from 0 to 128 for IPv6, found `::1\/129`/],
    ['any where cidrMatch(a, "x/8")', 1, 24, 5, /an address such as .* or a CIDR block .* found `x\/8`/],
    ['any where cidrMatch(a, "::1", "10.0.0")', 1, 31, 8, /found `10.0.0`/],
    ['any where cidrMatch(a, " ::1")', 1, 24, 6, /found ` ::1`/],
    ['any where cidrMatch(a, "10.0.0.1 ")', 1, 24, 11, /found `10.0.0.1 `/],
    ['any where cidrMatch(a, "010.0.0.1")', 1, 24, 11, /found `010.0.0.1`/],
    ['any where cidrMatch(a, "")', 1, 24, 2, /found an empty string/],
    ['any where cidrMatch(a, "/8")', 1, 24, 4, /found `\/8`/],
    ['any where cidrMatch(a, "10.0.0.0/")', 1, 24, 11, /from 0 to 32/],
    ['any where cidrMatch(a, "10.0.0.0/8/8")', 1, 24, 14, /CIDR block/],
    ['any where cidrMatch(a, "10.0.0.0/8 ")', 1, 24, 13, /from 0 to 32/],
    ['any where cidrMatch(a, "10.0.0.0/-1")', 1, 24, 13, /from 0 to 32/],
    ['any where cidrMatch(a, "fe80::1%eth0")', 1, 24, 14, /found `fe80::1%eth0`/],
    ['any where cidrMatch(a, "fe80::%eth0/10")', 1, 24, 16, /CIDR block/],
    ['any where cidrMatch(a, "::ffff:10.0.0.0/104")', 1, 24, 21, /without "::ffff:"/],
    ['any where number(a, 1) == 1', 1, 21, 1, /base must be/],
    ['any where number(a, b) == 1', 1, 21, 1, /a literal for `base_num`/],
    ['any where a[0] == "x"', 1, 12, 1, /positions in a list/],
    ['any where child of [any where true]', 1, 11, 8, /`child of` is not supported/],
    ["any where a == 1 and descendant of [process where process.name = 'x']", 1, 22, 13, /`descendant of` is not supp/],
    ['any where event of [any where true]', 1, 11, 8, /`event of` is not supported/],
    ['any where a~ == "x"', 1, 11, 2, /must be a function/],
    ['any where ? == "x"', 1, 13, 2, /field name after `\?`/],
    ['any where a regex "(x"', 1, 19, 4, /a `\(` is not closed, at character 3/],
  ])('refuses %j', (query, line, column, length, message) => {
    const error = errorOf(query);
    expect(error.message).toMatch(message);
    expect([error.line, error.column, error.length]).toEqual([line, column, length]);
    expect(error.message).not.toMatch(/\p{C}/u);
  });

  test('nesting is bounded', () => {
    for (const query of [
      '('.repeat(201),
      'not '.repeat(100_000),
      '-'.repeat(100_000),
      'length('.repeat(300),
      `${'length('.repeat(201)}a${')'.repeat(201)} == 1`,
    ]) {
      expect(errorOf(`any where ${query}`).message).toMatch(/is nested more than 200 levels deep/);
    }
  });

  test('a chain of operators is bounded like nesting', () => {
    expect(errorOf(`any where a${' + 1'.repeat(201)} == 1`).message).toMatch(/200 levels deep/);
    expect(compileEql(`any where a${' + 1'.repeat(199)} == 199`).matches(reading({ a: 0 }))).toBe(true);
    expect(compileEql(`any where ${'('.repeat(200)}a == 1${')'.repeat(200)}`).matches(reading({ a: 1 }))).toBe(true);
    expect(
      compileEql(`any where ${Array.from({ length: 5000 }, () => 'a == 1').join(' and ')}`).matches(reading({ a: 1 })),
    ).toBe(true);
  });

  test('conditions as values do not multiply the evaluations', () => {
    let reads = 0;
    const { matches } = compileEql(`any where ${'('.repeat(90)}a == 1${' and true) == true'.repeat(90)}`);
    expect(matches(() => ++reads)).toBe(true);
    expect(reads).toBe(1);
    reads = 0;
    expect(
      matches(() => {
        reads++;
        return undefined;
      }),
    ).toBe(false);
    expect(reads).toBe(1);
    for (const [before, after] of [
      ['(((', ') == null) == false)'],
      ['((', ') in (b, true))'],
      ['(string(', ') > "x")'],
      ['(not (', ') != true)'],
    ] as const) {
      reads = 0;
      const { matches: nested } = compileEql(`any where ${before.repeat(60)}a == 1${after.repeat(60)}`);
      nested((name) => {
        reads++;
        return name === 'a' ? undefined : 1;
      });
      expect(reads, after).toBeLessThanOrEqual(61);
    }
  });

  test.each(hostileValues)('does not throw on %s', (_, value) => {
    const calls = [
      'between~(a, "x", "y", true) == "z"',
      'cidrMatch(a, "::/0")',
      'concat(a, b) == "x"',
      'endsWith~(a, b)',
      'indexOf~(a, "z") == 1',
      'length(a) == 1',
      'number(a) == 1',
      'number(a, 16) == 1',
      'string(a) == "x"',
      'stringContains~(a, b)',
      'substring(a, 1, -1) == "x"',
      'wildcard~(a, "*x*y*z*")',
      'substring(b, a) == "x"',
      'indexOf(b, "x", a) == 1',
      'add(a, b) == 1',
      'a / b == 1',
      '-a == 1',
    ];
    for (const condition of [...conditions.map(([one]) => one), ...calls]) {
      const { matches } = compileEql(`any where ${condition}`);
      expect(typeof matches(reading({ a: value, b: value, 'event.category': value })), condition).toBe('boolean');
    }
  });
});
