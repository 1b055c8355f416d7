// The order of rpm's versions, as in the test suite of rpm (tests/rpmvercmp.at).

import { expect, test } from 'vitest';
import { compareRpmVersions } from '../../../collectors/packages/compare-rpm-versions.ts';

const versionOf = (text: string) => {
  const [, epoch = '', version = '', release = ''] = /^(?:(\d+):)?([^-]*)(?:-(.*))?$/.exec(text) ?? [];
  return { epoch, version, release };
};

test.each([
  ['1.0', '1.0', 0],
  ['1.0', '2.0', -1],
  ['2.0.1a', '2.0.1', 1],
  ['5.5p1', '5.5p10', -1],
  ['10xyz', '10.1xyz', -1],
  ['xyz.4', '8', -1],
  ['xyz.4', '2', -1],
  ['5.5p2', '5.6p1', -1],
  ['6.0.rc1', '6.0', 1],
  ['10b2', '10a1', 1],
  ['1.0aa', '1.0a', 1],
  ['10.0001', '10.1', 0],
  ['10.0001', '10.0039', -1],
  ['4.999.9', '5.0', -1],
  ['20101121', '20101122', -1],
  ['2_0', '2.0', 0],
  ['a+', 'a_', 0],
  ['1.0~rc1', '1.0', -1],
  ['1.0~rc1', '1.0~rc1', 0],
  ['1.0~rc1~git123', '1.0~rc1', -1],
  ['1.0^', '1.0', 1],
  ['1.0^git1', '1.0', 1],
  ['1.0^git1', '1.01', -1],
  ['1.0^20160101', '1.0.1', -1],
  ['1.0~rc1^git1', '1.0~rc1', 1],
  ['1.0^git1~pre', '1.0^git1', -1],
  ['1:1.0', '2.0', 1],
  ['0:1.0', '1.0', 0],
  ['10:1.0', '9:1.0', 1],
  ['1.0-2', '1.0-10', -1],
  ['1.0-1', '1.0-1', 0],
  ['99999999999999999999', '100000000000000000000', -1],
])('%s and %s', (a, b, order) => {
  const sign = (x: string, y: string): number => Math.sign(compareRpmVersions(versionOf(x), versionOf(y)));
  expect(sign(a, b)).toBe(order);
  expect(sign(b, a)).toBe(order === 0 ? 0 : -order);
});
