// The package ledger: its rows, the installed packages that follow from them, its view, and its retention.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { LedgerChange, LedgerEntry } from '../../detectors/package-ledger.ts';
import { limits } from '../../storage/limits.ts';
import type { FoundChange } from '../../storage/package-ledger.ts';
import { openQueryDatabase } from '../../storage/query-database.ts';
import type { Store } from '../../storage/store.ts';
import { exampleChange as change, day, exampleEntry as entry, exampleFinding, start } from './examples.ts';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

function record(store: Store, packages: LedgerEntry, timeMs = start, eventId?: string): void {
  store.record([{ ...exampleFinding(timeMs, eventId === undefined ? {} : { eventId }), packages }], timeMs);
}

/** NAME ARCHITECTURE VERSION STATE of each installed package. */
const installed = (store: Store, manager: 'dpkg' | 'rpm' = 'dpkg'): string[] =>
  store
    .installedPackages(manager)
    .map(({ name, architecture, version, state }) => `${name} ${architecture} ${version} ${state}`.trim());

function query(path: string, sql: string): unknown[][] {
  const database = openQueryDatabase(path, []);
  onTestFinished(() => database.close());
  return [...database.ask(sql, { since: 0, now: 0 }).rows];
}

describe('the installed packages follow the changes', () => {
  const upgrade = change('xz', '2', { action: 'upgrade', formerVersion: '1' });
  test.each<[string, LedgerChange[], string[]]>([
    ['an installation', [change('xz', '1')], ['xz amd64 1 installed']],
    ['an upgrade', [change('xz', '1'), upgrade], ['xz amd64 2 installed']],
    ['an upgrade of a package that was not known', [upgrade], ['xz amd64 2 installed']],
    [
      'a downgrade',
      [change('xz', '2'), change('xz', '1', { action: 'downgrade', formerVersion: '2' })],
      ['xz amd64 1 installed'],
    ],
    [
      'a removal that keeps the configuration files',
      [change('xz', '1'), change('xz', '1', { action: 'remove', state: 'config-files' })],
      [],
    ],
    [
      'a removal that failed',
      [change('xz', '1'), change('xz', '1', { action: 'remove', applied: false, state: 'installed' })],
      ['xz amd64 1 installed'],
    ],
    ['an installation that failed', [change('xz', '1', { applied: false, state: 'not-installed' })], []],
    [
      'an installation that stopped halfway',
      [change('xz', '1', { applied: false, state: 'half-installed' })],
      ['xz amd64  half-installed'],
    ],
    ['an upgrade that failed', [change('xz', '1'), { ...upgrade, applied: false }], ['xz amd64 1 installed']],
    [
      'an upgrade whose result was not observed',
      [change('xz', '1'), { ...upgrade, applied: undefined, state: undefined }],
      ['xz amd64 1 installed'],
    ],
    [
      'unpacked, then configured',
      [change('xz', '1', { state: 'unpacked' }), change('xz', '1', { action: 'configure' })],
      ['xz amd64 1 installed'],
    ],
    ['a postinst that failed', [change('xz', '1', { state: 'half-configured' })], ['xz amd64 1 half-configured']],
    [
      'another architecture beside the first',
      [change('libc6', '1'), change('libc6', '1', { architecture: 'i386' })],
      ['libc6 amd64 1 installed', 'libc6 i386 1 installed'],
    ],
    [
      'an upgrade of one of two architectures',
      [
        change('libc6', '1'),
        change('libc6', '1', { architecture: 'i386' }),
        change('libc6', '2', { action: 'upgrade', formerVersion: '1' }),
      ],
      ['libc6 amd64 2 installed', 'libc6 i386 1 installed'],
    ],
    [
      'an upgrade to another architecture',
      [change('tool', '1', { architecture: 'all' }), change('tool', '2', { action: 'upgrade', formerVersion: '1' })],
      ['tool amd64 2 installed'],
    ],
  ])('%s', (_, changes, expected) => {
    const store = temporaryStore();
    for (const each of changes) record(store, entry([each]));
    expect(installed(store)).toEqual(expected);
  });

  test('rpm can have several versions, and removes one of them', () => {
    const store = temporaryStore();
    const rpm = (changes: LedgerChange[]) =>
      record(
        store,
        entry(
          changes.map((each) => ({ ...each, state: undefined })),
          { manager: 'rpm' },
        ),
      );
    rpm([change('kernel', '6.1-1'), change('kernel', '6.2-1')]);
    expect(installed(store, 'rpm')).toEqual(['kernel amd64 6.1-1', 'kernel amd64 6.2-1']);
    rpm([change('kernel', '6.1-1', { action: 'remove' })]);
    expect(installed(store, 'rpm')).toEqual(['kernel amd64 6.2-1']);
    expect(installed(store)).toEqual([]);
  });

  test('an event that comes after that of a later transaction does not bring its version back', () => {
    const store = temporaryStore();
    const at = (minutes: number, ...changes: LedgerChange[]): void => {
      const rpm = changes.map((each) => ({ ...each, state: undefined }));
      record(store, entry(rpm, { manager: 'rpm' }), start + minutes * 60_000);
    };
    at(0, change('xz', '1-1'), change('kernel', '6.1-1'));
    at(2, change('xz', '1-1', { action: 'downgrade', formerVersion: '2-1' }), change('kernel', '6.3-1'));
    at(1, change('xz', '2-1', { action: 'upgrade', formerVersion: '1-1' }), change('kernel', '6.2-1'));
    expect(installed(store, 'rpm')).toEqual([
      'kernel amd64 6.1-1',
      'kernel amd64 6.2-1',
      'kernel amd64 6.3-1',
      'xz amd64 1-1',
    ]);
    at(4, change('xz', '1-1', { action: 'remove' }));
    at(3, change('xz', '1-1', { action: 'reinstall', formerVersion: '1-1' }));
    expect(installed(store, 'rpm').filter((name) => name.startsWith('xz'))).toEqual([]);
  });

  test('since when a version is installed: a reinstallation changes nothing', () => {
    const store = temporaryStore();
    record(store, entry([change('xz', '1')]));
    record(store, entry([change('xz', '1', { action: 'reinstall' })]), start + day);
    expect(store.installedPackages('dpkg')).toMatchObject([{ version: '1', sinceMs: start }]);
    record(store, entry([change('xz', '2', { action: 'upgrade', formerVersion: '1' })]), start + 2 * day);
    expect(store.installedPackages('dpkg')).toMatchObject([{ version: '2', sinceMs: start + 2 * day }]);
  });
});

