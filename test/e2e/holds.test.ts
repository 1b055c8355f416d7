// Packages that real tools put on hold and release, and the security updates that this blocks.

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingTools, titled, unmet } from '../needs.ts';
import { copyOf } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('apt-mark'));

describe.skipIf(missing)(titled('holds', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const names = ['e2e-fixed', 'e2e-plain', 'e2e-current'] as const;

  beforeAll(async () => {
    enterPrivateHost(scratch);
    const list = '/var/lib/apt/lists/deb.example.org_debian-security_dists_stable-security';
    writeFileSync(`${list}_InRelease`, 'Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\n');
    writeFileSync(
      `${list}_main_binary-amd64_Packages`,
      ['e2e-fixed 2', 'e2e-current 1']
        .map((text) => text.split(' '))
        .map(([name, version]) => `Package: ${name}\nVersion: ${version}\nArchitecture: all\n`)
        .join('\n'),
    );
    await agent.start();
    for (const name of names) {
      expect((await run('dpkg', ['-i', buildDeb(scratch, name, { version: '1', scripts: {} })])).code).toBe(0);
    }
  });
  afterAll(() => agent.stop());

  const by = (actor: string, script: string) =>
    run(copyOf(scratch, '/bin/dash', actor), ['-c', `${script}; exit $?`], {
      env: { PATH: process.env.PATH, LC_ALL: 'C', APT_CONFIG: '/dev/null' },
    });
  const selections = async () =>
    (await agent.events()).filter(({ event }) => ['hold', 'unhold'].includes(event.action ?? ''));
  const alerts = async () => (await agent.alerts()).filter(({ rule }) => rule.id === 'package-held');

  test('below a security update raise one alert that names it and who did it; others are events', async () => {
    const scripts: readonly [actor: string, script: string, action: string, field: string, list: string[]][] = [
      ['plain', 'echo e2e-plain hold | dpkg --set-selections', 'hold', 'held', ['e2e-plain 1']],
      ['current', 'apt-mark hold e2e-current', 'hold', 'held', ['e2e-current 1']],
      ['marking', 'apt-mark hold e2e-fixed', 'hold', 'held', ['e2e-fixed 1']],
      ['releasing', 'apt-mark unhold e2e-fixed e2e-plain', 'unhold', 'released', ['e2e-fixed 1', 'e2e-plain 1']],
      [
        'selecting',
        'printf "e2e-fixed hold\\ne2e-plain hold\\n" | dpkg --set-selections',
        'hold',
        'held',
        ['e2e-fixed 1', 'e2e-plain 1'],
      ],
    ];
    for (const [actor, script, action, field, list] of scripts) {
      expect(await by(actor, script)).toMatchObject({ code: 0 });
      const event = await until(`the event of ${script}`, async () =>
        (await selections()).find(({ stepparent }) => stepparent.initiator?.name === actor),
      );
      expect(event).toMatchObject({
        event: { action, type: ['change'], outcome: 'success' },
        process: { executable: '/usr/bin/dpkg' },
        stepparent: { transaction: { manager: 'dpkg', [field]: list } },
      });
    }
    const found = await until('both alerts', async () => {
      const all = await alerts();
      return all.length >= 2 && all;
    });
    expect(found.map(({ stepparent }) => stepparent.initiator?.name).toSorted()).toEqual(['marking', 'selecting']);
    for (const { event, message, stepparent } of found) {
      expect(event.severity).toBe(47);
      expect(message).toMatch(/ put e2e-fixed 1( and 1 more)? on hold with dpkg - this blocks a security update, /);
      expect(stepparent.transaction?.blocked_fixes).toEqual(['e2e-fixed 1, stable-security has 2']);
    }
  });

  test('other marks and reading selections are no event', async () => {
    const before = (await selections()).length;
    await by('marker', 'apt-mark auto e2e-plain; apt-mark manual e2e-plain; dpkg --get-selections; apt-mark showhold');
    await by('marker', 'dpkg --get-selections | dpkg --set-selections');
    await by('last', 'apt-mark unhold e2e-current');
    await until('the last event', async () =>
      (await selections()).find(({ stepparent }) => stepparent.initiator?.name === 'last'),
    );
    expect((await selections()).length).toBe(before + 1);
    expect(await alerts()).toHaveLength(2);
  });
});
