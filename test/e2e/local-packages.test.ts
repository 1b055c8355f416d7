// Packages that no source has, installed by services and by people, with the real dpkg, rpm and apt.

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bindMount, mountOverlay } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { rulesOf } from '../rules-of.ts';
import { makeKey, type SigningKey, writeRepository } from './apt-repository.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('apt-get', 'gcc', 'gpg', 'gpgconf', 'rpm', 'rpmbuild'));
const rule = 'local-package-installed-by-service';

describe.skipIf(missing)(titled('local packages', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const repository = join(scratch, 'repository');
  let key: SigningKey;

  beforeAll(async () => {
    enterPrivateHost(scratch);
    chmodSync(scratch, 0o755);
    for (const directory of ['/usr/sbin', '/opt']) {
      const [upper, work] = ['upper', 'work'].map((part) => join(scratch, `${part}${directory.replaceAll('/', '-')}`));
      for (const made of [upper, work]) mkdirSync(made as string);
      mountOverlay(directory, upper as string, work as string);
    }
    const program = join(scratch, 'program');
    execFileSync('gcc', ['-O', '-Wl,--build-id=none', '-o', program, join(import.meta.dirname, 'programs/daemon.c')]);
    for (const file of ['/usr/sbin/sshd', '/usr/sbin/cron', '/opt/webapp/server', '/opt/bin/ansible-playbook']) {
      mkdirSync(dirname(file), { recursive: true });
      execFileSync('rm', ['-f', file]);
      copyFileSync(program, file);
    }
    mkdirSync(join(scratch, 'rpmdb'));
    bindMount(join(scratch, 'rpmdb'), '/var/lib/rpm');
    execFileSync('rpm', ['--dbpath', '/var/lib/rpm', '--initdb']);
    key = makeKey(join(scratch, 'gpg'));
    mkdirSync(repository);
    writeRepository(repository, [deb('e2e-listed-a'), deb('e2e-listed-b')], key);
    writeFileSync(
      join(scratch, 'apt.conf'),
      `Dir::Etc::SourceList "${join(scratch, 'sources.list')}";\nDir::Etc::SourceParts "/none";\n` +
        'Acquire::Languages "none";\nAPT::Install-Recommends "false";\nAPT::Sandbox::User "root";\n',
    );
    writeFileSync(
      join(scratch, 'sources.list'),
      `deb [signed-by=${key.file} arch=amd64] copy:${repository} stable main\n`,
    );
    expect(await by([], ['apt-get', 'update'])).toMatchObject({ code: 0 });
    await agent.start();
  });
  afterAll(async () => {
    await agent.stop();
    key.close();
  });

  const deb = (name: string): string => buildDeb(scratch, name, { version: '1', scripts: {}, file: `${name}.deb` });
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C',
    DEBIAN_FRONTEND: 'noninteractive',
    APT_CONFIG: join(scratch, 'apt.conf'),
  };
  /** Runs the command below programs, the first of which is the topmost. */
  const by = (chain: readonly string[], command: readonly string[]) => {
    const [program = '', ...args] = [
      ...chain.flatMap((file) => [file, '--']),
      'sh',
      '-c',
      '"$@"; exit $?',
      'sh',
      ...command,
    ];
    return run(program, args, { detached: true, cwd: scratch, env });
  };
  const eventOf = (name: string) =>
    until(`the transaction of ${name}`, async () =>
      (await agent.events()).find(
        ({ event, stepparent }) =>
          event.category?.includes('package') &&
          stepparent.transaction?.packages?.some((one) => one.name === name && one.action === 'install'),
      ),
    );
  const alertsOf = async (name: string) =>
    (await agent.alerts()).filter(
      (alert) => alert.rule.id === rule && alert.stepparent.transaction?.packages?.some((one) => one.name === name),
    );
  const cron = ['/usr/sbin/cron', '/opt/webapp/server'];
  const person = ['/usr/sbin/sshd'];

  test('a service raises one alert the first time, in the incident of its initiator', async () => {
    for (const name of ['e2e-local-a', 'e2e-local-b']) {
      await by(cron, ['dpkg', '-i', deb(name)]);
      await eventOf(name);
    }
    const found = await alertsOf('e2e-local-a');
    expect(found).toMatchObject([
      {
        event: { severity: 47 },
        stepparent: {
          initiator: { executable: '/opt/webapp/server', origin: 'cron', origin_kind: 'cron' },
          transaction: { packages: [{ source: 'local_file' }] },
        },
      },
    ]);
    expect(await alertsOf('e2e-local-b')).toEqual([]);
    const ofInitiator = (await agent.alerts()).filter(
      (alert) =>
        rulesOf(alert).includes('package-installed-by-unusual-initiator') &&
        alert.stepparent.initiator?.executable === '/opt/webapp/server',
    );
    expect(ofInitiator.map(({ stepparent }) => stepparent.transaction?.id)).toEqual([
      found[0]?.stepparent.transaction?.id,
    ]);
  });

  test('an rpm without a signature, and apt-get with a file, by configuration management', async () => {
    await by(['/usr/sbin/cron', '/opt/bin/ansible-playbook'], ['apt-get', '-y', 'install', deb('e2e-local-apt')]);
    await eventOf('e2e-local-apt');
    expect(await alertsOf('e2e-local-apt')).toMatchObject([
      { stepparent: { initiator: { origin: 'ansible (claimed) from cron', origin_kind: 'configuration_management' } } },
    ]);
    const file = buildRpm(scratch, 'e2e-local-rpm');
    await by(['/usr/sbin/cron'], ['rpm', '--dbpath', '/var/lib/rpm', '--nodeps', '-i', file]);
    await eventOf('e2e-local-rpm');
    expect(await alertsOf('e2e-local-rpm')).toMatchObject([
      { stepparent: { transaction: { packages: [{ signature: { exists: false } }] } } },
    ]);
  });

  test('a person, and a service with packages that a source has, raise none', async () => {
    await by(person, ['dpkg', '-i', deb('e2e-person-dpkg')]);
    await by(person, ['apt-get', '-y', 'install', deb('e2e-person-apt')]);
    await by(['/usr/sbin/cron'], ['apt-get', '-y', 'install', 'e2e-listed-a']);
    await by(['/usr/sbin/cron'], ['dpkg', '-i', join(scratch, 'e2e-listed-b.deb')]);
    for (const name of ['e2e-person-dpkg', 'e2e-person-apt', 'e2e-listed-a', 'e2e-listed-b']) {
      await eventOf(name);
      expect(await alertsOf(name)).toEqual([]);
    }
  });
});