test('the view has a row for each change, with the request', () => {
  const path = join(temporaryDirectory(), 'stepparent.db');
  const store = temporaryStore({}, path);
  const provenance = {
    sha256: 'ab'.repeat(32),
    source: 'repository',
    repository: 'deb.example.org stable/main',
    signed: false,
  };
  record(
    store,
    entry([
      change('xz', '2', { action: 'upgrade', formerVersion: '1', archive: '/tmp/xz.deb', ...provenance }),
      change('bad', '1', { applied: false, state: 'not-installed' }),
    ]),
  );
  const database = openQueryDatabase(path, []);
  onTestFinished(() => database.close());
  const { columns, rows } = database.ask('SELECT * FROM package_changes', { since: 0, now: 0 });
  const [first, second] = [...rows].map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
  expect(first).toEqual({
    '@timestamp': new Date(start).toISOString(),
    time_ms: start,
    sequence: 1,
    time_source: null,
    'host.id': 'a1b2',
    'host.name': 'web1',
    'stepparent.transaction.manager': 'dpkg',
    'package.name': 'xz',
    'package.architecture': 'amd64',
    'package.version': '2',
    former_version: '1',
    'event.action': 'upgrade',
    'event.outcome': 'success',
    applied: 1,
    state: 'installed',
    installed: 1,
    requested_by: 'alice over ssh',
    'stepparent.initiator.executable': '/usr/bin/apt-get',
    'stepparent.initiator.origin': 'ssh as alice',
    'user.id': '0',
    'user.name': 'root',
    archive: '/tmp/xz.deb',
    ...provenance,
    signed: 0,
    found_by: 'transaction',
    'event.id': 'event',
    'stepparent.transaction.id': '4122-88',
  });
  expect(second).toMatchObject({
    'package.name': 'bad',
    'event.outcome': 'failure',
    installed: 0,
    sha256: null,
    signed: null,
  });
});

