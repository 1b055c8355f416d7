// Maintainer scripts that dpkg runs within milliseconds after it has unpacked them: each run is judged by its own content.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('gcc'));

describe.skipIf(missing)(titled('scripts that run at once', missing), () => {
  const scratch = scratchDirectory();
  const ends = join(scratch, 'ends');
  beforeAll(() => {
    enterPrivateHost(scratch);
    writeFileSync(`${ends}.c`, 'int main(void) { return 0; }\n');
    execFileSync('gcc', ['-static', '-o', ends, `${ends}.c`]);
  });

  describe.each([
    { name: 'by a shell', packages: 50, toml: '', interpreter: '/bin/sh' },
    // No probe shows that such a run is one of the host.
    { name: 'unprobed', packages: 25, toml: "[sensor]\ncapture_all_args = 'off'\n", interpreter: '/bin/sh' },
    { name: 'by a static program', packages: 25, toml: '', interpreter: ends },
  ])('$name', ({ name: kind, packages, toml, interpreter }) => {
    const agent = testAgent(scratch, `${withAllRules}${toml}[events]\nstore = 'stepparent.exec.filename:*e2e-fast*'\n`);
    const names = Array.from({ length: packages }, (_, i) => `e2e-fast-${kind.replaceAll(' ', '-')}-${i}`);
    const scriptOf = (name: string): string => `/var/lib/dpkg/info/${name}.postinst`;

    const installAll = async (text: (name: string) => string): Promise<void> => {
      for (const name of names) {
        const deb = buildDeb(scratch, name, { scripts: { postinst: `#!${interpreter}\n${text(name)}` } });
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

    beforeAll(() => agent.start());

    test('the content of the first installation is the first of its version', async () => {
      await installAll((name) => `: ${name}\n`);
      expect(await runs(1)).toEqual(names.map(() => ['1 known']));
    });

    test('another content of the same version is changed', async () => {
      await installAll((name) => `: ${name}, hostile\n`);
      expect(await runs(2)).toEqual(names.map(() => ['1 known', '1 changed']));
      await agent.stop();
    });
  });
});
