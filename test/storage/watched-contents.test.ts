// The last seen contents of watched files in the store, their bound, and the listings that are forgotten.

import { expect, test } from 'vitest';
import { knownFile, stateOf } from '../../collectors/packagedb/listing.ts';
import { temporaryStore } from './temporary-store.ts';

const day = 86_400_000;

test('a content is read back, replaced and deleted', () => {
  const store = temporaryStore();
  expect(store.lastContent('/etc/x')).toBe(undefined);
  const text = 'é\r\n "quoted"\n';
  store.saveContents(
    [
      ['/etc/x', { sha256: 'a', text }],
      ['/etc/binary', { sha256: 'b', text: undefined }],
    ],
    1,
  );
  expect(store.lastContent('/etc/x')).toEqual({ sha256: 'a', text });
  expect(store.lastContent('/etc/binary')).toEqual({ sha256: 'b', text: undefined });
  expect(store.contentPaths().sort()).toEqual(['/etc/binary', '/etc/x']);
  store.saveContents(
    [
      ['/etc/x', { sha256: 'c', text: '' }],
      ['/etc/binary', undefined],
      ['/etc/none', undefined],
    ],
    2,
  );
  expect([store.lastContent('/etc/x'), store.lastContent('/etc/binary')]).toEqual([
    { sha256: 'c', text: '' },
    undefined,
  ]);
});

test('the contents stay below their share of the database: the oldest are deleted', () => {
  const store = temporaryStore();
  const maxBytes = 10 * 1024 * 1024;
  const text = 'x'.repeat(64 * 1024);
  const paths = Array.from({ length: 40 }, (_, i) => `/etc/${String(i).padStart(2, '0')}`);
  for (const [i, path] of paths.entries()) store.saveContents([[path, { sha256: 'a', text }]], i);
  for (let more = true; more; ) ({ more } = store.prune(day, { maxBytes }));
  const kept = store.contentPaths().sort();
  expect(kept.length).toBeLessThanOrEqual(20);
  // Steps are of many rows, and may delete more than needed.
  expect(kept).toEqual(paths.slice(paths.length - kept.length));
});

test('the list that was watched last is remembered', () => {
  const store = temporaryStore();
  expect(store.watchedList()).toBe(undefined);
  store.saveWatchedList(281_474_976_710_655);
  store.saveWatchedList(7);
  expect(store.watchedList()).toBe(7);
});

test('listings of directories that are not watched any more are forgotten, and others stay', () => {
  const store = temporaryStore();
  const file = knownFile(
    'a',
    stateOf({ ino: 1n, size: 1n, mtimeNs: 1n, ctimeNs: 1n, mode: 0o100644n, uid: 0n, gid: 0n }),
  );
  for (const directory of ['watched:/etc', 'watched:/srv', '/var/lib/dpkg', 'watchee']) {
    store.saveKnownFiles(directory, [file], []);
  }
  store.forgetDirectories('watched:', new Set(['watched:/etc']));
  const kept = ['watched:/etc', 'watched:/srv', '/var/lib/dpkg', 'watchee'].filter(
    (directory) => [...store.knownFiles(directory)].length > 0,
  );
  expect(kept).toEqual(['watched:/etc', '/var/lib/dpkg', 'watchee']);
});
