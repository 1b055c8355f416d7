// The comparison of rpm's database with observed transactions.

import { describe, expect, test } from 'vitest';
import { RpmFailed } from '../../../collectors/packages/run-rpm.ts';
import type { DatabaseComparison } from '../../../collectors/transactions/package-transaction.ts';
import { openRpmDatabases } from '../../../collectors/transactions/rpm-database.ts';
import type { RpmChanges } from '../../../collectors/transactions/rpm-transactions.ts';

const directory = '/var/lib/rpm';

/** A host whose rpm lists `packages`, and takes `tookMs` for that. */
function openHost({ tookMs = 0 }: { tookMs?: number } = {}) {
  const host = { packages: ['base-1-1.noarch'], lists: 0, fails: false, isOld: false, exists: true, nowMs: 1000 };
  const underway: RpmChanges[] = [];
  const resolved = new Set<string>();
  const databases = openRpmDatabases({
    host: {
      exists: (path) => host.exists && path === `${directory}/rpmdb.sqlite`,
      realPath(path) {
        resolved.add(path);
        return path === '/link' || path === '/srv/link' ? directory : path;
      },
      async rpm(args) {
        expect(args.slice(0, 2)).toEqual(['--dbpath', directory]);
        host.lists++;
        host.nowMs += tookMs;
        if (host.fails && !host.isOld) throw new RpmFailed('no answer', false);
        const [format = ''] = args.slice(-1);
        if (host.isOld && format.includes('OPENPGP')) {
          if (host.fails) throw new RpmFailed('unknown tag', true);
          return '';
        }
        const mark = format.slice(0, format.indexOf('%'));
        return host.packages.map((line) => `${mark}${line}\n`).join('');
      },
      clock: { nowMs: () => host.nowMs },
    },
    catchUp() {},
    underway: () => underway,
    directories: ['/usr/lib/sysimage/rpm', directory, '/link'],
  });
  const compareAll = async (
    ...written: [name: string, isAdded: boolean][]
  ): Promise<DatabaseComparison | undefined> => {
    const answer = databases.compare({
      database: directory,
      written: written.map(([name, isAdded]) => ({ package: name, isAdded })),
    });
    await answer.pending;
    return answer.value;
  };
  /** Without the signatures. */
  const compare = async (...written: Parameters<typeof compareAll>): Promise<object | undefined> => {
    const { signatures: _, ...rest } = { signatures: undefined, ...(await compareAll(...written)) };
    return rest;
  };
  return { host, databases, compare, compareAll, underway, resolved };
}

describe('the differences', () => {
  test.each<[string, [string, boolean][], string[], object[]]>([
    ['of an addition that is listed', [['a-1-1.noarch', true]], ['base-1-1.noarch', 'a-1-1.noarch'], []],
    ['of a removal that is not listed', [['base-1-1.noarch', false]], [], []],
    [
      'of an upgrade',
      [
        ['base-2-1.noarch', true],
        ['base-1-1.noarch', false],
      ],
      ['base-2-1.noarch'],
      [],
    ],
    [
      'of a package that replaces itself',
      [
        ['base-1-1.noarch', true],
        ['base-1-1.noarch', false],
        ['base-1-1.noarch', true],
      ],
      ['base-1-1.noarch'],
      [],
    ],
    [
      'of a package whose former record is removed last',
      [
        ['base-1-1.noarch', true],
        ['base-1-1.noarch', false],
      ],
      ['base-1-1.noarch'],
      [],
    ],
    [
      'of an addition that is missing',
      [['a-1-1.noarch', true]],
      ['base-1-1.noarch'],
      [{ package: 'a-1-1.noarch', kind: 'not_listed' }],
    ],
    [
      'of a removal that is missing',
      [['base-1-1.noarch', false]],
      ['base-1-1.noarch'],
      [{ package: 'base-1-1.noarch', kind: 'still_listed' }],
    ],
    [
      'of what no transaction did',
      [['a-1-1.noarch', true]],
      ['a-1-1.noarch', 'b-1-1.noarch', 'gpg-pubkey-1-2.(none)'],
      [
        { package: 'b-1-1.noarch', kind: 'unreported_addition' },
        { package: 'base-1-1.noarch', kind: 'unreported_removal' },
      ],
    ],
  ])('%s', async (_what, written, listed, differences) => {
    const { host, databases, compare } = openHost();
    await databases.list();
    host.packages = listed;
    expect(await compare(...written)).toEqual({ differences });
  });

  test('are not those that another transaction explains', async () => {
    const { host, databases, compare, underway } = openHost();
    await databases.list();
    host.packages.push('a-1-1.noarch', 'b-1-1.noarch');
    underway.push({ database: directory, written: [{ package: 'b-1-1.noarch', isAdded: true }] });
    expect(await compare(['a-1-1.noarch', true])).toEqual({ differences: [] });
  });

  test('without a list from before are only those of the transaction', async () => {
    const { host, compare } = openHost();
    host.packages.push('b-1-1.noarch');
    expect(await compare(['a-1-1.noarch', true])).toEqual({
      differences: [{ package: 'a-1-1.noarch', kind: 'not_listed' }],
    });
  });
});

