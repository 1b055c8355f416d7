// Code that packages' scripts load into the kernel. Stand-ins have the tools' names: a test must not load a module.

import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mountEmpty } from '../mount-namespace.ts';
import { titled } from '../needs.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const rule = 'package-script-loaded-module';

describe.skipIf(endToEndMissing)(titled('kernel modules of packages', endToEndMissing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const env = { PATH: '/opt:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C' };
  const must = async (...command: [program: string, ...args: string[]]): Promise<void> => {
    const [program, ...args] = command;
    const { code, stdout, stderr } = await run(program, args, { env, cwd: '/' });
    expect({ command, code, output: code === 0 ? '' : stdout + stderr }).toMatchObject({ code: 0, output: '' });
  };
  const deb = (name: string, ...lines: string[]): string =>
    buildDeb(scratch, name, { scripts: { postinst: ['#!/bin/sh', 'set -e', ...lines, ''].join('\n') } });

  beforeAll(async () => {
    enterPrivateHost(scratch);
    mountEmpty('/opt');
    for (const name of ['insmod', 'modprobe', 'depmod', 'bpftool']) {
      copyFileSync('/bin/true', join('/opt', name));
      chmodSync(join('/opt', name), 0o755);
    }
    await agent.start();
  });
  afterAll(() => agent.stop());

  test('are reported when a script loads a file, and not when it names a module', async () => {
    await must('insmod', '/opt/by-hand.ko');
    await must('dpkg', '-i', deb('e2e-honest', 'depmod -a', 'modprobe -q fuse', 'modprobe -d / --show-depends ext4'));
    await must('dpkg', '-i', deb('e2e-module', 'insmod /opt/x.ko', 'sh -c "bpftool prog load /opt/x.o /opt/pin; :"'));
    const alerts = await until('both alerts', async () => {
      const found = (await agent.alerts()).filter((alert) => alert.rule.id === rule);
      return found.length >= 2 && found;
    });
    expect(alerts.map(({ process }) => process?.command_line).toSorted()).toEqual([
      'bpftool prog load /opt/x.o /opt/pin',
      'insmod /opt/x.ko',
    ]);
    for (const alert of alerts) {
      expect(alert).toMatchObject({
        message: expect.stringMatching(/ - the script of e2e-module loads code into the kernel from a file$/),
        event: { severity: 47 },
        stepparent: { lifecycle_script: { manager: 'dpkg', package: 'e2e-module', phase: 'postinst' } },
      });
    }
  });
});
