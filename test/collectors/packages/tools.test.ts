// The table of package tools: the names of tools, and the parts in the names of package files.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  isPackageTool,
  namesOf,
  packageTools,
  parseDebFile,
  parseInfoFile,
  parseRpmFile,
  probedPrograms,
  toolsOf,
} from '../../../collectors/packages/tools.ts';
import { readKnownTerms, shippedKnownTerms } from '../../../detectors/rules/known-terms.ts';

const roleOf = (name: string) => packageTools.find(({ names }) => names.includes(name))?.role;

describe('names', () => {
  test.each<[string, string]>([
    ['dpkg', 'manager'],
    ['rpm', 'manager'],
    ['apt-get', 'front end'],
    ['gdebi', 'front end'],
    ['gdebi-gtk', 'front end'],
    ['packagekit-direct', 'front end'],
    ['dnf', 'front end'],
    ['dnf-3', 'front end'],
    ['dnf4', 'front end'],
    ['dnf5', 'front end'],
    ['tdnf', 'front end'],
    ['dnf-automatic', 'updater'],
    ['dnf-automatic-3', 'updater'],
    ['packagekitd', 'daemon'],
    ['qaptworker3', 'daemon'],
    ['cupt', 'front end'],
    ['dpkg-preconfigure', 'wrapper'],
    ['rpmdb', 'maintenance'],
    ['dpkg-deb', 'helper'],
  ])('%s is a %s', (name, role) => {
    expect(roleOf(name)).toBe(role);
  });

  test.each([
    '',
    'dpk',
    'xdpkg',
    'DPKG',
    'apt-cache',
    'rpmkeys',
    'dnf55',
    'dnf-',
    'dnf-3.9',
    'dnfx',
    'dnf-automatic5',
    'frontend',
    'install',
    'unattended-upgrade-shutdown',
    // They ask PackageKit's daemon, or start apt-get.
    'gnome-software',
    'plasma-discover',
    'apper',
    'pkcon',
    'apt-offline',
    'orphaner',
    'toString',
  ])('%j is no package file', (name) => {
    expect(roleOf(name)).toBe(undefined);
  });

  test.each(['/usr/bin/dpkg', '/opt/x/rpm', '/usr/bin/dpkg-query', '/usr/share/debconf/frontend', 'apt'])(
    '%s is a package tool',
    (executable) => {
      expect(isPackageTool(executable)).toBe(true);
    },
  );

  test.each(['/usr/bin/dpkg/x', '/usr/share/frontend', '/usr/bin/apt-cache', '/usr/bin/dash', '', '/'])(
    '%j is no package tool',
    (executable) => {
      expect(isPackageTool(executable)).toBe(false);
    },
  );

  test('each name and path occurs once', () => {
    const all = packageTools.flatMap(({ names, paths = [] }) => [...names, ...paths]);
    expect(all).toEqual([...new Set(all)]);
  });

  test('the package managers have entry probes', () => {
    expect(probedPrograms).toEqual(['/usr/bin/dpkg', '/usr/bin/rpm']);
    expect(probedPrograms.map((file) => path.basename(file))).toEqual([...namesOf(toolsOf('manager'))]);
  });

  test('docs/incidents.md names the tools that begin a transaction', () => {
    const page = fs.readFileSync(path.join(import.meta.dirname, '../../../docs/incidents.md'), 'utf8');
    const listed = /no ancestor is one:(.*?), by name/s.exec(page)?.[1]?.split(/,\s|\sand\s/) ?? [];
    const names = [...namesOf(toolsOf('manager', 'front end', 'updater', 'daemon'))];
    // Versions and second names of one program are not listed.
    const variant = /^dnf.*\d$|^aptitude-curses$|^unattended-upgrades$/;
    expect(listed.map((name) => name.trim()).sort()).toEqual(names.filter((name) => !variant.test(name)).sort());
  });
});

describe('trusted terms', () => {
  const lists = readKnownTerms(shippedKnownTerms);
  const toolOf = (file: string) =>
    packageTools.find(({ names, paths = [] }) => paths.includes(file) || names.includes(path.basename(file)));
  const pathsOf = (list: string) => [...new Set(lists.get(list)?.map((term) => term.path))];

  test.each(pathsOf('package-tools'))('the tool %s is in the table', (file) => {
    expect(toolOf(file)).toBeDefined();
  });

  test.each(pathsOf('package-front-ends'))('the front end %s is one in the table', (file) => {
    expect(toolOf(file)?.role).toMatch(/^(?:front end|daemon|wrapper)$/);
  });

  // As in the packages of Debian 12, and in the spec files of dnf 4.24 and dnf5: `dnf-automatic-3` is renamed there.
  test.each([
    ['package-front-ends', '/usr/bin/dnf-3', ['python3-dnf', 'dnf']],
    ['package-tools', '/usr/bin/dnf-3', ['python3-dnf', 'dnf']],
    ['package-tools', '/usr/bin/dnf', ['dnf', 'dnf5']],
    ['package-tools', '/usr/bin/yum', ['yum', 'dnf5']],
    ['package-tools', '/usr/bin/microdnf', ['microdnf', 'dnf5']],
    ['package-upgraders', '/usr/bin/dnf-automatic', ['dnf-automatic', 'dnf-automatic']],
    ['package-upgraders', '/usr/bin/dnf-automatic-3', []],
  ])('%s: the owners of %s', (list, file, owners) => {
    const terms = lists.get(list)?.filter(({ path: listed }) => listed === file) ?? [];
    expect(terms.map((term) => term.package)).toEqual(owners);
  });

  // Wrappers start a front end, and are no tools themselves.
  const starters = ['/usr/lib/apt/apt.systemd.daily', '/usr/share/unattended-upgrades/unattended-upgrade-shutdown'];
  test.each(pathsOf('package-upgraders'))('the upgrader %s is in the table, or starts a tool', (file) => {
    expect(toolOf(file) === undefined).toBe(starters.includes(file));
  });
});

