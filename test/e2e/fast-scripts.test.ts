// Maintainer scripts that dpkg runs within milliseconds after it has unpacked them: each run is judged by its own content.

import { beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { titled } from '../needs.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const packages = 50;
const names = Array.from({ length: packages }, (_, i) => `e2e-fast-${i}`);
const scriptOf = (name: string): string => `/var/lib/dpkg/info/${name}.postinst`;

describe.skipIf(endToEndMissing)(titled('scripts that run at once', endToEndMissing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, `${withAllRules}[events]\nstore = 'stepparent.exec.filename:*e2e-fast*'\n`);

  const installAll = async (text: (name: string) => string): Promise<void> => {
    for (const name of names) {
      const deb = buildDeb(scratch, name, { scripts: { postinst: text(name) } });
      const { code, stderr } = await run('dpkg', ['-i', deb]);
      if (code !== 0) throw new Error(stderr);
    }
  };
  /** The state of each run of each script, oldest first. The event of its file may be judged before the first run, or after. */
  const runs = async (rounds: number): Promise<(string | undefined)[][]> => {
    const ofScript = (events: readonly StepparentEvent[], name: string): StepparentEvent[] =>
      events.filter(({ stepparent }) => stepparent.exec?.filename === scriptOf(name));
    const events = await until('every run', async () => {
      const listed = await agent.execs();
      return names.every((name) => ofScript(listed, name).length >= rounds) && listed;
    });
    return names.map((name) =>
      ofScript(events, name).map(({ stepparent: { script, unobserved } }) =>
        script?.state === undefined
          ? JSON.stringify(unobserved)
          : `${script.version} ${script.state.replace('first', 'known')}`,
      ),
    );
  };

  beforeAll(async () => {
    enterPrivateHost(scratch);
    await agent.start();
  });

  test('the content of the first installation is the first of its version', async () => {
    await installAll((name) => `#!/bin/sh\n: ${name}\n`);
    expect(await runs(1)).toEqual(names.map(() => ['1 known']));
  });

  test('another content of the same version is changed', async () => {
    await installAll((name) => `#!/bin/sh\n: ${name}, hostile\n`);
    expect(await runs(2)).toEqual(names.map(() => ['1 known', '1 changed']));
    await agent.stop();
  });
});
