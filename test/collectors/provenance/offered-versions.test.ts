// Which suites offer which versions of the installed packages, by package lists and Release files as apt stores them.

import { expect, test } from 'vitest';
import { findOfferedVersions } from '../../../collectors/provenance/offered-versions.ts';
import { recordedHost } from '../../recorded-host.ts';

const directory = '/var/lib/apt/lists';
const security = 'security.example.org:8080_debian-security_dists_bookworm-security_';
const stable = 'deb.example.org_debian_dists_bookworm_';
const vendor = 'apt.vendor.example_dists_stable_';
const stanza = (name: string, version: string, more = ''): string =>
  `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\n${more}`;
const release = (origin: string, label: string, suite: string): string =>
  `Origin: ${origin}\nLabel: ${label}\nSuite: ${suite}\nCodename: bookworm\nVersion: 12\n`;
const lists = {
  [`${security}InRelease`]: release('Debian', 'Debian-Security', 'stable-security'),
  [`${security}main_binary-amd64_Packages`]: [stanza('tool', '1-2', 'Source: box (1)\n'), stanza('new', '1')].join(
    '\n',
  ),
  [`${stable}InRelease`]: release('Debian', 'Debian', 'stable'),
  [`${stable}main_binary-amd64_Packages`]: [stanza('tool', '1-1'), stanza('tool', '1-2'), stanza('a', '1')].join('\n'),
  [`${vendor}InRelease`]: release('Vendor', 'Vendor', 'stable'),
  [`${vendor}main_binary-amd64_Packages`]: stanza('tool', '9'),
};
const installed = [
  { name: 'tool', architecture: 'amd64', version: '1-1' },
  { name: 'tool', architecture: 'i386', version: '1-1' },
  { name: 'own', architecture: 'all', version: '1' },
];

const find = (files: Record<string, string>) =>
  findOfferedVersions(installed, directory, {
    host: recordedHost({
      files: Object.fromEntries(Object.entries(files).map(([name, text]) => [`${directory}/${name}`, text])),
      bootNs: 1e12,
    }),
    async *unpack() {},
  });

test('those of the distribution that has security updates count, with their suites', async () => {
  const { parts, packages, unobserved } = await find(lists);
  expect(unobserved).toBe(undefined);
  expect(parts.toSorted((a, b) => a.name.localeCompare(b.name))).toMatchObject([
    { name: 'deb.example.org/debian stable', isSecurity: false, host: 'deb.example.org', archive: 'stable' },
    {
      name: 'security.example.org:8080/debian-security stable-security',
      suite: 'stable-security',
      isSecurity: true,
      host: 'security.example.org',
      codename: 'bookworm',
      origin: 'Debian',
      label: 'Debian-Security',
      version: '12',
      component: 'main',
      architecture: 'amd64',
      priority: 500,
    },
  ]);
  expect(packages).toMatchObject([{ name: 'tool', architecture: 'amd64', version: '1-1' }]);
  const offered = [...(packages[0]?.offered ?? [])].map(([version, from]) => [
    version,
    [...from].map(({ archive }) => archive).sort(),
  ]);
  expect(offered.sort()).toEqual([
    ['1-1', ['stable']],
    ['1-2', ['stable', 'stable-security']],
  ]);
});

test.each<[string, Record<string, string>, string]>([
  ['no lists', {}, 'no_package_lists'],
  ['no security suite', { [`${vendor}main_binary-amd64_Packages`]: stanza('tool', '9') }, 'no_security_lists'],
])('with %s there are no updates', async (_, files, unobserved) => {
  expect(await find(files)).toEqual({ parts: [], packages: [], unobserved });
});
