// From an archive to its provenance, over a recorded host and the real store.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { DigestStore } from '../../../collectors/provenance/package-lists.ts';
import { openProvenance } from '../../../collectors/provenance/provenance.ts';
import { defaultAptDirectories, parseAptDirectories } from '../../../collectors/provenance/run-apt.ts';
import type { ArchiveProvenance } from '../../../collectors/transactions/package-transaction.ts';
import { plainHost, processFiles, type RecordedFile, recordedHost } from '../../recorded-host.ts';
import { temporaryStore } from '../../storage/temporary-store.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const cache = '/var/cache/apt/archives';
const list = `Package: tool\nSHA256: ${sha256('tool')}\n`;
const lists = '/var/lib/apt/lists/deb.example.org_dists_stable_main_binary-amd64_Packages';
const bootEpochMs = Date.parse('2026-01-02T03:04:05Z');

function open(
  files: Readonly<Record<string, RecordedFile>>,
  {
    store = {} as Partial<DigestStore>,
    readDirectories = async () => defaultAptDirectories,
    sinceMs = 0,
    hasLists = true,
  } = {},
) {
  const host = recordedHost({
    bootEpochMs,
    files: {
      ...plainHost,
      ...processFiles(700, { exe: '/usr/bin/dpkg' }),
      '/usr/bin/apt-config': '',
      ...(hasLists && { [lists]: list }),
      ...files,
    },
  });
  const faults: string[] = [];
  const provenance = openProvenance({
    host,
    store: { ...temporaryStore().digests, ...store },
    async *unpack() {},
    readDirectories,
    sinceMs,
    onFault: (fault) => void faults.push(fault),
  });
  const of = async (path: string, pids: readonly number[] = [700]): Promise<ArchiveProvenance | undefined> => {
    const followed = provenance.follow({ path, pids, atNs: host.clock.bootNs() });
    followed.again();
    const answer = followed.provenance;
    await answer.pending;
    return answer.value;
  };
  return { host, provenance, of, faults };
}
const fail = (): never => {
  throw new Error('SQLITE_BUSY');
};

