// The program that the packages run at a removal clears what a killed agent left in the kernel, and nothing of a running one.

import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { titled } from '../needs.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, tracesOf } from './run-agent.ts';

const script = join(import.meta.dirname, '../../agent/daemon/remove-tracing.ts');

describe.skipIf(endToEndMissing)(titled('remove-tracing', endToEndMissing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  test('removes instance and probes of a killed agent, not of a running one', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const killed = agent.pid;
    const removed = async () => {
      const { code, stdout, stderr } = await run(process.execPath, [script]);
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    };
    const whole = tracesOf(killed);
    await removed();
    expect(tracesOf(killed)).toEqual(whole);
    await agent.kill();
    // The instance and at least one probe.
    expect(tracesOf(killed).length).toBeGreaterThan(1);
    await removed();
    expect(tracesOf(killed)).toEqual([]);
  });
});
