// Which downgrades lose a security update, by package lists and Release files as apt stores them.

import { describe, expect, test } from 'vitest';
import { findLostFixes, type VersionChange } from '../../../collectors/provenance/lost-fixes.ts';
import { type RecordedFile, recordedHost } from '../../recorded-host.ts';

const directory = '/var/lib/apt/lists';
const change: VersionChange = { name: 'tool', architecture: 'amd64', version: '1-1', formerVersion: '1-1+deb12u2' };
const debian = 'deb.example.org_debian-security_dists_bookworm-security_';
const ubuntu = 'archive.example.org_ubuntu_dists_jammy-security_';
const stable = 'deb.example.org_debian_dists_bookworm_';
const stanza = (version: string, more: { name?: string; architecture?: string } = {}): string =>
  `Package: ${more.name ?? 'tool'}\nVersion: ${version}\nArchitecture: ${more.architecture ?? 'amd64'}\n`;
const release = (suite: string, label: string): string => `Origin: X\nLabel: ${label}\nSuite: ${suite}\n`;
const fix = stanza('1-1+deb12u1');
const securityRelease = { [`${debian}InRelease`]: release('stable-security', 'Debian-Security') };
const listed = (text: string) => ({ ...securityRelease, [`${debian}main_binary-amd64_Packages`]: text });

async function find(
  files: Record<string, RecordedFile>,
  asked: Partial<VersionChange> = {},
  unpack: (file: string) => AsyncIterable<Buffer> = async function* () {},
) {
  const inDirectory = Object.entries(files).map(([name, file]) => [`${directory}/${name}`, file]);
  const host = recordedHost({ files: Object.fromEntries(inDirectory), bootNs: 1e12 });
  const { fixes, unobserved } = await findLostFixes([{ ...change, ...asked }], directory, { host, unpack });
  return [fixes.map(({ suite, securityVersion }) => `${suite} ${securityVersion}`), unobserved];
}

describe('a security update is lost', () => {
  test.each<[string, Record<string, RecordedFile>, string, Partial<VersionChange>?]>([
    ['that Debian offers', listed(fix), 'stable-security 1-1+deb12u1'],
    ['of several the highest', listed(`${fix}\n${stanza('1-1+deb12u2')}`), 'stable-security 1-1+deb12u2'],
    ['which a later one is above', listed(`${stanza('1-1+deb12u3')}\n${fix}`), 'stable-security 1-1+deb12u1'],
    ['behind other packages', listed(`${stanza('9', { name: 'a' })}\n${fix}`), 'stable-security 1-1+deb12u1'],
    ['by a version of another source', listed(fix), 'stable-security 1-1+deb12u1', { formerVersion: '2-1~bpo12+1' }],
    ['that a package is kept from', listed(fix), 'stable-security 1-1+deb12u1', { formerVersion: undefined }],
    [
      'of a package for all architectures',
      listed(stanza('1-1+deb12u1', { architecture: 'all' })),
      'stable-security 1-1+deb12u1',
    ],
    [
      'that Ubuntu offers',
      {
        [`${ubuntu}InRelease`]: release('jammy-security', 'Ubuntu'),
        [`${ubuntu}main_binary-amd64_Packages`]: stanza('1-1ubuntu0.1'),
      },
      'jammy-security 1-1ubuntu0.1',
      { formerVersion: '1-1ubuntu0.1' },
    ],
    [
      'of a mirror with another path, by the label',
      {
        'mirror.example.org_sec_dists_stable_Release': release('stable', 'Debian-Security'),
        'mirror.example.org_sec_dists_stable_main_binary-amd64_Packages': fix,
      },
      'stable 1-1+deb12u1',
    ],
    [
      'of an old suite, by the path',
      {
        'deb.example.org_debian-security_dists_buster_updates_InRelease': release('oldstable', 'X'),
        'deb.example.org_debian-security_dists_buster_updates_main_binary-amd64_Packages': fix,
      },
      'oldstable 1-1+deb12u1',
    ],
  ])('%s', async (_what, files, expected, asked) => {
    expect(await find(files, asked)).toEqual([[expected], undefined]);
  });

  test('that a compressed list has', async () => {
    const files = { ...securityRelease, [`${debian}main_binary-amd64_Packages.lz4`]: 'compressed' };
    const unpacked: string[] = [];
    const found = await find(files, {}, async function* (file) {
      unpacked.push(file);
      for (const byte of Buffer.from(`${stanza('9', { name: 'a' })}\n${fix}`)) yield Buffer.from([byte]);
    });
    expect(found).toEqual([['stable-security 1-1+deb12u1'], undefined]);
    expect(unpacked).toEqual([`${directory}/${debian}main_binary-amd64_Packages.lz4`]);
  });
});

describe('no security update is lost', () => {
  test.each<[string, Record<string, RecordedFile>, Partial<VersionChange>?]>([
    ['the version is that of the source', listed(fix), { version: '1-1+deb12u1' }],
    ['the version is above it', listed(fix), { version: '1-1+deb12u1.1' }],
    ['the former version did not have it either', listed(stanza('1-1+deb12u3'))],
    [
      'the version that is kept is that of the source',
      listed(fix),
      { version: '1-1+deb12u1', formerVersion: undefined },
    ],
    ['another package', listed(stanza('1-1+deb12u1', { name: 'tools' }))],
    ['another architecture', listed(stanza('1-1+deb12u1', { architecture: 'i386' }))],
    ['a name in another field', listed(`${stanza('1-1+deb12u1', { name: 'a' })}Source: tool\nDepends: tool\n`)],
    [
      'another source has the version',
      {
        ...listed(stanza('1', { name: 'a' })),
        [`${stable}InRelease`]: release('stable', 'Debian'),
        [`${stable}main_binary-amd64_Packages`]: fix,
      },
    ],
  ])('%s', async (_what, files, asked) => {
    expect(await find(files, asked)).toEqual([[], undefined]);
  });
});

describe('it is not known', () => {
  const compressed = { ...securityRelease, [`${debian}main_binary-amd64_Packages.lz4`]: 'compressed' };
  test.each<[string, Record<string, RecordedFile>, string]>([
    ['apt has no lists', {}, 'no_package_lists'],
    [
      'no source is for security: a source of updates does not count',
      {
        'deb.example.org_debian_dists_bookworm-updates_InRelease': release('stable-updates', 'Debian'),
        'deb.example.org_debian_dists_bookworm-updates_main_binary-amd64_Packages': fix,
      },
      'no_security_lists',
    ],
    ['a list cannot be unpacked', compressed, 'lists_unreadable'],
    [
      'a list is no file',
      { ...securityRelease, [`${debian}main_binary-amd64_Packages`]: { link: '/nowhere' } },
      'lists_unreadable',
    ],
  ])('%s', async (_what, files, reason) => {
    const found = await find(files, {}, async function* () {
      yield Buffer.from(fix);
      throw new Error('apt-helper failed');
    });
    expect(found).toEqual([[], reason]);
  });
});