test('a row is stored with its event or not at all, and once', () => {
  const path = join(temporaryDirectory(), 'stepparent.db');
  const store = temporaryStore({}, path);
  record(store, entry([change('xz', '1')]), start, 'same');
  record(store, entry([change('xz', '1')]), start, 'same');
  const broken = { ...exampleFinding(start, { eventId: 'other' }), packages: entry([change('a', '1')]) };
  // The batch fails as a whole: its second event has a name that is no text.
  const wrong = { ...exampleFinding(start), packages: entry([{ ...change('b', '1'), name: undefined as never }]) };
  expect(() => store.record([broken, wrong], start)).toThrow();
  expect(query(path, 'SELECT "package.name" FROM package_changes')).toEqual([['xz']]);
  expect(installed(store)).toEqual(['xz amd64 1 installed']);
});

describe('changes that a list shows', () => {
  const found = (each: LedgerChange, more: Partial<FoundChange> = {}): FoundChange => ({
    ...each,
    timeMs: start,
    timeSource: 'listing',
    ...more,
  });
  const host = { hostId: 'a1b2', hostName: 'web1' };

  test('the first list, and a difference', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    const store = temporaryStore({}, path);
    expect(store.firstListedMs('dpkg')).toBeUndefined();
    const first = [change('a', '1', { action: 'present' }), change('b', '1', { action: 'present' })];
    store.addFoundPackages({
      manager: 'dpkg',
      host,
      foundBy: 'first_listing',
      changes: first.map((each) => found(each)),
    });
    store.completeFirstList('dpkg', start);
    store.completeFirstList('dpkg', start + day);
    expect([store.firstListedMs('dpkg'), store.firstListedMs('rpm')]).toEqual([start, undefined]);
    const gone = found(change('a', '1', { action: 'remove', state: 'not-installed' }), { timeSource: 'dpkg_log' });
    store.addFoundPackages({ manager: 'dpkg', host, foundBy: 'listing', changes: [gone] });
    expect(installed(store)).toEqual(['b amd64 1 installed']);
    expect(
      query(path, 'SELECT "package.name", "event.action", found_by, time_source, requested_by FROM package_changes'),
    ).toEqual([
      ['a', 'present', 'first_listing', 'listing', null],
      ['b', 'present', 'first_listing', 'listing', null],
      ['a', 'remove', 'listing', 'dpkg_log', null],
    ]);
  });
});

describe('retention', () => {
  const rows = (path: string): unknown => query(path, 'SELECT count(*) FROM package_changes')[0]?.[0];

  test('changes are deleted by age, later than their events, and the installed packages stay', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    const store = temporaryStore({}, path);
    record(store, entry([change('a', '1'), change('b', '1')]));
    record(store, entry([change('c', '1')]), start + day);
    expect(store.prune(start + limits.ledgerDays * day)).toMatchObject({ events: 2, ledger: 0 });
    expect(store.prune(start + limits.ledgerDays * day + 1)).toMatchObject({ ledger: 2 });
    expect(query(path, 'SELECT "package.name", found_by, installed FROM package_changes ORDER BY 1')).toEqual([
      ['a', 'installed', 1],
      ['b', 'installed', 1],
      ['c', 'transaction', 1],
    ]);
    expect(store.prune(start + 10 * day, { ledgerDays: 5 })).toMatchObject({ ledger: 1 });
    const db = new Database(path);
    onTestFinished(() => void db.close());
    const count = (table: string): unknown => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
    expect(['package_changes', 'package_runs', 'packages_installed'].map(count)).toEqual([0, 0, 3]);
  });

  test('changes are deleted by number, in steps', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    const store = temporaryStore({}, path);
    const changes = Array.from({ length: limits.ledgerRows + 300 }, (_, i) => change(`p${i % 1000}`, '1'));
    record(store, entry(changes));
    expect(store.prune(start)).toMatchObject({ ledger: limits.pruneRows, more: true });
    expect(store.prune(start)).toMatchObject({ ledger: 50, more: false });
    expect(rows(path)).toBe(limits.ledgerRows);
  });

  test('a full database deletes them last', () => {
    const store = temporaryStore();
    record(store, entry(Array.from({ length: 20 }, (_, i) => change(`p${i}`, '1'))));
    const bounds = { maxBytes: 1 };
    expect(store.prune(start, bounds)).toMatchObject({ events: 1, ledger: 0 });
    const steps = Array.from({ length: 5 }, () => store.prune(start, bounds));
    expect(steps.reduce((sum, { ledger }) => sum + ledger, 0)).toBe(20);
    expect(steps.findIndex(({ alerts }) => alerts > 0)).toBeLessThan(steps.findIndex(({ ledger }) => ledger > 0));
  });
});
