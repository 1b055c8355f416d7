// States of files and what differs between two of them.

import { describe, expect, test } from 'vitest';
import {
  dateOfNs,
  differenceOf,
  type FileState,
  knownFile,
  permissionsOf,
  previousOf,
  stateOf,
  stateOfKnown,
  withRenames,
} from '../../../collectors/packagedb/listing.ts';

interface Change {
  ino?: number;
  size?: number;
  mtime?: number | bigint;
  ctime?: number | bigint;
  mode?: number;
  uid?: number;
  gid?: number;
}
const state = ({ ino = 5, size = 10, mtime = 100, ctime = 200, mode = 0o100644, uid = 0, gid = 0 }: Change = {}) =>
  `${ino}:${size}:${mtime}:${ctime}:${mode}:${uid}:${gid}`;

test('times and sizes that no database takes count as the last that it does', () => {
  const stat = {
    ino: 5n,
    size: 2n ** 62n,
    mtimeNs: 13_569_465_600n * 10n ** 9n,
    ctimeNs: -(2n ** 70n),
    mode: 0o100644n,
  };
  const now = stateOf({ ...stat, uid: 0n, gid: 0n });
  expect(now).toBe(state({ size: 2 ** 53 - 1, mtime: 2n ** 63n - 1n, ctime: -(2n ** 63n) }));
  // And it is the same once it is read back.
  expect(stateOfKnown(knownFile('x', now))).toBe(now);
});

describe('differenceOf', () => {
  test.each<[string, FileState | undefined, FileState | undefined, string | undefined, string[]]>([
    ['the same', state(), state(), undefined, []],
    ['new', undefined, state(), 'creation', []],
    ['gone', state(), undefined, 'deletion', []],
    ['never there', undefined, undefined, undefined, []],
    ['written', state(), state({ size: 11, mtime: 101, ctime: 201 }), 'modification', ['size', 'mtime', 'ctime']],
    ['written, as large as before', state(), state({ mtime: 101, ctime: 201 }), 'modification', ['mtime', 'ctime']],
    ['another file', state(), state({ ino: 6 }), 'modification', ['inode']],
    ['mode', state(), state({ ctime: 201, mode: 0o100755 }), 'attribute-change', ['ctime', 'mode']],
    ['owner', state(), state({ ctime: 201, uid: 1, gid: 1 }), 'attribute-change', ['ctime', 'uid', 'gid']],
    ['time set back', state(), state({ ctime: 201 }), 'attribute-change', ['ctime']],
    ['a lock taken', state({ size: 0 }), state({ size: 0, mtime: 101, ctime: 201 }), undefined, []],
    ['another empty file', state({ size: 0 }), state({ size: 0, ino: 6 }), 'modification', ['inode']],
    [
      'an empty file made executable',
      state({ size: 0 }),
      state({ size: 0, mode: 0o100755 }),
      'attribute-change',
      ['mode'],
    ],
    ['emptied', state(), state({ size: 0, mtime: 101 }), 'modification', ['size', 'mtime']],
  ])('%s', (_, before, after, action, changed) => {
    const difference = differenceOf(before, after);
    expect(difference?.action).toBe(action);
    expect(difference?.changed ?? []).toEqual(changed);
    expect(difference?.inferredFrom !== undefined).toBe(changed.join() === 'ctime');
  });

  test.each<[string, Change, string | undefined]>([
    ['inode and change time', { ino: 6, ctime: 300 }, undefined],
    ['size too', { ino: 6, ctime: 300, size: 11 }, 'modification'],
    ['modification time too', { ino: 6, ctime: 300, mtime: 101 }, 'modification'],
    ['mode too', { ino: 6, ctime: 300, mode: 0o100755 }, 'attribute-change'],
  ])('of a copied folder: %s', (_, change, action) => {
    expect(differenceOf(state(), state(change), true)?.action).toBe(action);
  });
});

test('a state holds what is remembered, to the last bit', () => {
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
  // Of a folder only what is its own.
  const directory = { ...file, mode: 0o040755 };
  expect(knownFile('x', stateOfKnown(directory))).toEqual({ ...directory, sizeBytes: 0, mtimeNs: 0n, ctimeNs: 0n });
});

test('what was known, as far as it has changed', () => {
  expect(previousOf(state({ mtime: 1_795_310_872_508_454_158n }), ['mtime', 'mode'])).toEqual({
    mtime: '2026-11-22T01:27:52.508Z',
    mode: '0644',
  });
  expect(previousOf(state(), ['inode', 'size', 'uid', 'gid'])).toEqual({ inode: '5', size: 10, uid: '0', gid: '0' });
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

describe('withRenames', () => {
  const found = (name: string, before: FileState | undefined, after: FileState | undefined) => {
    const difference = differenceOf(before, after);
    if (difference === undefined) throw new Error('no difference');
    return { name, before, after, difference };
  };
  const reported = (...all: ReturnType<typeof found>[]) =>
    withRenames(all).map((one) => [one.difference.action, one.name, (one as { from?: string }).from]);

  test('a name that is gone and one that has all of it', () => {
    expect(reported(found('b', undefined, state({ ctime: 300 })), found('a', state(), undefined))).toEqual([
      ['rename', 'b', 'a'],
    ]);
  });
  test('an inode that is used again is no rename', () => {
    expect(reported(found('b', undefined, state({ mtime: 300 })), found('a', state(), undefined))).toEqual([
      ['creation', 'b', undefined],
      ['deletion', 'a', undefined],
    ]);
  });
  test('one of two links was removed, two new ones made', () => {
    expect(
      reported(found('b', undefined, state()), found('c', undefined, state()), found('a', state(), undefined)),
    ).toEqual([
      ['rename', 'b', 'a'],
      ['creation', 'c', undefined],
    ]);
  });
});
