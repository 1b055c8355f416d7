// Package lists in a directory, read by the real store: what changes with them, and what is known if they cannot be read.

import { createHash } from 'node:crypto';
import { renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { openPackageLists } from '../../../collectors/provenance/package-lists.ts';
import { temporaryDirectory, temporaryStore } from '../../storage/temporary-store.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const digestOf = (name: string): string => sha256(`the archive ${name}`);
const prefix = 'deb.example.org_dists_stable_';
const list = 'main_binary-amd64_Packages';
const textOf = (...names: string[]): string =>
  names.map((name) => `Package: ${name}\nSHA256: ${digestOf(name)}\n\n`).join('');
const signature = Buffer.from([0xc2, 19, 3, 5, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0]);
const armored = `-----BEGIN PGP SIGNATURE-----\n\n${signature.toString('base64')}\n-----END PGP SIGNATURE-----\n`;
const releaseOf = (indexes: Readonly<Record<string, string>>): string =>
  `Origin: Example\nSuite: stable\nSHA256:\n${Object.entries(indexes)
    .map(([path, digest]) => ` ${digest} 1 ${path}\n`)
    .join('')}`;
const signed = (text: string): string => `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${text}${armored}`;
const indexPath = 'main/binary-amd64/Packages';

describe('package lists', () => {
  let directory: string;
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  function open(maxDigests?: number) {
    const store = temporaryStore();
    const faults: string[] = [];
    const read: string[] = [];
    const host = openHost();
    const lists = openPackageLists({
      host: {
        ...host,
        openLater(file, root) {
          read.push(file.slice(directory.length + 1));
          return host.openLater(file, root);
        },
      },
      store: maxDigests === undefined ? store.digests : { ...store.digests, maxDigests },
      async *unpack(file) {
        yield Buffer.from(textOf('unpacked', file.slice(-3)));
      },
      onFault: (fault) => void faults.push(fault),
    });
    return { store, faults, read, lists, refresh: () => lists.refresh(directory) };
  }
  /** As apt does it: by a rename, and not in the same step of the clock. */
  const put = (name: string, text: string): void => {
    writeFileSync(join(directory, 'partial'), text);
    renameSync(join(directory, 'partial'), join(directory, `${prefix}${name}`));
  };
  const publish = (...names: string[]): void => {
    const text = textOf(...names);
    put(list, text);
    put('InRelease', signed(releaseOf({ [indexPath]: sha256(text) })));
  };

  test('a digest of a signed list', async () => {
    const { lists, refresh, faults } = open();
    publish('a', 'b');
    expect(lists.doubt()).toBe('not_indexed_yet');
    expect(lists.report()).toEqual({ lists: 0, signed: 0, digests: 0, incomplete: {}, doubt: 'not_indexed_yet' });
    await refresh();
    expect(lists.doubt()).toBe(undefined);
    const { checked, read, ...rest } = lists.report();
    expect(rest).toEqual({ lists: 1, signed: 1, digests: 2, incomplete: {} });
    expect([read === checked, Date.now() - Date.parse(checked ?? '') < 60_000]).toEqual([true, true]);
    await refresh();
    expect(lists.report().read).toBe(read);
    expect(lists.find(digestOf('a'))).toMatchObject({
      list: {
        site: 'deb.example.org',
        suite: 'stable',
        component: 'main',
        origin: 'Example',
        keys: ['0102030405060708'],
      },
      isSuperseded: false,
      isSigned: true,
    });
    expect(lists.find(digestOf('c'))).toBe(undefined);
    expect(faults).toEqual([]);
  });

  test.each<[string, () => void, boolean | undefined]>([
    ['an unsigned Release file', () => put('Release', releaseOf({ [indexPath]: sha256(textOf('a')) })), false],
    [
      'a Release file with a signature',
      () => {
        put('Release', releaseOf({ [indexPath]: sha256(textOf('a')) }));
        put('Release.gpg', armored);
      },
      true,
    ],
    ['no Release file', () => {}, false],
    ['another digest of the list', () => put('InRelease', signed(releaseOf({ [indexPath]: digestOf('a') }))), false],
    [
      'no digest of the list',
      () => put('InRelease', signed(releaseOf({ 'main/binary-i386/Packages': digestOf('a') }))),
      false,
    ],
    [
      'only that of a compressed form',
      () => put('InRelease', signed(releaseOf({ [`${indexPath}.gz`]: digestOf('a') }))),
      undefined,
    ],
    [
      'a digest after the signature',
      () => put('InRelease', `${signed(releaseOf({}))}${releaseOf({ [indexPath]: sha256(textOf('a')) })}`),
      false,
    ],
  ])('signed or not: %s', async (_what, release, isSigned) => {
    const { lists, refresh } = open();
    put(list, textOf('a'));
    release();
    await refresh();
    expect(lists.find(digestOf('a'))?.isSigned).toBe(isSigned);
  });

  test('a new list supersedes the former one, and may have its digests again', async () => {
    const { lists, refresh } = open();
    publish('a', 'b');
    await refresh();
    publish('b', 'c');
    await refresh();
    const found = (name: string) => lists.find(digestOf(name));
    expect(found('a')).toMatchObject({ isSuperseded: true, isSigned: true });
    expect(found('b')).toMatchObject({ isSuperseded: false });
    expect(found('c')).toMatchObject({ isSuperseded: false });
    publish('a');
    await refresh();
    expect(found('a')).toMatchObject({ isSuperseded: false });
    expect(found('c')).toMatchObject({ isSuperseded: true });
  });

  test('a digest of an unsigned state does not become signed when the list is', async () => {
    const { lists, refresh } = open();
    put(list, textOf('evil'));
    await refresh();
    publish('a');
    await refresh();
    expect(lists.find(digestOf('evil'))).toMatchObject({ isSuperseded: true, isSigned: false });
    expect(lists.find(digestOf('a'))).toMatchObject({ isSuperseded: false, isSigned: true });
  });

  test('the digests of a list that is gone are superseded, until it is there again', async () => {
    const { lists, refresh } = open();
    publish('a');
    await refresh();
    rmSync(join(directory, `${prefix}${list}`));
    await refresh();
    expect(lists.find(digestOf('a'))).toMatchObject({ isSuperseded: true, isSigned: true });
    publish('a');
    await refresh();
    expect(lists.find(digestOf('a'))).toMatchObject({ isSuperseded: false });
  });

  test('of two lists the signed one that has the digest now is shown', async () => {
    const { lists, refresh } = open();
    put('contrib_binary-amd64_Packages', textOf('a'));
    publish('a');
    await refresh();
    expect(lists.find(digestOf('a'))).toMatchObject({ list: { component: 'main' }, isSigned: true });
    put(list, textOf('other'));
    await refresh();
    expect(lists.find(digestOf('a'))).toMatchObject({
      list: { component: 'contrib' },
      isSuperseded: false,
      isSigned: false,
    });
  });

  test('a list that has not changed is not read again, also by the next agent', async () => {
    const { store, lists, refresh, read } = open();
    publish('a');
    await refresh();
    expect(read).toEqual([`${prefix}InRelease`, `${prefix}${list}`]);
    await refresh();
    expect(read).toHaveLength(2);
    put('InRelease', `${signed(releaseOf({ [indexPath]: digestOf('x') }))}`);
    await refresh();
    expect(read.slice(2)).toEqual([`${prefix}InRelease`]);
    expect(lists.find(digestOf('a'))?.isSigned).toBe(false);
    const next = openPackageLists({
      host: { ...openHost(), openLater: () => Promise.reject(new Error('it is read again')) },
      store: store.digests,
      unpack: () => {
        throw new Error('it is read again');
      },
      onFault: (_fault, error) => {
        throw error;
      },
    });
    await next.refresh(directory);
    expect(next.doubt()).toBe(undefined);
    expect(next.find(digestOf('a'))).toMatchObject({ isSuperseded: false });
  });

  test('a changed list of the same size and time is read again', async () => {
    const { lists, refresh } = open();
    publish('a');
    const file = join(directory, `${prefix}${list}`);
    utimesSync(file, 1, 1);
    await refresh();
    publish('b');
    utimesSync(file, 1, 1);
    await refresh();
    expect(lists.find(digestOf('b'))).toMatchObject({ isSuperseded: false });
  });

  test('compressed lists are unpacked', async () => {
    const { lists, refresh } = open();
    put(`${list}.lz4`, 'compressed');
    put('InRelease', signed(releaseOf({ [indexPath]: sha256(textOf('unpacked', 'lz4')) })));
    await refresh();
    expect(lists.find(digestOf('unpacked'))?.isSigned).toBe(true);
  });

  test.each<[string, string, (name: string) => void]>([
    ['a package without a SHA-256', 'digests_missing', (name) => put(name, `${textOf('a')}Package: b\nMD5sum: 1\n`)],
    ['no list at all', 'no_package_lists', () => {}],
    ['more digests than the bound', 'too_many_digests', (name) => put(name, textOf('a', 'b', 'c', 'd'))],
  ])('what is not found may be there: %s', async (_what, doubt, make) => {
    const { lists, refresh } = open(3);
    make(list);
    await refresh();
    expect(lists.doubt()).toBe(doubt);
  });

  test('a list that cannot be read keeps its digests, and is reported', async () => {
    const { store, lists, refresh, faults } = open();
    publish('a');
    await refresh();
    const failing = openPackageLists({
      host: { ...openHost(), openLater: () => Promise.reject(new Error('EIO')) },
      store: store.digests,
      async *unpack() {},
      onFault: (fault) => void faults.push(fault),
    });
    put(list, textOf('b'));
    await failing.refresh(directory);
    expect(failing.doubt()).toBe('lists_unreadable');
    expect(failing.report()).toMatchObject({
      lists: 1,
      incomplete: { lists_unreadable: 1 },
      doubt: 'lists_unreadable',
    });
    expect(faults).toEqual(['a Release file of apt could not be read', 'a package list of apt could not be read']);
    expect(lists.find(digestOf('a'))).toBeDefined();
    await refresh();
    expect(lists.doubt()).toBe(undefined);
    expect(lists.find(digestOf('b'))).toMatchObject({ isSuperseded: false });
  });

  test('a refresh during another one sees what changes meanwhile', async () => {
    const { lists, refresh } = open();
    publish('a');
    const first = refresh();
    publish('b');
    await Promise.all([first, refresh(), refresh()]);
    expect(lists.find(digestOf('b'))).toMatchObject({ isSuperseded: false });
  });

  test('is stopped while a list is read', async () => {
    const { lists, refresh, faults } = open();
    publish('a');
    const reading = refresh();
    await lists.stop();
    await reading;
    expect(faults).toEqual([]);
    expect(lists.find(digestOf('a'))).toBe(undefined);
  });
});