describe('the provenance of an archive', () => {
  test('in a list', async () => {
    const { of } = open({ [`${cache}/tool.deb`]: 'tool' });
    expect(await of(`${cache}/tool.deb`)).toEqual({
      fields: {
        sha256: sha256('tool'),
        source: 'repository',
        repository: { site: 'deb.example.org', signed: false },
        superseded: false,
        cached_before: false,
      },
      unobserved: {},
    });
  });

  test.each<[string, string, object]>([
    ['in the directory of archives', `${cache}/tool.deb`, { source: 'unlisted', cached_before: false }],
    ['in a directory below', `${cache}/partial/tool.deb`, { source: 'unlisted', cached_before: false }],
    ['elsewhere', '/root/tool.deb', { source: 'local_file' }],
    ['in a directory of a similar name', `${cache}-old/tool.deb`, { source: 'local_file' }],
  ])('in no list: %s', async (_what, path, fields) => {
    const { of } = open({ [path]: 'evil' });
    expect(await of(path)).toEqual({ fields: { sha256: sha256('evil'), ...fields }, unobserved: {} });
  });

  test('by a link into the directory of archives, which is a link itself', async () => {
    const { of } = open({
      '/var/cache': { link: '/srv/cache' },
      '/srv/cache/apt/archives/tool.deb': 'evil',
      '/tmp/apt-dpkg-install-x/0-tool.deb': { link: `${cache}/tool.deb` },
    });
    expect(await of('/tmp/apt-dpkg-install-x/0-tool.deb')).toMatchObject({
      fields: { source: 'unlisted', archive_target: '/srv/cache/apt/archives/tool.deb' },
    });
  });

  test('in the directory that apt is configured to use', async () => {
    const { of } = open(
      { '/srv/debs/x.deb': 'evil' },
      { readDirectories: async () => ({ ...defaultAptDirectories, archives: '/srv/debs' }) },
    );
    expect(await of('/srv/debs/x.deb')).toMatchObject({ fields: { source: 'unlisted' } });
  });

  test('from before the digests were kept', async () => {
    const { of } = open({ [`${cache}/x.deb`]: 'old' }, { sinceMs: bootEpochMs + 1 });
    expect(await of(`${cache}/x.deb`)).toMatchObject({ fields: { source: 'unlisted', cached_before: true } });
  });

  test('of a list that has changed since', async () => {
    const { host, of } = open({ [`${cache}/tool.deb`]: 'tool', [`${cache}/new.deb`]: 'new' });
    await of(`${cache}/tool.deb`);
    host.change({ [lists]: `Package: tool\nSHA256: ${sha256('new')}\n` });
    host.setTime(host.clock.bootNs() + 1e9);
    expect(await of(`${cache}/new.deb`)).toMatchObject({ fields: { source: 'repository', superseded: false } });
    expect(await of(`${cache}/tool.deb`)).toMatchObject({ fields: { source: 'repository', superseded: true } });
  });

  test.each<[string, string | undefined, string, object]>([
    ['no list at all', undefined, `${cache}/x.deb`, { unobserved: { source: 'no_package_lists' } }],
    ['no list at all, elsewhere', undefined, '/root/x.deb', { fields: { source: 'local_file' } }],
    ['a list that lacks digests', 'Package: x\n', `${cache}/x.deb`, { unobserved: { source: 'digests_missing' } }],
  ])('with %s', async (_what, text, path, expected) => {
    const { of } = open({ [path]: 'x', ...(text !== undefined && { [lists]: text }) }, { hasLists: false });
    expect(await of(path)).toMatchObject(expected);
  });

  test('of a file that is gone', async () => {
    expect(await open({}).of('/root/x.deb')).toEqual({
      fields: {},
      unobserved: { sha256: 'file_gone', source: 'file_gone' },
    });
  });

  test('of a process that has ended, by its parent; without it, not observed', async () => {
    const { of } = open({ '/root/x.deb': 'x' });
    expect(await of('/root/x.deb', [701, 700])).toMatchObject({ fields: { source: 'local_file' } });
    expect(await of('/root/x.deb', [701])).toMatchObject({ unobserved: { source: 'process_exited' } });
  });

  test('if apt does not name its directories, in its usual ones', async () => {
    const { of, faults } = open(
      { [`${cache}/x.deb`]: 'x' },
      { readDirectories: () => Promise.reject(new Error('apt-config failed')) },
    );
    expect(await of(`${cache}/x.deb`)).toMatchObject({ fields: { source: 'unlisted' } });
    expect(faults).toEqual(['the directories of apt are not known, using its defaults']);
  });

  test('with a database that fails', async () => {
    const { of, faults } = open({ '/root/x.deb': 'x' }, { store: { findDigest: fail } });
    expect(await of('/root/x.deb')).toEqual({
      fields: { sha256: sha256('x') },
      unobserved: { source: 'lists_unreadable' },
    });
    expect(faults).toEqual(['the digests of packages could not be read']);
  });
});

describe('the directories of apt', () => {
  test('are those that apt-config names', () => {
    expect(parseAptDirectories("lists='/var/lib/apt/lists/'\narchives='/srv/my debs/'\n")).toEqual({
      lists: '/var/lib/apt/lists',
      archives: '/srv/my debs',
    });
  });
  const { lists, archives } = defaultAptDirectories;
  test.each([
    ['', { lists, archives }],
    ["lists='/x/'\n", { lists: '/x', archives }],
    ["lists=''\narchives='/a'\n", { lists, archives: '/a' }],
    ["lists='/'\narchives='/a'\n", { lists, archives: '/a' }],
    ["lists='x'\narchives='/a'\n", { lists, archives: '/a' }],
  ])('are apt’s defaults where it names none: %j', (text, expected) => {
    expect(parseAptDirectories(text)).toEqual(expected);
  });
});