describe('the signatures', () => {
  const added: [string, boolean] = ['a-1-1.noarch', true];
  const signedBy = (key: string): string => `a-1-1.noarch\tRSA/SHA256, Mon 30 Nov 2026 10:00:00 AM UTC, Key ID ${key}`;
  const key = '0123456789abcdef';
  const listedKey = (...provided: string[]): string =>
    ['gpg-pubkey-00000000-1.(none)', '', 'gpg(Some Name <a@b>)', ...provided].join('\t');
  test.each<[string, string[], object]>([
    ['of an unsigned package', ['a-1-1.noarch\t'], { exists: false }],
    ['by an imported key', [signedBy(key), listedKey(`gpg(${key})`)], { exists: true, key, key_imported: true }],
    [
      'by a subkey of an imported key',
      [signedBy(key), listedKey('gpg(ffffffffffffffff)', `gpg(${key})`)],
      { exists: true, key, key_imported: true },
    ],
    [
      'by a key of which only the last digits are those of an imported one',
      [signedBy(key), listedKey('gpg(89abcdef)', 'gpg(ffffffff89abcdef)')],
      { exists: true, key, key_imported: false },
    ],
    [
      'by a key that only a package provides',
      [signedBy(key), `b-1-1.noarch\t\tgpg(${key})`],
      { exists: true, key, key_imported: false },
    ],
    ['that rpm cannot read', ['a-1-1.noarch\t(not an OpenPGP signature)'], { exists: true }],
    [
      'of a package that another one imitates in a text of several lines',
      ['a-1-1.noarch\t', `b-1-1.noarch\t\n${signedBy(key)}`],
      { exists: false },
    ],
  ])('%s', async (_what, listed, signature) => {
    const { host, compareAll } = openHost();
    host.isOld = true;
    host.packages = listed;
    expect(await compareAll(added)).toMatchObject({ signatures: new Map([['a-1-1.noarch', signature]]) });
  });

  test('are only those of packages that were added', async () => {
    const { host, compareAll } = openHost();
    host.packages.push('a-1-1.noarch\t');
    expect(await compareAll(added, ['base-1-1.noarch', false])).toMatchObject({
      signatures: new Map([['a-1-1.noarch', { exists: false }]]),
    });
  });

  test('do not show whether a key is imported if rpm may keep keys outside of its database', async () => {
    const { host, compareAll } = openHost();
    host.packages = [signedBy(key)];
    expect(await compareAll(added)).toMatchObject({ signatures: new Map([['a-1-1.noarch', { exists: true, key }]]) });
  });

  test('are asked of an old rpm that fails for what it does not know', async () => {
    const { host, compareAll } = openHost();
    host.isOld = true;
    host.fails = true;
    host.packages.push('a-1-1.noarch\t');
    expect(await compareAll(added)).toMatchObject({ signatures: new Map([['a-1-1.noarch', { exists: false }]]) });
    expect(host.lists).toBe(2);
  });

  test('of an empty database do not show whether rpm is old', async () => {
    const { host, compareAll } = openHost();
    host.packages = [];
    await compareAll();
    host.packages = [signedBy(key)];
    expect(await compareAll(added)).toMatchObject({ signatures: new Map([['a-1-1.noarch', { exists: true, key }]]) });
  });

  test('are asked of a new rpm in its own way, from when it was installed', async () => {
    const { host, compareAll } = openHost();
    host.isOld = true;
    await compareAll();
    await compareAll();
    expect(host.lists).toBe(3);
    await compareAll(['rpm-libs-6.0-1.x86_64', true]);
    host.isOld = false;
    host.packages = [signedBy(key)];
    expect(await compareAll(added)).toMatchObject({ signatures: new Map([['a-1-1.noarch', { exists: true, key }]]) });
    expect(host.lists).toBe(5);
  });
});

