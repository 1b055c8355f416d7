// Which history is asked for the repositories of a transaction, and what its answer means.

import { describe, expect, test } from 'vitest';
import { openRpmRepositories } from '../../../collectors/provenance/rpm-repositories.ts';
import type { DnfHistoryRow, ReadDnfHistory } from '../../../collectors/provenance/run-dnf-history.ts';
import type { PackageChange } from '../../../collectors/transactions/package-transaction.ts';
import { type RecordedFile, recordedHost } from '../../recorded-host.ts';
import { detailsOf } from '../proc-double.ts';

const dnf4 = '/var/lib/dnf/history.sqlite';
const dnf5 = '/usr/lib/sysimage/libdnf5/transaction_history.sqlite';
const zypp = '/var/log/zypp/history';
const bootEpochMs = Date.parse('2026-01-02T03:00:00');
const row: DnfHistoryRow = {
  name: 'tool',
  epoch: 0,
  version: '1',
  release: '1',
  architecture: 'noarch',
  repository: 'updates',
};
const change: PackageChange = {
  name: 'tool',
  version: '1-1',
  architecture: 'noarch',
  action: 'install',
  applied: true,
};
const zyppLine = (values: { time?: string; version?: string; repository?: string } = {}): string =>
  `2026-01-02 ${values.time ?? '03:00:10'}|install|tool|${values.version ?? '1-1'}|noarch|root@vm|${values.repository ?? 'oss'}|00|\n`;
const rpmOfZypp = ['rpm', '--root', '/', '-U', '--percent', '--noglob', '--', '/var/cache/zypp/tool.rpm'];

function open({
  files = {},
  filename = '/usr/bin/python3.11',
  args = ['dnf'],
  userId = 0,
  read = async () => [row],
  onWait = () => {},
}: {
  files?: Record<string, RecordedFile>;
  filename?: string;
  args?: string[];
  userId?: number;
  read?: ReadDnfHistory;
  onWait?: (host: ReturnType<typeof recordedHost>, ms: number) => void;
}) {
  const host = recordedHost({ bootEpochMs, files });
  const requests: unknown[] = [];
  const faults: string[] = [];
  const repositories = openRpmRepositories({
    host,
    readDnfHistory: (file, request) => {
      requests.push([file, request]);
      return read(file, request);
    },
    onFault: (fault) => void faults.push(fault),
    wait: async (ms) => onWait(host, ms),
  });
  const image = { filename, args, execNs: 5e9 };
  const entry = { pid: 7, startNs: 5e9, image, details: { ...detailsOf(7), userId } };
  const run = (...packages: PackageChange[]) =>
    repositories.withProvenance({
      actor: { entry, image, ancestors: [] } as never,
      startNs: 10.2e9,
      packages: packages.length > 0 ? packages : [change],
    });
  const of = async (...packages: PackageChange[]) => {
    const found = run(...packages);
    await Promise.all(found.map(({ provenance }) => provenance?.pending));
    return found.map(({ provenance }) => provenance?.value);
  };
  return { run, of, requests, faults };
}
const fromRepository = (id: string) => ({ fields: { source: 'repository', repository: { id } }, unobserved: {} });
const unknown = (source: string) => ({ fields: {}, unobserved: { source } });
const ofDnf = { files: { [dnf4]: 'x' } };

