// Installations by real tools whose arguments turn verification off, and what only looks like one.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bindMount } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { copyOf } from './launchers.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const rule = 'package-verification-off';
const missing = endToEndMissing ?? unmet(missingTools('apt-get', 'rpm', 'rpmbuild', 'dnf'));

describe.skipIf(missing)(titled('verification that is turned off', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const home = join(scratch, 'home');
  const env = {
    PATH: process.env.PATH,
    LC_ALL: 'C',
    HOME: home,
    DEBIAN_FRONTEND: 'noninteractive',
    APT_CONFIG: join(scratch, 'apt.conf'),
  };

  beforeAll(async () => {
    enterPrivateHost(scratch);
    for (const name of ['home', 'rpmdb', 'dnf', 'cache']) mkdirSync(join(scratch, name));
    bindMount(join(scratch, 'rpmdb'), '/var/lib/rpm');
    execFileSync('rpm', ['--dbpath', '/var/lib/rpm', '--initdb']);
    writeFileSync(join(home, '.rpmmacros'), '%_dbpath /var/lib/rpm\n');
    writeFileSync(
      env.APT_CONFIG,
      'Dir::Etc::SourceList "/dev/null"; Dir::Etc::SourceParts "/none"; APT::Sandbox::User "root";\n',
    );
    await agent.start();
  });
  afterAll(() => agent.stop());

  const deb = (name: string): string => buildDeb(scratch, name, { version: '1', scripts: {}, file: `${name}.deb` });
  const rpmFile = (name: string): string => buildRpm(scratch, name, { post: '' });
  const dnf = (...args: string[]): string[] => [
    ...['dnf', '-y', '--disablerepo=*', '--releasever=1', `--setopt=cachedir=${join(scratch, 'cache')}`],
    ...[`--setopt=persistdir=${join(scratch, 'dnf')}`, `--setopt=logdir=${join(scratch, 'dnf')}`, ...args],
  ];
  const transactionOf = (name: string) =>
    until(`the transaction of ${name}`, async () =>
      (await agent.events()).find(
        ({ event, package: packages, stepparent }) =>
          event.category?.includes('package') &&
          packages?.name?.includes(name) &&
          stepparent.transaction?.test !== true &&
          event.action === 'install',
      ),
    );
  const alertsOf = async (name: string) =>
    (await agent.alerts()).filter((alert) => alert.rule.id === rule && alert.package?.name?.includes(name));
  /** Runs the command below a shell of another name: the initiator. */
  const actors = new Map<string, string>();
  const install = async (actor: string, command: readonly string[]): Promise<void> => {
    const shell = actors.get(actor) ?? copyOf(scratch, '/bin/dash', actor);
    actors.set(actor, shell);
    const result = await run(shell, ['-c', '"$@"; exit $?', 'sh', ...command], { env });
    const { code, stdout, stderr } = result;
    expect({ command, code, output: code === 0 ? '' : stdout + stderr }).toEqual({ command, code: 0, output: '' });
  };

  const kinds: readonly [off: string[], file: (name: string) => string, command: (file: string) => string[]][] = [
    [['allow_unauthenticated'], deb, (file) => ['apt-get', '-y', '--allow-unauthenticated', 'install', file]],
    [
      ['allow_insecure_repositories'],
      deb,
      (file) => ['apt', '-yoAcquire::AllowInsecureRepositories=on', 'install', file],
    ],
    [['no_debsig'], deb, (file) => ['dpkg', '--no-debsig', '-i', file]],
    [['nosignature', 'nodigest'], rpmFile, (file) => ['rpm', '--nodeps', '--nosignature', '--nodigest', '-i', file]],
    [['nogpgcheck'], rpmFile, (file) => dnf('--nogpg', 'install', file)],
    [['gpgcheck'], rpmFile, (file) => dnf('--setopt=*.gpgcheck=0', 'install', file)],
  ];

  test('each kind raises one alert that names the initiator, and none the next time', async () => {
    for (const [index, [off, build, command]] of kinds.entries()) {
      const [first, second] = [`e2e-off-${index}-a`, `e2e-off-${index}-b`];
      for (const name of [first, second]) {
        await install(`builder-${index}`, command(build(name)));
        await transactionOf(name);
      }
      expect(await alertsOf(first)).toMatchObject([
        {
          event: { severity: 47, category: ['package'] },
          stepparent: {
            verification: { off },
            initiator: { name: `builder-${index}` },
            alert: {
              terms: [off.toSorted().join('\n'), expect.stringContaining(`builder-${index}`), expect.anything()],
            },
          },
        },
      ]);
      expect(await alertsOf(second)).toEqual([]);
    }
  });

  test('what turns no verification off raises no alert', async () => {
    const names = ['e2e-on-apt', 'e2e-on-dpkg', 'e2e-on-rpm', 'e2e-on-dnf'] as const;
    const other = rpmFile('e2e-tested');
    await install('careful', ['apt-get', '-y', '--allow-downgrades', 'install', deb(names[0])]);
    await install('careful', ['dpkg', '--force-depends', '--force-overwrite', '-i', deb(names[1])]);
    await install('careful', ['rpm', '--nodeps', '-i', rpmFile(names[2])]);
    await install('careful', dnf('--nobest', 'install', rpmFile(names[3])));
    await install('careful', ['rpm', '--nodeps', '--nosignature', '--test', '-i', other]);
    await install('careful', ['rpm', '--nosignature', '-qp', other]);
    await install('careful', ['dpkg', '--no-debsig', '-V', names[1]]);
    await install('careful', ['dpkg', '--no-debsig', '-r', names[1]]);
    await install('careful', ['apt-get', '--allow-unauthenticated', 'update']);
    await install('careful', ['apt-get', '-sy', '--allow-unauthenticated', 'install', deb('e2e-simulated')]);
    for (const name of names) await transactionOf(name);
    const last = 'e2e-off-last';
    await install('last', ['rpm', '--nodeps', '--nodigest', '-i', rpmFile(last)]);
    await until('the last alert', async () => (await alertsOf(last))[0]);
    const found = (await agent.alerts()).filter(({ rule: { id } }) => id === rule);
    expect(found.filter(({ stepparent }) => stepparent.initiator?.name === 'careful')).toEqual([]);
  });
});
