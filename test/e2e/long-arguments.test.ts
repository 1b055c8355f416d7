// Long command lines of programs that end at once. Each event has all arguments or marks them as truncated or unobserved.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { titled } from '../needs.ts';
import { makeParent } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until } from './run-agent.ts';

/** Bytes of an argument, up to the kernel's limit of 128 KiB less its NUL and some bytes. */
const sizes = [200, 4_000, 10_000, 120_000, 131_000];
const runs = 60;
/** dpkg has a probe at its entry point; of uname only the call of execve is traced. */
const programs = ['dpkg', 'uname'];
/** Each run has its number and the data as arguments, so the longest command lines exceed the limit of one argument. */
const loop = `data=$(cat "$3"); i=0
while [ $i -lt $1 ]; do "$2" "--run=$i" "$data" end 2>/dev/null; i=$((i + 1)); done`;

describe.skipIf(endToEndMissing)(titled('long arguments', endToEndMissing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  test('are complete or marked as incomplete', async () => {
    const agent = testAgent(scratch, '[events]\nstore = "process.parent.name: lane*"\n');
    await agent.start();
    const lanes = programs.flatMap((program) =>
      sizes.map((size) => {
        const data = Array.from({ length: size / 8 }, (_, n) => String(n).padStart(8, '.')).join('');
        const file = join(scratch, `data-${size}`);
        writeFileSync(file, data);
        return { program, data, file, parent: makeParent(scratch, `lane-${program}-${size}`) };
      }),
    );
    await Promise.all(
      lanes.map(({ parent, program, file }) => run(parent, ['-c', loop, 'loop', String(runs), program, file])),
    );
    const last = makeParent(scratch, 'lane-last');
    await run(last, ['-c', 'dpkg -i /none/last.deb; :']);
    const events = await until('the last run', async () => {
      const listed = await agent.execs();
      return listed.some(({ process }) => process?.parent?.executable === last) && listed;
    });

    const silent = lanes.flatMap(({ parent, program, data }) => {
      const own = events.filter(({ process }) => process?.parent?.executable === parent && process.name === program);
      expect(own).toHaveLength(runs);
      return own.filter(({ process, stepparent }, i) => {
        const sent = [program, `--run=${i}`, data, 'end'];
        const { truncated, unobserved } = stepparent;
        const isFlagged = (truncated?.['process.args'] ?? unobserved?.['process.args']) !== undefined;
        return !isFlagged && JSON.stringify(process?.args) !== JSON.stringify(sent);
      });
    });
    expect(silent.map(({ process }) => [process?.name, process?.args?.map((arg) => arg.length)])).toEqual([]);
    const { sensor, uncommitted } = await agent.status();
    expect({ lost: sensor.lost_events, ...uncommitted }).toEqual({ lost: 0, waiting: 0, dropped: 0 });
    await agent.stop();
  });
});
