// dpkg is upgraded while the agent runs. The probe is on the old file, and the agent sets one on the new file.

import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { mountOverlay } from '../mount-namespace.ts';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { degradedWithoutPauses, testAgent, until } from './run-agent.ts';

describe.skipIf(endToEndMissing)(titled('an upgrade of dpkg itself', endToEndMissing), () => {
  const scratch = scratchDirectory();

  beforeAll(() => {
    enterPrivateHost(scratch);
    // From here on, writes to /usr/bin stay in memory.
    for (const directory of ['upper', 'work']) mkdirSync(`/run/systemd/${directory}`);
    mountOverlay('/usr/bin', '/run/systemd/upper', '/run/systemd/work');
  });

  test('keeps the arguments of short runs, and a dpkg that cannot be probed is reported', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const probes = () =>
      readFileSync('/sys/kernel/tracing/dynamic_events', 'utf8')
        .split('\n')
        .filter((line) => line.startsWith(`p:stepparent_${agent.pid}_`) && line.includes('/program_dpkg_'));
    const seen = async (name: string) => {
      const parent = makeParent(scratch, name);
      await runBy(parent, ['dpkg', '-i', `/none-${name}.deb`]);
      const event = await until('the event', async () =>
        (await agent.execs()).find(({ process }) => process?.parent?.executable === parent),
      );
      expect(event.process).toMatchObject({ executable: '/usr/bin/dpkg', args: ['dpkg', '-i', `/none-${name}.deb`] });
      expect(event.stepparent.image?.path).toBe('/usr/bin/dpkg');
    };

    const [before] = probes();
    await seen('before');
    for (const round of ['first', 'second']) {
      const held = probes();
      copyFileSync('/usr/bin/dpkg', '/usr/bin/dpkg.dpkg-new');
      renameSync('/usr/bin/dpkg.dpkg-new', '/usr/bin/dpkg');
      await until('the new probe', () => probes().length === 1 && probes()[0] !== held[0]);
      await seen(round);
    }
    expect(before).toBeDefined();
    const status = await agent.status();
    expect(degradedWithoutPauses(status)).toEqual([]);
    expect(status.sensor.args).toContainEqual(expect.stringContaining('/usr/bin/dpkg'));

    // A script in the place of dpkg cannot be probed: the agent reports `degraded`.
    renameSync('/usr/bin/dpkg', '/usr/bin/dpkg.distrib');
    writeFileSync('/usr/bin/dpkg', '#!/bin/sh\nexec dpkg.distrib "$@"\n', { mode: 0o755 });
    const degraded = await until('the reason in degraded', async () => {
      const status = await agent.status();
      const degraded = degradedWithoutPauses(status);
      return degraded.length > 0 && degraded;
    });
    expect(degraded).toEqual([expect.stringMatching(/^\/usr\/bin\/dpkg .*ELF/)]);
    renameSync('/usr/bin/dpkg.distrib', '/usr/bin/dpkg');
    await until('health', async () => degradedWithoutPauses(await agent.status()).length === 0);
    await agent.stop();
  });
});
