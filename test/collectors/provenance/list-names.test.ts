// The names of apt's lists: which repository and component they belong to, and which Release file has their digests.

import { expect, test } from 'vitest';
import { packageLists } from '../../../collectors/provenance/list-names.ts';

test.each<[string, string, object]>([
  [
    'deb.example.org_debian_dists_bookworm_InRelease',
    'deb.example.org_debian_dists_bookworm_main_binary-amd64_Packages',
    { site: 'deb.example.org/debian', component: 'main', path: 'main/binary-amd64/Packages', isCompressed: false },
  ],
  [
    'deb.example.org_debian_dists_bookworm_InRelease',
    'deb.example.org_debian_dists_bookworm_main_binary-amd64_Packages.lz4',
    { site: 'deb.example.org/debian', path: 'main/binary-amd64/Packages', isCompressed: true },
  ],
  [
    'security.example.org_dists_stable_updates_InRelease',
    'security.example.org_dists_stable_updates_non-free_binary-arm64_Packages.xz',
    { site: 'security.example.org', component: 'non-free', path: 'non-free/binary-arm64/Packages' },
  ],
  [
    'example.org:8080_a%5fb_dists_x_Release',
    'example.org:8080_a%5fb_dists_x_updates_main_binary-all_Packages',
    { site: 'example.org:8080/a_b', component: 'updates/main', path: 'updates/main/binary-all/Packages' },
  ],
  ['_srv_repo_._InRelease', '_srv_repo_._Packages', { site: '/srv/repo', component: undefined, path: 'Packages' }],
  ['_srv_repo_Release', '_srv_repo_Packages.gz', { site: '/srv/repo', component: undefined, path: 'Packages' }],
])('%s and %s', (release, list, expected) => {
  const [found, ...others] = packageLists(['lock', release, list, 'auxfiles', `${list}.diff_Index`]);
  expect(others).toEqual([]);
  expect(found).toMatchObject({ name: list, releasePrefix: release.replace(/(?:In)?Release$/, ''), ...expected });
});

test('without a Release file the list has no digest there', () => {
  expect(packageLists(['x_dists_y_main_binary-amd64_Packages'])).toMatchObject([
    { releasePrefix: 'x_dists_y_main_binary-amd64_', path: 'Packages', site: 'x' },
  ]);
});

test.each(['_Packages', '__Packages', '_srv_repo_Packages', `${'_'.repeat(200)}Packages`])(
  '%s without a Release file is a list',
  (name) => {
    expect(packageLists([name])).toMatchObject([
      { releasePrefix: name.slice(0, -'Packages'.length), path: 'Packages' },
    ]);
  },
);

test.each(['Packages.tmp', 'x_Sources', 'x_Translation-en', 'x_Packages.lz4.tmp', 'x_InRelease', 'lock'])(
  '%s is no package list',
  (name) => {
    expect(packageLists([name])).toEqual([]);
  },
);
