// Packages that real dpkg and rpm replace by a lower version, what only looks like it, and the security updates that are lost.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bindMount } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, makeDatabase, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const rule = 'package-downgraded';
const missing = endToEndMissing ?? unmet(missingTools('rpm', 'rpmbuild'));

describe.skipIf(missing)(titled('downgrades', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const deb = (name: string, version: string, scripts = {}): string =>
    buildDeb(scratch, name, { version, scripts, file: `${name}-${version}.deb` });
  const rpmFile = (name: string, version: string): string =>
    buildRpm(scratch, name, { version, file: `${name}-${version}` });
  const database = '/var/lib/rpm';
  const rpm = (...args: string[]) => run('rpm', ['--nodeps', ...args]);
  const onHost = (...args: string[]) => rpm('--dbpath', database, ...args);

  beforeAll(async () => {
    enterPrivateHost(scratch);
    for (const name of ['host-rpmdb', 'other-rpmdb']) mkdirSync(join(scratch, name));
    bindMount(join(scratch, 'host-rpmdb'), database);
    for (const directory of [database, join(scratch, 'other-rpmdb')]) {
      execFileSync('rpm', ['--dbpath', directory, '--initdb']);
    }
    const list = '/var/lib/apt/lists/deb.example.org_debian-security_dists_stable-security';
    writeFileSync(`${list}_InRelease`, 'Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\n');
    writeFileSync(
      `${list}_main_binary-amd64_Packages`,
      ['e2e-fixed', 'e2e-above'].map((name) => `Package: ${name}\nVersion: 2\nArchitecture: all\n`).join('\n'),
    );
    await agent.start();
  });
  afterAll(() => agent.stop());

  const alerts = async (id = rule) => (await agent.alerts()).filter((alert) => alert.rule.id === id);
  const alertOf = (text: string) =>
    until(`the alert of ${text}`, async () =>
      (await alerts()).find(({ stepparent }) => stepparent.transaction?.downgrades?.includes(text)),
    );

  test('what is no downgrade of the host raises no alert, and each real one raises one', async () => {
    const [one, two] = [deb('e2e-lower', '1'), deb('e2e-lower', '2')];
    const failing = deb('e2e-lower', '0', { preinst: '#!/bin/sh\nexit 1\n' });
    const root = join(scratch, 'root');
    makeDatabase(join(root, 'var/lib/dpkg'));
    for (const args of [
      ['-i', one],
      ['-i', two],
      ['-i', two],
      ['--dry-run', '-i', one],
      ['-i', failing],
      [`--root=${root}`, '-i', two],
      [`--root=${root}`, '-i', one],
    ]) {
      await run('dpkg', args);
    }
    await run('dpkg', ['-i', deb('e2e-removed', '2')]);
    await run('dpkg', ['-r', 'e2e-removed']);
    const [first, second] = [rpmFile('e2e-older', '1'), rpmFile('e2e-older', '2')];
    for (const args of [
      ['-i', first],
      ['-U', second],
      ['-U', '--replacepkgs', second],
      ['-U', '--oldpackage', '--test', first],
    ]) {
      await onHost(...args);
    }
    const elsewhere = ['--dbpath', join(scratch, 'other-rpmdb')];
    await rpm(...elsewhere, '-i', second);
    await rpm(...elsewhere, '-U', '--oldpackage', first);

    expect((await run('dpkg', ['-i', one])).code).toBe(0);
    expect((await onHost('-U', '--oldpackage', first)).code).toBe(0);
    expect(await alertOf('e2e-lower 2 -> 1')).toMatchObject({
      message: expect.stringMatching(/ downgraded e2e-lower to 1 with dpkg - "e2e-lower 2 -> 1" removes fixes/),
      event: { action: 'downgrade', severity: 21 },
      stepparent: { initiator: expect.anything(), transaction: { manager: 'dpkg' } },
    });
    expect(await alertOf('e2e-older 2-1 -> 1-1')).toMatchObject({
      event: { action: 'downgrade' },
      stepparent: { transaction: { manager: 'rpm', database } },
    });
    expect(await alerts()).toHaveLength(2);
  });

  test('a downgrade below the version of a security source raises an alert of its own', async () => {
    for (const [name, former, version] of [
      ['e2e-above', '3', '2'],
      ['e2e-unlisted', '2', '1'],
      ['e2e-fixed', '2', '1'],
    ] as const) {
      await run('dpkg', ['-i', deb(name, former)]);
      await run('dpkg', ['-i', deb(name, version)]);
      await alertOf(`${name} ${former} -> ${version}`);
    }
    expect(await alerts('security-fix-removed')).toMatchObject([
      {
        event: { severity: 47 },
        message: expect.stringContaining('"e2e-fixed 1, stable-security has 2"'),
        stepparent: { transaction: { downgrades: ['e2e-fixed 2 -> 1'] } },
      },
    ]);
  });
});
