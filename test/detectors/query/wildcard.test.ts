// Wildcards against a plain recursive definition, and against values made to be slow.

import { describe, expect, test } from 'vitest';
import { compileWildcard, parseWildcard } from '../../../detectors/query/wildcard.ts';

/** The definition, exponential and obvious. */
function fits(pattern: string, value: string): boolean {
  const [first] = pattern;
  if (first === undefined) return value === '';
  if (first === '*') return fits(pattern.slice(1), value) || (value !== '' && fits(pattern, value.slice(1)));
  return value !== '' && (first === '?' || first === value[0]) && fits(pattern.slice(1), value.slice(1));
}

function words(alphabet: string, maxLength: number): string[] {
  const all = [''];
  for (let from = 0, length = 0; length < maxLength; length++) {
    const until = all.length;
    for (; from < until; from++) for (const letter of alphabet) all.push(`${all[from]}${letter}`);
  }
  return all;
}

describe('wildcards', () => {
  test('agree with the definition for all short patterns and values', () => {
    const values = words('ab', 5);
    for (const pattern of words('a*?b', 4)) {
      const matches = compileWildcard(parseWildcard(pattern));
      for (const value of values) if (matches(value) !== fits(pattern, value)) expect.fail(`${pattern} on ${value}`);
    }
  });

  test('? matches a whole character', () => {
    const matches = compileWildcard(parseWildcard('*??'));
    expect(matches('\u{1f600}')).toBe(false);
    expect(matches('\u{1f600}x')).toBe(true);
    expect(compileWildcard(parseWildcard('?'))('\ud83d')).toBe(true);
  });

  test('match many stars against a long value in bounded time', () => {
    const matches = compileWildcard(parseWildcard(`${'*a?'.repeat(50)}*b`));
    expect(matches('a'.repeat(100_000))).toBe(false);
    expect(matches(`${'a'.repeat(100_000)}b`)).toBe(true);
  });
});