describe('a transaction of dnf', () => {
  test('has the repositories of the history, and asks for the time of its process', async () => {
    const { of, requests } = open(ofDnf);
    expect(await of()).toEqual([fromRepository('updates')]);
    const startS = bootEpochMs / 1000 + 10;
    expect(requests).toEqual([[dnf4, { sinceS: startS - 6, startS }]]);
  });

  test.each<[string, Partial<DnfHistoryRow>, Partial<PackageChange>]>([
    ['with an epoch', { epoch: 2 }, { version: '2:1-1' }],
    ['with an epoch of 0', {}, { version: '0:1-1' }],
  ])('knows a package %s', async (_what, values, changed) => {
    const { of } = open({ ...ofDnf, read: async () => [{ ...row, ...values }] });
    expect(await of({ ...change, ...changed })).toEqual([fromRepository('updates')]);
  });

  test.each<[string, Partial<DnfHistoryRow>]>([
    ['name', { name: 'tools' }],
    ['epoch', { epoch: 1 }],
    ['version', { version: '1.1' }],
    ['release', { release: '2' }],
    ['architecture', { architecture: 'x86_64' }],
    ['type of the repository', { repository: 5 }],
    ['state: it is removed', { repository: '@System' }],
    ['repository: it has no name', { repository: '' }],
  ])('does not take a row of another %s', async (_what, values) => {
    const { of } = open({ ...ofDnf, read: async () => [{ ...row, ...values }] });
    expect(await of()).toEqual([unknown('not_in_history')]);
  });

  test('of a local file', async () => {
    const { of } = open({ ...ofDnf, read: async () => [{ ...row, repository: '@commandline' }] });
    expect(await of()).toEqual([{ fields: { source: 'local_file' }, unobserved: {} }]);
  });

  test('of dnf 5 is in the other history', async () => {
    const { of } = open({
      files: { [dnf4]: 'x', [dnf5]: 'x' },
      read: async (file) => (file === dnf5 ? [row] : []),
    });
    expect(await of()).toEqual([fromRepository('updates')]);
  });

  test('that is in no history', async () => {
    const { of } = open({ ...ofDnf, read: async () => [] });
    expect(await of()).toEqual([unknown('not_in_history')]);
  });

  test('a history that cannot be read is a fault', async () => {
    const { of, faults } = open({ ...ofDnf, read: () => Promise.reject(new Error('malformed')) });
    expect(await of()).toEqual([unknown('history_unreadable')]);
    expect(faults).toEqual(['the history of a package manager could not be read']);
  });

  test('a history that is no file is not opened', async () => {
    const { of, requests } = open({ files: { [dnf4]: { directory: true } } });
    expect([await of(), requests]).toEqual([[unknown('history_unreadable')], []]);
  });

  test('a removed package has no provenance', async () => {
    const { of } = open(ofDnf);
    expect(await of(change, { ...change, name: 'old', action: 'remove' })).toEqual([
      fromRepository('updates'),
      undefined,
    ]);
  });

  test('more than four at once are not looked up', async () => {
    const { of, run } = open({ ...ofDnf, read: () => new Promise(() => {}) });
    for (let i = 0; i < 4; i++) run();
    expect(await of()).toEqual([unknown('history_busy')]);
  });
});

describe('a transaction of zypper', () => {
  const ofZypper = { filename: '/usr/bin/rpm', args: rpmOfZypp };
  test('has the repository of the line that zypper writes a moment later', async () => {
    let waits = 0;
    const { of } = open({
      ...ofZypper,
      files: { [zypp]: zyppLine({ time: '03:00:09', repository: 'old' }) },
      onWait(host) {
        if (++waits === 2) host.change({ [zypp]: zyppLine() });
      },
    });
    expect(await of()).toEqual([fromRepository('oss')]);
    expect(waits).toBe(2);
  });

  test('of a local file', async () => {
    const { of } = open({ ...ofZypper, files: { [zypp]: zyppLine({ repository: '_tmpRPMcache_' }) } });
    expect(await of()).toEqual([{ fields: { source: 'local_file' }, unobserved: {} }]);
  });

  test('waits a bounded time for its line', async () => {
    let waitedMs = 0;
    const { of } = open({
      ...ofZypper,
      files: { [zypp]: zyppLine({ version: '2-1' }) },
      onWait(_host, ms) {
        waitedMs += ms;
      },
    });
    expect(await of()).toEqual([unknown('not_in_history')]);
    expect(waitedMs).toBeLessThan(3500);
  });

  test('by its helper for one transaction of many packages', async () => {
    const { of } = open({ filename: '/usr/lib/zypp/tools/zypp-rpm', args: [], files: { [zypp]: zyppLine() } });
    expect(await of()).toEqual([fromRepository('oss')]);
  });
});

test.each<[string, Parameters<typeof open>[0], PackageChange?]>([
  [
    'rpm itself',
    { files: { [dnf4]: 'x', [zypp]: zyppLine() }, filename: '/usr/bin/rpm', args: ['rpm', '-i', 'x.rpm'] },
  ],
  ['a host without a history', {}],
  ['zypper on a host without a history', { filename: '/usr/bin/rpm', args: rpmOfZypp }],
  ['a process of another user', { ...ofDnf, userId: 1000 }],
  ['a removal', ofDnf, { ...change, action: 'remove' }],
  ['a package that was not installed', ofDnf, { ...change, applied: false }],
])('no history is asked: %s', async (_what, values, changed = change) => {
  const { of, requests } = open(values);
  expect([await of(changed), requests]).toEqual([[undefined], []]);
});
