// The order of Debian versions: the cases of dpkg's own test suite and those of deb-version(7).

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { compareVersions } from '../../../collectors/packages/compare-versions.ts';
import { missingTools } from '../../needs.ts';

const cases: readonly (readonly [string, '<' | '=' | '>', string])[] = [
  ['1', '<', '2'],
  ['9', '<', '10'],
  ['1:1', '>', '2'],
  ['0:1', '=', '1'],
  ['1.0', '=', '1.00'],
  ['1.0', '<', '1.0-1'],
  ['1.0', '=', '1.0-0'],
  ['1.0~rc1', '<', '1.0'],
  ['1.0~~', '<', '1.0~'],
  ['1.0-1~bpo1', '<', '1.0-1'],
  ['1.0a', '>', '1.0'],
  ['1.0a', '<', '1.0+'],
  ['1a', '<', '1.'],
  ['1.2-3-4', '<', '1.2-4-1'],
  ['2.36-9+deb12u9', '<', '2.36-9+deb12u10'],
  ['252.36-1~deb12u1', '<', '252.38-1~deb12u1'],
  ['99999999999999999999', '>', '9999999999999999999'],
  ['1:2.66-4+deb12u1', '<', '1:2.66-4+deb12u2+b2'],
];
const sign = { '<': -1, '=': 0, '>': 1 } as const;
const reverse = { '<': '>', '=': '=', '>': '<' } as const;

test.each(cases)('%s %s %s', (a, order, b) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign[order]);
  expect(Math.sign(compareVersions(b, a))).toBe(sign[reverse[order]] + 0);
});

test.skipIf(missingTools('dpkg'))('dpkg gives the same order', () => {
  for (const [a, order, b] of cases) {
    const operator = { '<': 'lt', '=': 'eq', '>': 'gt' }[order];
    execFileSync('dpkg', ['--compare-versions', a, operator, b]);
  }
});
