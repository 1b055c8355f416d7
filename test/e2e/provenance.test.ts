// Where archives come from, with the real apt and dpkg: signed and unsigned repositories, exchanged and local files.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent, TransactionFields } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { makeKey, type SigningKey, writeRepository } from './apt-repository.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('apt-get', 'gpg', 'gpgconf'));
const rule = 'package-file-not-in-lists';
const cache = '/var/cache/apt/archives';

describe.skipIf(missing)(titled('provenance of archives', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const repository = join(scratch, 'repository');
  let key: SigningKey;
  const server = createServer((request, response) => {
    try {
      response.end(readFileSync(join(scratch, decodeURIComponent(request.url ?? ''))));
    } catch {
      response.writeHead(404).end();
    }
  });
  let http = '';

  const deb = (name: string, version = '1', more = ''): string =>
    buildDeb(scratch, name, {
      version,
      scripts: { postinst: `#!/bin/sh\n:\n#${more}\n` },
      file: `${name}_${version}_all${more}.deb`,
    });
  const publish = (debs: readonly string[]): void => writeRepository(repository, debs, key);
  const apt = async (...args: string[]): Promise<void> => {
    const options = ['-y', '-q', '-o', 'APT::Sandbox::User=root'];
    const { code, stdout, stderr } = await run('apt-get', [...options, ...args], {
      cwd: scratch,
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        LC_ALL: 'C',
        DEBIAN_FRONTEND: 'noninteractive',
        APT_CONFIG: join(scratch, 'apt.conf'),
      },
    });
    expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });
  };
  const update = async (source: string): Promise<void> => {
    writeFileSync(join(scratch, 'sources.list'), `${source}\n`);
    await apt('update');
  };
  const signedSource = (uri: string): string => `deb [signed-by=${key.file} arch=amd64] ${uri} stable main`;

  type Package = NonNullable<TransactionFields['packages']>[number];
  const seen = new Set<string>();
  /** The next transaction that unpacked the package. */
  const eventOf = (name: string): Promise<StepparentEvent> =>
    until(`the transaction of ${name}`, async () => {
      const found = (await agent.events()).find(
        ({ event, stepparent }) =>
          !seen.has(event.id) &&
          stepparent.transaction?.packages?.some((one) => one.name === name && one.archive !== undefined),
      );
      if (found !== undefined) seen.add(found.event.id);
      return found;
    });
  const packageOf = async (name: string): Promise<Package | undefined> =>
    (await eventOf(name)).stepparent.transaction?.packages?.find((one) => one.name === name);
  const alertsOf = async (name: string) =>
    (await agent.alerts()).filter(
      (alert) => alert.rule.id === rule && alert.stepparent.unlisted?.packages.includes(name),
    );

  beforeAll(async () => {
    enterPrivateHost(scratch);
    key = makeKey(join(scratch, 'gpg'));
    mkdirSync(repository);
    writeFileSync(
      join(scratch, 'apt.conf'),
      `Dir::Etc::SourceList "${join(scratch, 'sources.list')}";\nDir::Etc::SourceParts "/none";\n` +
        'Acquire::Languages "none";\nAPT::Install-Recommends "false";\n',
    );
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    http = `http://127.0.0.1:${(server.address() as AddressInfo).port}/repository`;
    copyFileSync(deb('old-in-cache'), join(cache, 'old-in-cache_1_all.deb'));
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    await agent.start();
  });
  afterAll(async () => {
    await agent.stop();
    key.close();
    server.close();
  });

  test('a signed repository, whatever its transport', async () => {
    for (const [name, uri] of [
      ['by-http', http],
      ['by-copy', `copy:${repository}`],
      ['by-file', `file:${repository}`],
    ] as const) {
      publish([deb(name)]);
      await update(signedSource(uri));
      await apt('install', name);
      const found = await packageOf(name);
      expect(found).toMatchObject({
        action: 'install',
        source: 'repository',
        superseded: false,
        repository: {
          suite: 'stable',
          component: 'main',
          origin: 'Example',
          label: 'Example packages',
          signed: true,
          key: [key.fingerprint],
        },
      });
      expect(await alertsOf(name)).toEqual([]);
    }
  });

  test('a repository that is trusted without a signature is not signed', async () => {
    writeRepository(join(scratch, 'trusted'), [deb('unsigned')], undefined);
    await update(`deb [trusted=yes arch=amd64] ${new URL('trusted', http)} stable main`);
    await apt('install', 'unsigned');
    expect(await packageOf('unsigned')).toMatchObject({ source: 'repository', repository: { signed: false } });
  });

  test('nor is one that is trusted with a signature of a key that apt does not know', async () => {
    const other = makeKey(join(scratch, 'other-gpg'));
    writeRepository(join(scratch, 'unknown'), [deb('unknown-key')], other);
    other.close();
    await update(`deb [trusted=yes arch=amd64] ${new URL('unknown', http)} stable main`);
    await apt('install', 'unknown-key');
    const { repository, source } = (await packageOf('unknown-key')) ?? {};
    expect([source, repository?.signed, repository?.key]).toEqual(['repository', false, undefined]);
  });

  test('a file that was exchanged between download and dpkg is an alert', async () => {
    publish([deb('swapped')]);
    const evil = deb('swapped', '1', '-evil');
    await update(signedSource(http));
    const target = join(cache, 'swapped_1_all.deb');
    await apt('-o', `DPkg::Pre-Invoke::=cp ${evil} ${target}`, 'install', 'swapped');
    const found = await packageOf('swapped');
    expect(found).toMatchObject({ version: '1', source: 'unlisted', cached_before: false });
    const alerts = await until('the alert', async () => {
      const all = await alertsOf('swapped');
      return all.length > 0 && all;
    });
    expect(alerts).toHaveLength(1);
    expect(alerts[0]?.event.severity).toBe(73);
    expect(alerts[0]?.message).toContain(target);
  });

  test('a version of a former list is superseded, and no alert', async () => {
    publish([deb('aged', '1')]);
    await update(signedSource(http));
    await apt('--download-only', 'install', 'aged');
    await apt('install', 'aged');
    expect(await packageOf('aged')).toMatchObject({ source: 'repository', superseded: false });
    publish([deb('aged', '2')]);
    await update(signedSource(http));
    await apt('install', 'aged');
    expect(await packageOf('aged')).toMatchObject({ version: '2', superseded: false });
    copyFileSync(join(scratch, 'aged_1_all.deb'), join(cache, 'aged_1_all.deb'));
    await run('dpkg', ['-i', join(cache, 'aged_1_all.deb')]);
    expect(await packageOf('aged')).toMatchObject({
      action: 'downgrade',
      source: 'repository',
      superseded: true,
      repository: { signed: true },
    });
    expect(await alertsOf('aged')).toEqual([]);
  });

  test('several packages at once, to which apt makes links', async () => {
    publish([deb('one'), deb('two')]);
    await update(signedSource(http));
    await apt('install', 'one', 'two');
    const { packages = [] } = (await eventOf('two')).stepparent.transaction ?? {};
    expect(packages.map(({ name, source }) => [name, source]).toSorted()).toEqual([
      ['one', 'repository'],
      ['two', 'repository'],
    ]);
    for (const { name, archive, archive_target: target = archive } of packages)
      expect(target).toBe(join(cache, `${name}_1_all.deb`));
  });

  test('a local file, and one that apt-get has downloaded elsewhere', async () => {
    await run('dpkg', ['-i', deb('local')]);
    expect(await packageOf('local')).toMatchObject({ source: 'local_file' });
    await apt('install', deb('local-by-apt'));
    expect(await packageOf('local-by-apt')).toMatchObject({ source: 'local_file' });
    publish([deb('downloaded')]);
    await update(signedSource(http));
    await apt('download', 'downloaded');
    expect(readdirSync(scratch)).toContain('downloaded_1_all.deb');
    await run('dpkg', ['-i', join(scratch, 'downloaded_1_all.deb')]);
    expect(await packageOf('downloaded')).toMatchObject({ source: 'repository', repository: { signed: true } });
    for (const name of ['local', 'local-by-apt', 'downloaded']) expect(await alertsOf(name)).toEqual([]);
  });

  test('a file that was in the cache before the agent first started is no alert', async () => {
    await run('dpkg', ['-i', join(cache, 'old-in-cache_1_all.deb')]);
    expect(await packageOf('old-in-cache')).toMatchObject({ source: 'unlisted', cached_before: true });
    expect(await alertsOf('old-in-cache')).toEqual([]);
  });
});
