// States of files as text.

import { expect, test } from 'vitest';
import { dateOfNs, knownFile, permissionsOf, stateOf, stateOfKnown } from '../../../collectors/packagedb/listing.ts';

test('times and sizes beyond the range of the database are cut to it', () => {
  const stat = {
    ino: 5n,
    size: 2n ** 62n,
    mtimeNs: 13_569_465_600n * 10n ** 9n,
    ctimeNs: -(2n ** 70n),
    mode: 0o100644n,
  };
  const now = stateOf({ ...stat, uid: 0n, gid: 0n });
  expect(now).toBe(`5:${2 ** 53 - 1}:${2n ** 63n - 1n}:${-(2n ** 63n)}:${0o100644}:0:0`);
  // And it is the same once it is read back.
  expect(stateOfKnown(knownFile('x', now))).toBe(now);
});

test('a state is equal after it was saved and read', () => {
  const file = {
    name: 'x',
    ino: 2n ** 64n - 1n,
    sizeBytes: 2 ** 40,
    mtimeNs: -1n,
    ctimeNs: 1_795_310_872_508_454_158n,
    mode: 0o100644,
    uid: 4_294_967_294,
    gid: 0,
  };
  expect(knownFile('x', stateOfKnown(file))).toEqual(file);
  // A directory's size and times depend on its files.
  const directory = { ...file, mode: 0o040755 };
  expect(knownFile('x', stateOfKnown(directory))).toEqual({ ...directory, sizeBytes: 0, mtimeNs: 0n, ctimeNs: 0n });
});

test.each<[bigint, string]>([
  [0n, '1970-01-01T00:00:00.000Z'],
  [-1n, '1970-01-01T00:00:00.000Z'],
  [2n ** 63n - 1n, '2262-04-11T23:47:16.854Z'],
  [10n ** 30n, '+275760-09-13T00:00:00.000Z'],
])('the date of %s ns', (ns, date) => {
  expect(dateOfNs(ns)).toBe(date);
});

test.each([
  [0o100755, '0755'],
  [0o104755, '4755'],
  [0o041777, '1777'],
  [0, '0000'],
])('permissions %i', (mode, text) => {
  expect(permissionsOf(mode)).toBe(text);
});