describe('package files', () => {
  const long = 'a'.repeat(250);

  test.each<[string, [name: string, version?: string, architecture?: string] | undefined]>([
    ['curl_7.88.1-10+deb12u5_amd64.deb', ['curl', '7.88.1-10+deb12u5', 'amd64']],
    ['/var/cache/apt/archives/git_1%3a2.39.2-1.1_amd64.deb', ['git', '1:2.39.2-1.1', 'amd64']],
    ['x_1%3A2%3A3%7erc1_all.deb', ['x', '1:2:3~rc1', 'all']],
    ['./libstdc++6_12.2.0-14_i386.deb', ['libstdc++6', '12.2.0-14', 'i386']],
    ['one_1.deb', ['one', '1']],
    ['one_1_.deb', ['one', '1']],
    ['one.deb', ['one']],
    ['a.deb', ['a']],
    ['one_.deb', ['one']],
    ['one_1_all_new copy.deb', ['one']],
    ['one_1\n2_all.deb', ['one', '1\n2', 'all']],
    ['%41_1_all.deb', undefined],
    ['one%3a_1_all.deb', undefined],
    ['one_1%3_all.deb', ['one', '1%3', 'all']],
    ['one_1%00%1b_all.deb', ['one', '1%00%1b', 'all']],
    ['Evil_1_all.deb', undefined],
    ['_1_all.deb', undefined],
    ['.deb', undefined],
    ['', undefined],
    ['one', undefined],
    ['one_1_all.deb.bak', undefined],
    ['one_1_all.deb/', undefined],
    ['one_1_all.deb/x', undefined],
    ['one_1_all.udeb', undefined],
    ['one_1_all.rpm', undefined],
    [`${long}.deb`, [long]],
    [`${long}aa.deb`, undefined],
    [`/${long}/${long}/one.deb`, ['one']],
  ])('.deb: %j', (file, parts) => {
    const found = parseDebFile(file);
    expect(found && [found.package, found.version, found.architecture]).toEqual(
      parts && [parts[0], parts[1], parts[2]],
    );
  });

  test.each<[string, [name: string, version?: string, architecture?: string] | undefined]>([
    ['zsh-5.9-3.x86_64.rpm', ['zsh', '5.9-3', 'x86_64']],
    ['/srv/gtk2-engines-2.20.2-30.fc40.src.rpm', ['gtk2-engines', '2.20.2-30.fc40', 'src']],
    ['https://example.org/a-b-1.0-2.noarch.rpm', ['a-b', '1.0-2', 'noarch']],
    ['vim-2%3a9.1-1.x86_64.rpm', ['vim', '2:9.1-1', 'x86_64']],
    ['x.rpm', ['x']],
    ['Name With Space.rpm', ['Name With Space']],
    ['a-1.noarch.rpm', ['a-1.noarch']],
    ['a-1-2.no arch.rpm', ['a-1-2.no arch']],
    ['-1-2.noarch.rpm', ['-1-2.noarch']],
    ['.rpm', undefined],
    ['zsh', undefined],
    ['zsh-5.9-3.x86_64', undefined],
    ['zsh-5.9-3.x86_64.rpm.part', undefined],
    ['zsh-5.9-3.x86_64.rpm/', undefined],
    ['zsh_5.9_amd64.deb', undefined],
    [`${long}.rpm`, [long]],
    [`${long}aa.rpm`, undefined],
  ])('.rpm: %j', (file, parts) => {
    const found = parseRpmFile(file);
    expect(found && [found.package, found.version, found.architecture]).toEqual(
      parts && [parts[0], parts[1], parts[2]],
    );
  });

  test.each<[string, [name: string, kind: string] | undefined]>([
    ['curl.list', ['curl', 'list']],
    ['libc6:amd64.list', ['libc6', 'list']],
    ['x.y-z.postrm', ['x.y-z', 'postrm']],
    ['curl.postinst.bak', ['curl.postinst', 'bak']],
    ['.list', undefined],
    ['Odd.list', undefined],
    ['curl', undefined],
    ['curl.', undefined],
    ['libc6:.list', undefined],
    ['libc6:AMD.list', undefined],
    ['x/curl.list', undefined],
    [`${'a'.repeat(251)}.list`, undefined],
  ])('info/%j', (name, parts) => {
    const found = parseInfoFile(name);
    expect(found && [found.package, found.kind]).toEqual(parts);
  });
});
