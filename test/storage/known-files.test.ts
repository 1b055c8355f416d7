// The files of a directory as they were when it was last checked.

import { expect, test } from 'vitest';
import type { KnownFile } from '../../collectors/packagedb/listing.ts';
import { knownFile, stateOf, stateOfKnown } from '../../collectors/packagedb/listing.ts';
import { temporaryStore } from './temporary-store.ts';

const file = (name: string, change: Partial<KnownFile> = {}): KnownFile => ({
  name,
  ino: 7n,
  sizeBytes: 120,
  mtimeNs: 1_772_532_000_000_000_001n,
  ctimeNs: -2n,
  mode: 0o100755,
  uid: 0,
  gid: 42,
  ...change,
});

test('files are read back unchanged, sorted by name, for each directory', () => {
  const store = temporaryStore();
  const large = file('b', { ino: 0xffff_ffff_ffff_fff0n, sizeBytes: 2 ** 40 });
  store.saveKnownFiles('/a', [large, file('a\n')], []);
  store.saveKnownFiles('/b', [file('c')], []);
  expect([...store.knownFiles('/a')]).toEqual([file('a\n'), large]);
  expect([...store.knownFiles('/b')]).toEqual([file('c')]);
  expect([...store.knownFiles('/none')]).toEqual([]);
});

test('later rows replace earlier ones; a name that is deleted and written in one call stays', () => {
  const store = temporaryStore();
  store.saveKnownFiles('/a', [file('a'), file('b')], []);
  store.saveKnownFiles('/a', [file('a', { sizeBytes: 9 })], ['a', 'b', 'never there']);
  expect([...store.knownFiles('/a')]).toEqual([file('a', { sizeBytes: 9 })]);
});

test('a save is written completely or not at all', () => {
  const store = temporaryStore();
  function* broken() {
    yield file('a');
    throw new Error('the folder went away');
  }
  expect(() => store.saveKnownFiles('/a', broken(), [])).toThrow('the folder went away');
  expect([...store.knownFiles('/a')]).toEqual([]);
});

test('a file dated far in the future is saved like any other', () => {
  const store = temporaryStore();
  const mtimeNs = 13_569_465_600n * 10n ** 9n;
  const state = stateOf({ ino: 1n, size: 2n ** 63n - 1n, mtimeNs, ctimeNs: 0n, mode: 0o100644n, uid: 0n, gid: 0n });
  store.saveKnownFiles('/a', [knownFile('y2400', state)], []);
  expect([...store.knownFiles('/a')].map(stateOfKnown)).toEqual([state]);
});
