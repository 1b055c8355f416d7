// The C library is upgraded while the agent runs: the new dynamic linker is probed, and short runs keep their arguments.

import { copyFileSync, mkdirSync, readFileSync, realpathSync, renameSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { mountOverlay } from '../mount-namespace.ts';
import { titled } from '../needs.ts';
import { makeParent } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { degradedWithoutPauses, run, testAgent, until } from './run-agent.ts';

const linker = process.arch === 'arm64' ? '/lib/ld-linux-aarch64.so.1' : '/lib64/ld-linux-x86-64.so.2';

describe.skipIf(endToEndMissing)(titled('an upgrade of the dynamic linker', endToEndMissing), () => {
  const scratch = scratchDirectory();

  beforeAll(() => {
    enterPrivateHost(scratch);
    // From here on, writes to /usr stay in memory.
    for (const directory of ['upper', 'work']) mkdirSync(`/run/systemd/${directory}`);
    mountOverlay('/usr', '/run/systemd/upper', '/run/systemd/work');
  });

  test('is noticed', async () => {
    // The overlay over /usr gives no file handles, so that fanotify cannot watch directories there.
    const agent = testAgent(
      scratch,
      'watched_paths.default = false\n[events]\nstore = "process.parent.name: lane-*"\n',
    );
    await agent.start();
    const file = realpathSync(linker);
    const probes = () =>
      readFileSync('/sys/kernel/tracing/dynamic_events', 'utf8')
        .split('\n')
        .filter((line) => line.startsWith(`p:stepparent_${agent.pid}_`) && line.includes('/start_'));
    const seen = async (name: string) => {
      const parent = makeParent(scratch, `lane-${name}`);
      await run(parent, ['-c', 'for i in 0 1 2 3 4 5 6 7 8 9; do sh -c ": $i"; done; /bin/true last; :']);
      const events = await until('the last run', async () => {
        const own = (await agent.execs()).filter(({ process }) => process?.parent?.executable === parent);
        return own.some(({ process }) => process?.args?.at(-1) === 'last') && own;
      });
      expect(events.map(({ process }) => process?.args?.at(-1))).toEqual([
        ...Array.from({ length: 10 }, (_, i) => `: ${i}`),
        'last',
      ]);
    };

    expect(probes()).toEqual([expect.stringContaining(` ${file}:`)]);
    await seen('before');
    for (const round of ['first', 'second']) {
      const held = probes();
      copyFileSync(file, `${file}.dpkg-new`);
      renameSync(`${file}.dpkg-new`, file);
      await until('the new probe', () => probes().length === 1 && probes()[0] !== held[0]);
      await seen(round);
    }
    const status = await agent.status();
    expect(degradedWithoutPauses(status)).toEqual([]);
    expect(status.sensor.args).toContainEqual(expect.stringContaining(file));
    await agent.stop();
  });
});