describe('no comparison', () => {
  test('of a database that is not known, or not that of the host', () => {
    const { databases } = openHost();
    expect(databases.compare({ database: undefined, written: [] }).value).toEqual({ unobserved: 'not_shown' });
    expect(databases.compare({ database: '/srv/root/var/lib/rpm', written: [] }).value).toEqual({
      unobserved: 'other_database',
    });
    expect(databases.compare({ database: '/link', written: [] }).pending).toBeDefined();
  });
  test('of a path that the process chose: nothing there is looked at, as it may not answer', () => {
    const { databases, resolved } = openHost();
    for (const database of ['/srv/link', '/net/host/var/lib/rpm']) {
      expect(databases.compare({ database, written: [] }).value).toEqual({ unobserved: 'other_database' });
    }
    expect([...resolved]).toEqual(['/usr/lib/sysimage/rpm', directory, '/link']);
  });
  test('if rpm does not answer', async () => {
    const { host, compare } = openHost();
    host.fails = true;
    expect(await compare(['a-1-1.noarch', true])).toEqual({ unobserved: 'database_unreadable' });
    host.fails = false;
    host.packages.push('a-1-1.noarch');
    expect(await compare()).toEqual({ differences: [] });
  });
  test('without a database: rpm would create one', async () => {
    const { host, databases, compare } = openHost();
    host.exists = false;
    await databases.list();
    expect(await compare(['a-1-1.noarch', true])).toEqual({ unobserved: 'database_unreadable' });
    expect(host.lists).toBe(0);
  });
  test('right after another one that took long', async () => {
    const { host, compare } = openHost({ tookMs: 100 });
    host.packages.push('a-1-1.noarch', 'b-1-1.noarch');
    expect(await compare(['a-1-1.noarch', true])).toEqual({ differences: [] });
    expect(await compare(['b-1-1.noarch', true])).toEqual({ unobserved: 'database_busy' });
    host.nowMs += 2000;
    // The change in between is known.
    expect(await compare()).toEqual({ differences: [] });
    expect(host.lists).toBe(2);
  });
});

test('transactions that end together share a list', async () => {
  const { host, compare } = openHost();
  host.packages.push('a-1-1.noarch', 'b-1-1.noarch');
  const both = [compare(['a-1-1.noarch', true]), compare(['c-1-1.noarch', true])];
  expect(await Promise.all(both)).toEqual([
    { differences: [] },
    { differences: [{ package: 'c-1-1.noarch', kind: 'not_listed' }] },
  ]);
  expect(host.lists).toBe(1);
});

test('a list of the packages has their versions and times, and no keys', async () => {
  const { host, databases } = openHost();
  host.packages = ['a-b-1:2.0-3.el9.x86_64 1700000000', 'gpg-pubkey-1-2.(none) 1', 'c-1-1.noarch', 'no package'];
  expect(await databases.list()).toEqual([
    { name: 'a-b', version: '1:2.0-3.el9', architecture: 'x86_64', state: '', installedMs: 1_700_000_000_000 },
    { name: 'c', version: '1-1', architecture: 'noarch', state: '', installedMs: undefined },
  ]);
  host.exists = false;
  expect(await databases.list()).toBe('none');
});

test('a list right after another one that took long is left out', async () => {
  const { databases } = openHost({ tookMs: 100 });
  await databases.list();
  expect(await databases.list()).toEqual([expect.objectContaining({ name: 'base' })]);
  expect(await databases.list()).toBe('busy');
});
