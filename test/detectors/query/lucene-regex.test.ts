// Lucene's regular expressions: every construct with hits and near misses, refusals, and values made to be slow.

import { describe, expect, test } from 'vitest';
import { compileRegex, maxRegexInput } from '../../../detectors/query/lucene-regex.ts';

const compile = (pattern: string, ignoreCase = false): ((value: string) => boolean | undefined) =>
  compileRegex(pattern, ignoreCase, 200, (reason) => {
    throw new Error(reason);
  });

describe('Lucene expressions', () => {
  test.each<[pattern: string, hits: string[], misses: string[]]>([
    ['', [''], ['x']],
    ['abc', ['abc'], ['ab', 'abcd', 'xabc', 'ABC']],
    ['a.c', ['abc', 'a\nc', 'a\u{1f600}c'], ['ac', 'abbc']],
    ['ab*', ['a', 'abb'], ['b', 'aba']],
    ['ab+', ['ab', 'abb'], ['a']],
    ['ab?', ['a', 'ab'], ['abb']],
    ['.*?x', ['x', 'aax'], ['xa']],
    ['(a*)*b', ['b', 'aab'], ['a']],
    ['a{2}', ['aa'], ['a', 'aaa']],
    ['a{2,}', ['aa', 'aaaa'], ['a']],
    ['a{1,3}b', ['ab', 'aaab'], ['b', 'aaaab']],
    ['a{0}b', ['b'], ['ab']],
    ['(ab|c)+d', ['abd', 'cabcd'], ['d', 'acd']],
    ['a|', ['a', ''], ['b']],
    ['()', [''], ['x']],
    ['[abc]', ['b'], ['d', 'ab']],
    ['[a-c]x', ['bx'], ['dx']],
    ['[^a-c]', ['d', '\n'], ['a', '']],
    ['[a\\-c-]+', ['a-c'], ['b']],
    ['[-a]+', ['-a'], ['b']],
    ['[.*]', ['.', '*'], ['x']],
    ['[\\d_]+', ['12_'], ['a']],
    ['[^\\d]', ['a'], ['1']],
    ['\\d+\\s\\w+', ['12 a_9'], ['a b', '1a']],
    ['\\D\\S\\W', ['ab-'], ['1b-', 'a -', 'abc']],
    ['\\.\\*\\\\', ['.*\\'], ['a*\\']],
    ['"a.*"b', ['a.*b'], ['axb']],
    ['\\#\\@\\<\\~\\&\\^\\$\\"', ['#@<~&^$"'], []],
    ['/tmp/[^/]+\\.(sh|py)', ['/tmp/x.sh'], ['/tmp/a/x.sh', '/tmp/xsh']],
  ])('%j', (pattern, hits, misses) => {
    const matches = compile(pattern);
    for (const value of hits) expect(matches(value), value).toBe(true);
    for (const value of misses) expect(matches(value), value).toBe(false);
  });

  test('match without case', () => {
    const matches = compile('x[a-c]É[^q]', true);
    expect(matches('XBéz')).toBe(true);
    expect(matches('XBéQ')).toBe(false);
    expect(matches('XDéz')).toBe(false);
  });

  test.each<[pattern: string, reason: RegExp]>([
    ['a#', /operator `#` is not supported .* at character 2/],
    ['a@b', /`@`.*write \\@/],
    ['<1-5>', /`<`/],
    ['~a', /`~`/],
    ['a&b', /`&`/],
    ['^a', /`\^` is not an anchor/],
    ['a$', /`\$` is not an anchor/],
    ['*a', /`\*` has nothing/],
    ['(?:a)', /`\?` has nothing/],
    ['a{,2}', /`\{` must begin a repeat/],
    ['a{3,2}', /counts down/],
    ['a{2000}', /more than 1000 states/],
    ['((a{30}){30}){30}', /more than 1000 states/],
    ['((){999999}){999999}', /more than 16000 parts/],
    ['(((){999999}){999999}){0,999999}', /more than 16000 parts|states/],
    ['[a', /`\[` is not closed/],
    ['[]', /class is empty/],
    ['[b-a]', /runs backwards/],
    ['[a-\\d]', /cannot end in a class/],
    ['a)', /has no `\(`/],
    ['"a', /`"` is not closed/],
    ['\\bx', /`\\b` has no special meaning/],
    ['\\', /nothing follows/],
    [`${'('.repeat(300)}`, /are nested more than 200/],
    [`a${'?'.repeat(300)}`, /more than 200 repeats/],
  ])('refuses %j', (pattern, reason) => {
    expect(() => compile(pattern)).toThrow(reason);
  });

  test('finish where a backtracking engine would not', () => {
    const value = 'a'.repeat(20_000);
    expect(compile('(a+)+b')(value)).toBe(false);
    expect(compile('(a|aa)+b')(value)).toBe(false);
    expect(compile('(.*a){10}b')(value)).toBe(false);
    expect(compile('(a*)*')(value)).toBe(true);
  });

  test('do not match a value longer than the bound', () => {
    expect(compile('a*')('a'.repeat(maxRegexInput))).toBe(true);
    expect(compile('a*')('a'.repeat(maxRegexInput + 1))).toBe(false);
  });
});
