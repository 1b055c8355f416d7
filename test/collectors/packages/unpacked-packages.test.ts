// Scripts in tmp.ci and the control files beside them, in whichever order their events come.

import { expect, test } from 'vitest';
import { openUnpackedPackages } from '../../../collectors/packages/unpacked-packages.ts';

const of = (version: string) => ({ package: 'cron', version });

function unpackedAt(...controls: [version: string, bornMs: number][]) {
  const packages = openUnpackedPackages();
  for (const [version, bornMs] of controls) packages.add(of(version), bornMs);
  return packages;
}

test.each<[string, [string, number][], number, string | undefined, boolean]>([
  ['none yet', [], 1000, undefined, false],
  ['of the same moment', [['1', 1000]], 1000, '1', true],
  ['some milliseconds later', [['1', 1000]], 1005, '1', true],
  ['later than that: another may be nearer', [['1', 1000]], 1006, '1', false],
  ['much later', [['1', 1000]], 1021, undefined, false],
  [
    'two, the older is nearer',
    [
      ['1', 1000],
      ['2', 1060],
    ],
    1001,
    '1',
    true,
  ],
  [
    'two, the newer is nearer',
    [
      ['1', 1000],
      ['2', 1060],
    ],
    1059,
    '2',
    true,
  ],
  [
    'two, whichever came first',
    [
      ['2', 1060],
      ['1', 1000],
    ],
    1059,
    '2',
    true,
  ],
])('control files: %s', (_, controls, bornMs, version, isCertain) => {
  const found = unpackedAt(...controls).finder(bornMs)();
  expect([found?.unpacked.version, found?.isCertain ?? false]).toEqual([version, isCertain]);
});

test('the last control file since dpkg began to unpack counts if the file system records no creation', () => {
  const packages = openUnpackedPackages();
  const first = packages.finder(Number.NaN);
  expect(first()).toBe(undefined);
  packages.add(of('1'), Number.NaN);
  packages.reset();
  const second = packages.finder(Number.NaN);
  packages.add(of('2'), Number.NaN);
  expect([first()?.unpacked.version, second()?.unpacked.version]).toEqual(['1', '2']);
});

test('sixteen control files are kept at most', () => {
  const packages = unpackedAt(...Array.from({ length: 17 }, (_, i): [string, number] => [`${i}`, i * 100]));
  expect(packages.finder(0)()).toBe(undefined);
  expect(packages.finder(100)()?.unpacked.version).toBe('1');
});
