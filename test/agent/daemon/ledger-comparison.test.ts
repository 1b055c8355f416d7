// When the package ledger is compared with a list of the packages, and what it gets.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openLedgerComparison } from '../../../agent/daemon/ledger-comparison.ts';
import type { ListedPackage } from '../../../collectors/packages/listed-package.ts';
import { openTimers } from '../../../collectors/timers.ts';
import { recordedHost } from '../../recorded-host.ts';
import { start } from '../../storage/examples.ts';
import { temporaryStore } from '../../storage/temporary-store.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const listed = (name: string, version = '1', more: Partial<ListedPackage> = {}): ListedPackage => ({
  ...{ name, architecture: 'all', version, state: 'installed', installedMs: undefined },
  ...more,
});

function openLists() {
  const store = temporaryStore();
  const view = {
    packages: [listed('a')] as readonly ListedPackage[] | 'none' | 'busy' | Error,
    busy: false,
    committed: true,
    ended: 0,
    lists: 0,
    onList() {},
  };
  const faults: string[] = [];
  let doubt = (_manager: 'dpkg' | 'rpm'): void => {};
  const host = recordedHost({ files: { '/var/log/dpkg.log': '2026-03-01 10:00:03 status installed b:all 1\n' } });
  const timers = openTimers(() => {});
  const lists = openLedgerComparison({
    store,
    pipeline: {
      commit() {},
      packages: {
        async list() {
          view.lists++;
          view.onList();
          if (view.packages instanceof Error) throw view.packages;
          return view.packages;
        },
        isBusy: () => view.busy,
        areCommitted: () => view.committed,
        get ended() {
          return view.ended;
        },
        onDoubt(listener) {
          doubt = listener;
        },
      },
    },
    host: { ...host, open: host.open, clock: { ...host.clock, nowMs: () => start } },
    context: { hostFields: { id: 'a1b2', name: 'web1' } },
    timers,
    onFault: (fault) => void faults.push(fault),
  });
  const names = (manager: 'dpkg' | 'rpm' = 'dpkg') => store.installedPackages(manager).map(({ name }) => name);
  const settle = async (ms = 3000): Promise<void> => {
    await vi.advanceTimersByTimeAsync(ms);
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  };
  return { store, view, lists, faults, names, settle, doubt: (manager: 'dpkg' | 'rpm') => doubt(manager) };
}

test('the first list, then what a doubt shows, with the time of the log', async () => {
  const { store, view, lists, names, settle, doubt } = openLists();
  lists.compare('dpkg');
  await settle();
  expect([names(), store.firstListedMs('dpkg')]).toEqual([['a'], start]);
  const add = vi.spyOn(store, 'addFoundPackages');
  view.packages = [listed('a'), listed('b'), listed('c')];
  doubt('dpkg');
  doubt('dpkg');
  await settle();
  expect(view.lists).toBe(2);
  expect(add.mock.calls).toMatchObject([
    [
      {
        manager: 'dpkg',
        foundBy: 'listing',
        changes: [
          { name: 'b', action: 'install', timeSource: 'dpkg_log', timeMs: new Date('2026-03-01T10:00:03').getTime() },
          { name: 'c', action: 'install', timeSource: 'listing', timeMs: start },
        ],
      },
    ],
  ]);
});

test('the time of rpm’s database, unless it is in the future', async () => {
  const { store, view, lists, settle, doubt } = openLists();
  lists.compare('rpm');
  await settle();
  const add = vi.spyOn(store, 'addFoundPackages');
  view.packages = [
    listed('a'),
    listed('b', '1-1', { installedMs: start - 7 }),
    listed('c', '1-1', { installedMs: start + 7 }),
  ];
  doubt('rpm');
  await settle();
  expect(add.mock.calls[0]?.[0].changes.map(({ timeSource, timeMs }) => [timeSource, timeMs - start])).toEqual([
    ['install_time', -7],
    ['listing', 0],
  ]);
});

describe('waits', () => {
  test.each<
    [string, (view: ReturnType<typeof openLists>['view']) => void, (view: ReturnType<typeof openLists>['view']) => void]
  >([
    ['for a transaction that is underway', (view) => (view.busy = true), (view) => (view.busy = false)],
    ['for events that are not committed', (view) => (view.committed = false), (view) => (view.committed = true)],
    ['if the packages were just listed', (view) => (view.packages = 'busy'), (view) => (view.packages = [listed('a')])],
    [
      'if a transaction ended meanwhile',
      (view) => (view.onList = () => void view.ended++),
      (view) => (view.onList = () => {}),
    ],
  ])('%s', async (_, begin, end) => {
    const { view, lists, names, settle, faults } = openLists();
    begin(view);
    lists.compare('dpkg');
    await settle();
    expect(names()).toEqual([]);
    end(view);
    await settle(5000);
    expect([names(), faults]).toEqual([['a'], []]);
  });

  test('after an error, which is reported', async () => {
    const { view, lists, names, settle, faults } = openLists();
    view.packages = new Error('no answer');
    lists.compare('dpkg');
    await settle();
    expect(faults).toHaveLength(1);
    view.packages = [listed('a')];
    await settle(60_000);
    expect(names()).toEqual(['a']);
  });
});

test('without a database the first list is empty, and a database that is gone removes nothing', async () => {
  const { store, view, lists, names, settle, doubt } = openLists();
  view.packages = 'none';
  lists.compare('rpm');
  await settle();
  expect(store.firstListedMs('rpm')).toBe(start);
  view.packages = [listed('a')];
  doubt('rpm');
  await settle();
  view.packages = 'none';
  doubt('rpm');
  await settle();
  expect(names('rpm')).toEqual(['a']);
});

test('many packages are added in parts, and a list that was interrupted goes on', async () => {
  const { store, view, lists, names, settle } = openLists();
  view.packages = Array.from({ length: 600 }, (_, i) => listed(`p${i}`));
  const add = store.addFoundPackages.bind(store);
  const sizes: number[] = [];
  vi.spyOn(store, 'addFoundPackages').mockImplementation((found) => {
    sizes.push(found.changes.length);
    if (sizes.length === 2) view.ended++;
    add(found);
  });
  lists.compare('dpkg');
  await settle();
  expect([sizes, store.firstListedMs('dpkg')]).toEqual([[250, 250], undefined]);
  await settle(5000);
  expect([sizes, store.firstListedMs('dpkg'), names().length]).toEqual([[250, 250, 100], start, 600]);
});

test('nothing is listed after the stop', async () => {
  const { view, lists, settle } = openLists();
  lists.compare('dpkg');
  await lists.stop();
  await settle();
  expect(view.lists).toBe(0);
});
