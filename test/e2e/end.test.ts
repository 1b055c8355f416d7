// The end of the agent: every step runs, even if another one fails, and the process ends.

import { spawn } from 'node:child_process';
import { chmodSync, closeSync, constants, existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { bindMount, unmount } from '../mount-namespace.ts';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, type TestAgent, testAgent, tracesOf, until } from './run-agent.ts';

const main = join(import.meta.dirname, '../../agent/main.ts');
const removeTracing = join(import.meta.dirname, '../../agent/daemon/remove-tracing.ts');

/** Holds the agent's trace_pipe open, as `cat trace_pipe` does, so that its instance cannot be removed. `release` closes it. */
function holdTracePipe(pid: number): { instance: string; release: () => void } {
  const instance = `/sys/kernel/tracing/instances/${tracesOf(pid)[0]}`;
  const fd = openSync(join(instance, 'trace_pipe'), constants.O_RDONLY | constants.O_NONBLOCK);
  return { instance, release: () => closeSync(fd) };
}

const errorsOf = (agent: TestAgent): string[] => agent.stderr.match(/^\S+ error .*$/gm) ?? [];

describe.skipIf(endToEndMissing)(titled('the end of the agent', endToEndMissing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  const isClosed = (agent: TestAgent): boolean => !existsSync(join(agent.directory, 'runtime/control.sock'));
  /** Whether the database was closed: SQLite then removes the write-ahead log. */
  const isStored = (agent: TestAgent): boolean => !existsSync(join(agent.directory, 'state/stepparent.db-wal'));

  /** Runs dpkg without waiting until the agent has seen it; returns its parent. */
  const installed = async (name: string): Promise<string> => {
    const parent = makeParent(scratch, name);
    await runBy(parent, ['dpkg', '-i', '/none.deb']);
    return parent;
  };
  const parentsStored = async (agent: TestAgent) =>
    (await agent.execs()).map(({ process }) => process?.parent?.executable);

  test('SIGTERM while the tracing instance is held open ends the agent, and a later start removes the instance', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const first = agent.pid;
    const { instance, release } = holdTracePipe(first);
    const parent = await installed('last');

    process.kill(first, 'SIGTERM');
    expect(await agent.ended()).toBe(0);
    expect(errorsOf(agent)).toEqual([expect.stringContaining(`${instance} could not be removed`)]);
    expect({ closed: isClosed(agent), stored: isStored(agent) }).toEqual({ closed: true, stored: true });
    expect((await agent.statusStopped()).state).toBe('stopped');
    expect(await parentsStored(agent)).toContain(parent);
    // Only the instance is left, its probes are removed.
    expect(tracesOf(first)).toEqual([instance.slice(instance.lastIndexOf('/') + 1)]);
    expect((await run(process.execPath, [removeTracing])).stderr).toContain(`stepparent: ${instance} `);

    await agent.start();
    const { faults } = await agent.status();
    expect(faults.map(({ what }) => what)).toEqual(['the tracing instance of a killed agent could not be removed']);
    expect(agent.stderr).toContain(instance);
    release();
    await agent.stop();
    await agent.start();
    expect((await agent.status()).faults).toEqual([]);
    await agent.stop();
    expect(tracesOf(first)).toEqual([]);
  });

  test('the next agent reads the records of a killed one whose instance is held open', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const killed = agent.pid;
    const { release } = holdTracePipe(killed);
    await agent.kill();
    const parent = await installed('meanwhile');
    await agent.start();
    expect((await agent.status()).sensor.recovered_records).toBeGreaterThan(0);
    expect(await parentsStored(agent)).toContain(parent);
    release();
    await agent.stop();
    await agent.start();
    await agent.stop();
    expect(tracesOf(killed)).toEqual([]);
  });

  test.each([
    ['SIGINT', ['SIGINT']],
    ['SIGTERM twice', ['SIGTERM', 'SIGTERM']],
    ['Ctrl-C below npm', ['SIGINT', 'SIGINT', 'SIGTERM']],
  ] as const)('%s ends the agent cleanly', async (_, signals) => {
    const agent = testAgent(scratch);
    await agent.start();
    for (const signal of signals) process.kill(agent.pid, signal);
    expect(await agent.ended()).toBe(0);
    expect({ closed: isClosed(agent), stored: isStored(agent) }).toEqual({ closed: true, stored: true });
    expect(tracesOf(agent.pid)).toEqual([]);
    expect(errorsOf(agent)).toEqual([]);
  });

  test('a step that hangs and keeps the process alive is given up, and the process ends', async () => {
    const preload = join(scratch, 'hangs.mjs');
    writeFileSync(preload, `import net from 'node:net'; net.Server.prototype.close = () => {};`);
    const agent = testAgent(scratch);
    await agent.start([process.execPath, '--import', preload, main]);
    process.kill(agent.pid, 'SIGTERM');
    expect(await agent.ended()).toBe(0);
    expect(errorsOf(agent)).toEqual([expect.stringMatching(/ error .* step="control socket" reason=".*\b\d+ ms"$/)]);
    // Checked first: `status` opens the closed database, which makes another write-ahead log.
    expect(isStored(agent)).toBe(true);
    expect((await agent.statusStopped()).state).toBe('stopped');
    expect(tracesOf(agent.pid)).toEqual([]);
  });

  test('SIGTERM during a start that waits for a hanging program ends the agent cleanly', async () => {
    const ps = join(scratch, 'ps');
    writeFileSync(ps, '#!/bin/sh\nexec sleep 15\n');
    chmodSync(ps, 0o755);
    bindMount(ps, '/usr/bin/ps');
    try {
      const agent = testAgent(scratch);
      const start = agent.start();
      const failed = expect(start).rejects.toThrow('the agent ended');
      await until('the instance', () => tracesOf(agent.pid).length > 0);
      process.kill(agent.pid, 'SIGTERM');
      expect(await agent.ended()).toBe(0);
      await failed;
      expect({ closed: isClosed(agent), stored: isStored(agent) }).toEqual({ closed: true, stored: true });
      expect(tracesOf(agent.pid)).toEqual([]);
    } finally {
      unmount('/usr/bin/ps');
    }
  });

  test.each([
    ['uncaughtException', 'setImmediate(() => { throw new TypeError("out of the blue"); })'],
    ['unhandledRejection', 'Promise.reject(new TypeError("out of the blue"))'],
  ])('an unhandled error (%s) is logged, and every step of the shutdown runs', async (origin, act) => {
    const preload = join(scratch, `${origin}.mjs`);
    writeFileSync(preload, `process.on('SIGUSR2', () => { ${act}; });`);
    const agent = testAgent(scratch);
    await agent.start([process.execPath, '--import', preload, main]);
    const parent = await installed(origin);
    process.kill(agent.pid, 'SIGUSR2');
    expect(await agent.ended()).toBe(1);
    expect(errorsOf(agent)).toEqual([
      expect.stringMatching(new RegExp(`unhandled error, stopping the agent origin=${origin} .*out of the blue`)),
    ]);
    expect({ closed: isClosed(agent), stored: isStored(agent) }).toEqual({ closed: true, stored: true });
    expect(tracesOf(agent.pid)).toEqual([]);
    expect(await parentsStored(agent)).toContain(parent);
  });

  test('SIGTERM while thousands of files change in the directory of dpkg ends the agent, which logs that it has not read all', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const storm = spawn(
      'sh',
      ['-c', 'cd /var/lib/dpkg/info && while :; do seq 40000 | xargs touch; find . -name "[0-9]*" -delete; done'],
      {
        stdio: 'ignore',
        detached: true,
      },
    );
    try {
      await until('an overflow', () => agent.stderr.includes("the kernel's queue of file events overflowed"));
      process.kill(agent.pid, 'SIGTERM');
      expect(await agent.ended()).toBe(0);
    } finally {
      process.kill(-(storm.pid ?? 0), 'SIGKILL');
    }
    expect(errorsOf(agent)).toEqual([]);
    expect(agent.stderr).toContain('its next start compares the directories');
    expect({ closed: isClosed(agent), stored: isStored(agent) }).toEqual({ closed: true, stored: true });
    expect(tracesOf(agent.pid)).toEqual([]);
    await run('find', ['/var/lib/dpkg/info', '-name', '[0-9]*', '-delete']);
  });

  test('SIGTERM ends an agent cleanly that can open no file', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    expect((await run('prlimit', ['--pid', `${agent.pid}`, '--nofile=3:'])).code).toBe(0);
    await until('the fault', () => agent.stderr.includes('the agent cannot open files'));
    process.kill(agent.pid, 'SIGTERM');
    expect(await agent.ended()).toBe(0);
    expect(errorsOf(agent)).toEqual([]);
    expect({ closed: isClosed(agent), stored: isStored(agent) }).toEqual({ closed: true, stored: true });
    expect(tracesOf(agent.pid)).toEqual([]);
  });

  test('a start with too few file descriptors leaves nothing in the kernel', async () => {
    let failures = 0;
    for (let limit = 24; limit <= 34; limit++) {
      const agent = testAgent(scratch);
      const start = agent.start(['prlimit', `--nofile=${limit}`, process.execPath, main]);
      const failed = await start.then(
        () => false,
        () => true,
      );
      if (failed) failures++;
      else process.kill(agent.pid, 'SIGTERM');
      await agent.ended();
      expect([limit, tracesOf(agent.pid)]).toEqual([limit, []]);
    }
    expect(failures).toBeGreaterThan(0);
  });

  test('a start that fails late runs every step of the end and prints why it failed', async () => {
    const preload = join(scratch, 'fails-late.mjs');
    // The start measures its memory last, before it prints that the agent is ready.
    writeFileSync(preload, `process.memoryUsage.rss = () => { throw new TypeError('no memory is measured'); };`);
    const agent = testAgent(scratch);
    await expect(agent.start([process.execPath, '--import', preload, main])).rejects.toThrow('no memory is measured');
    expect(await agent.ended()).toBe(1);
    expect({ closed: isClosed(agent), stored: isStored(agent) }).toEqual({ closed: true, stored: true });
    expect(tracesOf(agent.pid)).toEqual([]);
  });
});
