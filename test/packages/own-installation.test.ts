// stepparent's own package is installed, upgraded and removed while an agent runs, which raises no alert.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildDeb } from '../e2e/packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from '../e2e/private-host.ts';
import { collectEvents, run, testAgent, withAllRules } from '../e2e/run-agent.ts';
import { mountOverlay } from '../mount-namespace.ts';
import { titled } from '../needs.ts';
import { cannotBuild, debFile } from './built.ts';

const missing = cannotBuild ?? endToEndMissing;

describe.skipIf(missing)(titled("stepparent's own package", missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);

  beforeAll(() => {
    // The directories that the package and its scripts write to.
    for (const directory of ['/usr', '/etc', '/var/lib', '/var/cache']) {
      const [upper, work] = [join(scratch, 'upper', directory), join(scratch, 'work', directory)];
      for (const made of [upper, work]) mkdirSync(made, { recursive: true });
      mountOverlay(directory, upper, work);
    }
    enterPrivateHost(scratch);
  });

  test('is observed by a running agent and raises no alert', async () => {
    const dpkg = async (...args: string[]) => {
      const { code, stdout, stderr } = await run('dpkg', ['--force-depends', ...args]);
      expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });
    };
    await agent.start();
    const caughtUp = collectEvents(agent, '/var/lib/dpkg/info');
    // Makes the parent usual, the only value of the installation that would be new.
    await dpkg('-i', buildDeb(scratch, 'own-first'));
    await caughtUp();
    const ours = async () =>
      (await agent.alerts()).filter(({ stepparent }) => stepparent.lineage?.some(({ pid }) => pid === process.pid));
    const before = (await ours()).map(({ stepparent }) => stepparent.alert.id);

    await dpkg('-i', debFile);
    await dpkg('-i', debFile);
    await dpkg('-r', 'stepparent');
    await dpkg('-P', 'stepparent');
    const events = await caughtUp();
    const scripts = events.flatMap(({ stepparent }) =>
      stepparent?.lifecycle_script?.package === 'stepparent' ? [stepparent.lifecycle_script.phase] : [],
    );
    expect([...new Set(scripts)].sort()).toEqual(['postinst', 'postrm', 'prerm']);
    const reported = (await ours()).filter(({ stepparent }) => !before.includes(stepparent.alert.id));
    expect(reported.map(({ rule, message }) => [rule.id, message])).toEqual([]);
    await agent.stop();
  });
});
