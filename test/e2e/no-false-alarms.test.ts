// Installations through six real tools from a signed repository: after each tool was seen once, none is an alert of any rule.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mountOverlay } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { rulesOf } from '../rules-of.ts';
import { makeKey, type SigningKey, writeRepository } from './apt-repository.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const missing =
  endToEndMissing ?? unmet(missingTools('apt', 'apt-get', 'aptitude', 'nala', 'unattended-upgrade', 'gpg', 'gpgconf'));

/** What maintainer scripts of the distribution do. */
const scripts = [
  { postinst: '#!/bin/sh\nset -e\nif [ "$1" = configure ]; then mkdir -p /var/lib/e2e; fi\n' },
  {
    preinst: '#!/bin/sh\nset -e\ncase "$1" in install|upgrade) :;; esac\n',
    postrm: '#!/bin/sh\nrm -rf /var/lib/e2e\n',
  },
  { postinst: '#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\ndb_stop\n' },
  { postinst: '#!/bin/sh\nset -e\nldconfig\n' },
];

describe.skipIf(missing)(titled('no false alarms', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const repository = join(scratch, 'repository');
  let key: SigningKey;
  let number = 0;
  const published: string[] = [];

  /** Puts a package that no test has used into the repository; returns its name. */
  const add = (name = `e2e-quiet-${++number}`, version = '1'): string => {
    published.push(
      buildDeb(scratch, name, {
        version,
        scripts: scripts[number % scripts.length] ?? {},
        file: `${name}_${version}_all.deb`,
      }),
    );
    return name;
  };
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
    APT_CONFIG: join(scratch, 'apt.conf'),
  };
  const command = async (program: string, ...args: string[]): Promise<void> => {
    const { code, stdout, stderr } = await run(program, args, { cwd: scratch, env });
    expect({ program, code, output: code === 0 ? '' : stdout + stderr }).toEqual({ program, code: 0, output: '' });
  };
  const update = async (): Promise<void> => {
    writeRepository(repository, published, key);
    await command('apt-get', 'update', '-q');
  };

  beforeAll(async () => {
    for (const directory of ['/var/lib', '/root', '/etc']) {
      const [upper, work] = ['upper', 'work'].map((part) => join(scratch, `${part}${directory.replaceAll('/', '-')}`));
      for (const made of [upper, work]) mkdirSync(made as string);
      mountOverlay(directory, upper as string, work as string);
    }
    enterPrivateHost(scratch);
    key = makeKey(join(scratch, 'gpg'));
    mkdirSync(repository);
    writeFileSync(
      join(scratch, 'sources.list'),
      `deb [signed-by=${key.file} arch=amd64] file:${repository} stable main\n`,
    );
    writeFileSync(
      join(scratch, 'apt.conf'),
      `Dir::Etc::SourceList "${join(scratch, 'sources.list')}";\nDir::Etc::SourceParts "/none";\n` +
        'Acquire::Languages "none";\nAPT::Install-Recommends "false";\nAPT::Sandbox::User "root";\n' +
        'Unattended-Upgrade::Origins-Pattern { "origin=Example"; };\nUnattended-Upgrade::MinimalSteps "true";\n',
    );
    await agent.start();
  });
  afterAll(async () => {
    await agent.stop();
    key.close();
  });

  const tools: readonly [name: string, install: (name: string) => Promise<void>][] = [
    ['apt', (name) => command('apt', 'install', '-y', '-q', name)],
    ['apt-get', (name) => command('apt-get', 'install', '-y', '-q', name)],
    [
      'dpkg -i',
      async (name) => {
        await command('apt-get', 'download', '-q', name);
        await command('dpkg', '-i', `${name}_1_all.deb`);
      },
    ],
    ['aptitude', (name) => command('aptitude', 'install', '-y', '-q', name)],
    ['nala', (name) => command('nala', 'install', '-y', '--raw-dpkg', name)],
  ];
  const installed = (name: string, version = '1') =>
    until(`the transaction of ${name} ${version}`, async () =>
      (await agent.events()).some(({ stepparent }) =>
        stepparent.transaction?.packages?.some(
          (one) => one.name === name && one.version === version && one.state === 'installed',
        ),
      ),
    );

  const shown = async () => (await agent.alerts()).map((alert) => ({ rules: rulesOf(alert), message: alert.message }));

  test('each tool is known after its first installation', async () => {
    const rounds = 3;
    const names = Array.from({ length: rounds }, () => tools.map(() => add()));
    const upgraded = Array.from({ length: rounds }, () => add());
    await update();
    await command('apt-get', 'install', '-y', '-q', ...upgraded);
    let first: Awaited<ReturnType<typeof shown>> = [];
    for (const [round, ofRound] of names.entries()) {
      for (const [index, [, install]] of tools.entries()) await install(ofRound[index] ?? '');
      add(upgraded[round], '2');
      await update();
      await command('unattended-upgrade');
      for (const name of ofRound) await installed(name);
      await installed(upgraded[round] ?? '', '2');
      if (round === 0) first = await shown();
    }
    // The test itself has not installed anything before.
    expect(first.flatMap(({ rules }) => rules)).toContain('package-installed-by-unusual-initiator');
    expect(await shown()).toEqual(first);
  });
});
