// Real installations on the host by another package database, and those into another root.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { titled } from '../needs.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, makeDatabase, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const rule = 'package-installed-outside-database';

describe.skipIf(endToEndMissing)(titled('packages outside of the database', endToEndMissing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const env = { PATH: process.env.PATH, LC_ALL: 'C', HOME: '/root' };
  const databaseOf = (name: string): string => {
    const directory = join(scratch, name);
    makeDatabase(directory);
    return directory;
  };
  const deb = (name: string): string => buildDeb(scratch, name, { version: '1', scripts: {}, file: `${name}.deb` });
  const dpkg = async (variables: Record<string, string>, ...args: string[]): Promise<void> => {
    const { code, stdout, stderr } = await run('dpkg', ['--log=/dev/null', ...args], { env: { ...env, ...variables } });
    expect({ args, code, output: code === 0 ? '' : stdout + stderr }).toEqual({ args, code: 0, output: '' });
  };
  const databases = async (): Promise<(string | undefined)[]> =>
    (await agent.alerts())
      .filter((alert) => alert.rule.id === rule)
      .map(({ stepparent }) => stepparent.package?.other_database);

  beforeAll(async () => {
    enterPrivateHost(scratch);
    await agent.start();
  });
  afterAll(() => agent.stop());

  test('each way is an alert that names the database; other roots and the database of the host are none', async () => {
    const [first, second, third] = ['db-first', 'db-second', 'db-third'].map(databaseOf) as [string, string, string];
    const root = join(scratch, 'root');
    mkdirSync(join(root, 'var/lib'), { recursive: true });
    makeDatabase(join(root, 'var/lib/dpkg'));
    await dpkg({}, '-i', deb('e2e-inside'));
    await dpkg({}, '--admindir=/var/lib/dpkg/.', '-i', deb('e2e-inside-too'));
    await dpkg({}, '--force-script-chrootless', `--root=${root}`, '-i', deb('e2e-root'));
    await dpkg({}, `--instdir=${root}`, `--admindir=${root}/var/lib/dpkg`, '-i', deb('e2e-instdir'));
    await dpkg({}, `--admindir=${first}`, '--dry-run', '-i', deb('e2e-dry'));
    await dpkg({}, `--admindir=${first}`, '-i', deb('e2e-outside'));
    await dpkg({}, '--admindir', second, '--instdir=/', '--unpack', deb('e2e-unpacked'));
    await dpkg({ DPKG_ADMINDIR: third }, '-i', deb('e2e-by-environment'));
    await until('the last alert', async () => (await databases()).includes(third));
    expect((await databases()).toSorted()).toEqual([first, second, third].toSorted());
  });
});
