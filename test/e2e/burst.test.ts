// Five hundred runs of dpkg that end at once, four at a time. Each event has its own arguments and parent.

import { beforeAll, describe, expect, test } from 'vitest';
import { titled } from '../needs.ts';
import { makeParent } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until } from './run-agent.ts';

const lanes = 4;
const runs = 125;

describe.skipIf(endToEndMissing)(titled('a burst', endToEndMissing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  test('of 500 short runs is recorded completely', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const loop = 'i=0; while [ $i -lt $1 ]; do dpkg -i "$2/$i.deb" 2>/dev/null; i=$((i + 1)); done';
    const started = Array.from({ length: lanes }, async (_, lane) => {
      const parent = makeParent(scratch, `lane${lane}`);
      const { pid } = await run(parent, ['-c', loop, 'loop', String(runs), `/none/${lane}`]);
      return { parent, pid };
    });
    const parents = await Promise.all(started);
    const last = makeParent(scratch, 'last');
    await run(last, ['-c', 'dpkg -i /none/last.deb; :']);
    const events = await until('the last run', async () => {
      const listed = await agent.execs();
      return listed.some(({ process }) => process?.parent?.executable === last) && listed;
    });

    for (const [lane, { parent, pid }] of parents.entries()) {
      const own = events.filter(({ process }) => process?.parent?.executable === parent);
      const expected = Array.from({ length: runs }, (_, i) => ['dpkg', '-i', `/none/${lane}/${i}.deb`]);
      expect(own.map(({ process }) => process?.args)).toEqual(expected);
      expect(new Set(own.map(({ process }) => process?.parent?.pid))).toEqual(new Set([pid]));
    }
    // Events without an alert are committed some moments later.
    const { sensor, uncommitted } = await until('the last commit', async () => {
      const status = await agent.status();
      return status.uncommitted.waiting === 0 && status;
    });
    expect({ lost: sensor.lost_events, ...uncommitted }).toEqual({ lost: 0, waiting: 0, dropped: 0 });
    const alerts = await agent.alerts();
    for (const { parent } of parents) {
      const own = alerts.filter(({ stepparent }) => stepparent.alert.terms[0] === parent);
      expect(own.map(({ stepparent }) => stepparent.alert.count)).toEqual([runs]);
    }
    await agent.stop();
  });
});
