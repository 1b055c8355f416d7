// What two states of a file, and two listings of a directory, differ in.

import { describe, expect, test } from 'vitest';
import { differenceOf, differencesOf, previousOf } from '../../../collectors/packagedb/differences.ts';
import type { FileState } from '../../../collectors/packagedb/listing.ts';

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
  ])('in a copied directory: %s', (_, change, action) => {
    expect(differenceOf(state(), state(change), true)?.action).toBe(action);
  });
});

test('lists the changed parts of a state', () => {
  expect(previousOf(state({ mtime: 1_795_310_872_508_454_158n }), ['mtime', 'mode'])).toEqual({
    mtime: '2026-11-22T01:27:52.508Z',
    mode: '0644',
  });
  expect(previousOf(state(), ['inode', 'size', 'uid', 'gid'])).toEqual({ inode: '5', size: 10, uid: '0', gid: '0' });
});

describe('differencesOf', () => {
  const directory = state({ ino: 2, size: 0, mtime: 0, ctime: 0, mode: 0o040755 });
  type States = Readonly<Record<string, FileState>>;
  test.each<[name: string, before: States, now: States, expected: string[], copied?: boolean]>([
    ['nothing', { a: state() }, { a: state() }, []],
    ['a new file', {}, { a: state() }, ['creation a']],
    ['a file that is gone', { a: state() }, {}, ['deletion a']],
    [
      'a written file beside others',
      { a: state(), b: state() },
      { a: state(), b: state({ size: 11 }) },
      ['modification b'],
    ],
    ['a lock that was taken', { a: state({ size: 0 }) }, { a: state({ size: 0, mtime: 101 }) }, []],
    ['a renamed file', { a: state() }, { b: state({ ctime: 300 }) }, ['rename a b']],
    ['an inode number that is used again', { a: state() }, { b: state({ mtime: 300 }) }, ['deletion a', 'creation b']],
    ['a removed link and two new ones', { a: state() }, { b: state(), c: state() }, ['rename a b', 'creation c']],
    ['a link beside the file', { a: state() }, { a: state(), b: state() }, ['creation b']],
    ['a directory that is known for the first time', {}, { '.': directory }, []],
    ['a directory that is gone', { '.': directory }, {}, []],
    ['another directory', { '.': directory }, { '.': directory.replace(/^2:/, '3:') }, []],
    [
      'the mode of the directory',
      { '.': directory },
      { '.': directory.replace(/:\d+:0:0$/, ':16895:0:0') },
      ['attribute-change .'],
    ],
    [
      'a copy',
      { a: state(), b: state() },
      { a: state({ ino: 6, ctime: 300 }), b: state({ ino: 7, size: 11 }) },
      ['modification b'],
      true,
    ],
    ['a file that is not in a copy', { a: state() }, {}, ['deletion a'], true],
  ])('%s', (_, before, now, expected, copied) => {
    const differences = differencesOf(new Map(Object.entries(before)), new Map(Object.entries(now)), copied);
    expect(
      differences.map(({ name, difference, originalName }) =>
        [difference.action, originalName, name].filter((word) => word !== undefined).join(' '),
      ),
    ).toEqual(expected);
    for (const { name, before: old, now: current } of differences)
      expect([old, current]).toEqual([before[name], now[name]]);
  });
});
