// The agent without kernel tracing polls /proc: it sees processes that last, and reports the gap in coverage.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { mountEmpty, unmount } from '../mount-namespace.ts';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { testAgent, until } from './run-agent.ts';

describe.skipIf(endToEndMissing)(titled('polling /proc', endToEndMissing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  test('sees an installation that lasts, and reports that it misses short processes', async () => {
    const lasting = buildDeb(scratch, 'e2e-lasting', { scripts: { postinst: '#!/bin/sh\nsleep 4\n' } });
    const agent = testAgent(scratch, '[sensor]\nmode = "procfs"\n');
    await agent.start();
    const { sensor } = await agent.status();
    expect(sensor).toMatchObject({ name: 'procfs', poll_interval_ms: expect.any(Number) });
    const missed = 'processes that start and end between two polls of /proc are not seen';
    expect(sensor.reasons).toContain(missed);
    for (const shown of [agent.stdout, (await agent.cli('status')).stdout]) expect(shown).toContain(missed);

    const parent = makeParent(scratch, 'parent');
    const { pid, code } = await runBy(parent, ['dpkg', '-i', lasting]);
    expect(code).toBe(0);
    const alert = await until('the alert', async () =>
      (await agent.alerts()).find(({ stepparent }) => stepparent.alert.terms[0] === parent),
    );
    expect(alert.process).toMatchObject({
      executable: '/usr/bin/dpkg',
      args: ['dpkg', '-i', lasting],
      parent: { pid, executable: parent },
    });
    expect(alert.event.provider).toBe('procfs');
    expect(alert.stepparent.lineage?.map((step) => step.pid).slice(0, 2)).toEqual([pid, process.pid]);
    await agent.stop();
  });

  test('is the fallback where the kernel cannot be traced, and the agent reports why', async () => {
    // In a pid namespace of its own the agent cannot use the pids in the kernel's records.
    const agent = testAgent(scratch);
    const inside = [
      '--pid',
      '--fork',
      '--mount-proc',
      '--kill-child',
      process.execPath,
      join(import.meta.dirname, '../../agent/main.ts'),
    ];
    await agent.start(['unshare', ...inside]);
    expect(agent.stderr).toMatch(/warn +cannot trace the kernel, polling \/proc: short processes can be missed/);
    const status = await agent.status();
    expect(status).toMatchObject({ state: 'degraded', sensor: { name: 'procfs' } });
    const [reason] = status.sensor.reasons;
    expect(reason).toMatch(/pid namespace/i);
    const degraded = await until('the event sensor-degraded', async () =>
      (await agent.events()).find(({ event }) => event.action === 'sensor-degraded'),
    );
    expect(degraded.stepparent.sensor?.reason).toBe(reason);
    await agent.kill();
  });

  test('is the fallback where tracing can be neither started nor removed', async () => {
    const tracing = '/sys/kernel/tracing';
    mountEmpty(tracing);
    mkdirSync(`${tracing}/instances`);
    const agent = testAgent(scratch);
    await agent.start();
    const { state, sensor } = await agent.status();
    expect({ state, name: sensor.name }).toEqual({ state: 'degraded', name: 'procfs' });
    expect(sensor.reasons[0]).toMatch(/^tracing could not be started: ENOENT.*header_page/);
    expect(agent.stderr).toMatch(/ warn .*stepparent_\d+_\d+ .*ENOENT/);
    await agent.kill();
    unmount(tracing);
  });
});
