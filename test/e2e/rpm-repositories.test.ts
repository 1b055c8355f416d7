// The repositories of packages that the real dnf and zypper install: by the histories that they write meanwhile.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { mountOverlay } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { degradedWithoutPauses, documents, run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('rpm', 'rpmbuild', 'dnf', 'createrepo_c', 'zypper'));
const rule = 'package-file-not-in-lists';

describe.skipIf(missing)(titled('repositories of rpm packages', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const repository = join(scratch, 'repository');
  const rpmOf = (name: string, version = '1'): string =>
    buildRpm(scratch, name, { post: '', version, file: `${name}-${version}-1.noarch` });
  const publish = (...files: string[]): void => {
    for (const file of files) copyFileSync(file, join(repository, basename(file)));
    execFileSync('createrepo_c', ['--quiet', '--update', repository], { stdio: 'pipe' });
  };

  beforeAll(async () => {
    for (const directory of ['/var/lib', '/var/cache', '/etc', '/root']) {
      const [upper, work] = ['upper', 'work'].map((part) => join(scratch, `${part}${directory.replaceAll('/', '-')}`));
      for (const made of [upper, work]) mkdirSync(made as string);
      mountOverlay(directory, upper as string, work as string);
    }
    enterPrivateHost(scratch);
    for (const directory of [repository, '/etc/yum.repos.d', '/etc/zypp/repos.d']) {
      mkdirSync(directory, { recursive: true });
    }
    const source = `[updates]\nname=updates\nbaseurl=file://${repository}\ngpgcheck=0\nenabled=1\ntype=rpm-md\n`;
    for (const directory of ['/etc/yum.repos.d', '/etc/zypp/repos.d'])
      writeFileSync(join(directory, 'updates.repo'), source);
    publish(rpmOf('e2e-dnf-one'), rpmOf('e2e-dnf-two'), rpmOf('e2e-zypp-one'), rpmOf('e2e-zypp-two'));
    await agent.start();
  });
  afterAll(() => agent.stop());

  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/root' };
  const install = async (program: string, ...args: string[]): Promise<void> => {
    const { code, stdout, stderr } = await run(program, args, { env });
    expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });
  };
  const dnf = (...args: string[]) =>
    install('dnf', '-y', '-q', '--releasever=12', '--setopt=metadata_expire=0', ...args);
  const zypper = (...args: string[]) => install('zypper', '--non-interactive', '--no-gpg-checks', ...args);

  const seen = new Set<string>();
  /** The next transaction that changed the package. */
  const transactionOf = (name: string): Promise<StepparentEvent> =>
    until(`the transaction of ${name}`, async () => {
      const found = (await agent.events()).find(
        ({ event, stepparent }) =>
          !seen.has(event.id) &&
          stepparent.transaction?.packages?.some((one) => one.name === name && one.applied === true),
      );
      if (found !== undefined) seen.add(found.event.id);
      return found;
    });
  const originsOf = async (name: string) => {
    const { transaction, unobserved } = (await transactionOf(name)).stepparent;
    const packages = transaction?.packages?.map((one) => [one.name, one.action, one.source, one.repository]);
    return { packages: packages?.toSorted(), unobserved: unobserved?.['stepparent.transaction.packages.source'] };
  };
  const updates = ['repository', { id: 'updates' }];

  test('dnf installs from a repository', async () => {
    await dnf('install', 'e2e-dnf-one', 'e2e-dnf-two');
    expect(existsSync('/var/lib/dnf/history.sqlite')).toBe(true);
    expect(await originsOf('e2e-dnf-one')).toEqual({
      packages: [
        ['e2e-dnf-one', 'install', ...updates],
        ['e2e-dnf-two', 'install', ...updates],
      ],
      unobserved: undefined,
    });
  });

  test('dnf upgrades, takes a local file, and removes', async () => {
    publish(rpmOf('e2e-dnf-one', '2'));
    await dnf('upgrade', 'e2e-dnf-one');
    expect(await originsOf('e2e-dnf-one')).toMatchObject({ packages: [['e2e-dnf-one', 'upgrade', ...updates]] });
    await dnf('install', rpmOf('e2e-dnf-local'));
    expect(await originsOf('e2e-dnf-local')).toMatchObject({
      packages: [['e2e-dnf-local', 'install', 'local_file', undefined]],
    });
    await dnf('remove', 'e2e-dnf-two');
    expect(await originsOf('e2e-dnf-two')).toEqual({
      packages: [['e2e-dnf-two', 'remove', undefined, undefined]],
      unobserved: undefined,
    });
  });

  test('zypper installs from a repository, and a local file', async () => {
    await zypper('install', 'e2e-zypp-one', 'e2e-zypp-two');
    for (const name of ['e2e-zypp-one', 'e2e-zypp-two']) {
      expect(await originsOf(name)).toEqual({ packages: [[name, 'install', ...updates]], unobserved: undefined });
    }
    await zypper('install', rpmOf('e2e-zypp-local'));
    expect(await originsOf('e2e-zypp-local')).toMatchObject({
      packages: [['e2e-zypp-local', 'install', 'local_file', undefined]],
    });
  });

  test('rpm by hand has no history', async () => {
    await install('rpm', '-i', rpmOf('e2e-by-hand'));
    expect(await originsOf('e2e-by-hand')).toEqual({
      packages: [['e2e-by-hand', 'install', undefined, undefined]],
      unobserved: undefined,
    });
  });

  test('the ledger has the repositories, and no alert is raised', async () => {
    const { stdout } = await agent.cli('packages', '--json', '--limit', '1000');
    const rows = documents<{ 'package.name': string; source: string | null; repository: string | null }>(stdout);
    const found = (name: string) => {
      const row = rows.find((one) => one['package.name'] === name);
      return [row?.source, row?.repository];
    };
    expect(['e2e-dnf-one', 'e2e-zypp-one', 'e2e-dnf-local', 'e2e-by-hand'].map(found)).toEqual([
      ['repository', 'updates'],
      ['repository', 'updates'],
      ['local_file', null],
      [null, null],
    ]);
    expect((await agent.alerts()).filter((alert) => alert.rule.id === rule)).toEqual([]);
    expect(degradedWithoutPauses(await agent.status())).toEqual([]);
  });
});
