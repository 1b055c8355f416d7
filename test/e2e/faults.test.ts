// Faults of the agent, caused from outside. Each is in `degraded` with its reason, also after it has ended.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { noFiles, standstill } from '../../agent/daemon/self-watch.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type TestAgent, testAgent, until } from './run-agent.ts';

const main = join(import.meta.dirname, '../../agent/main.ts');
const missing = unmet(endToEndMissing, missingTools('prlimit'));

describe.skipIf(missing)(titled('faults', missing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  const limitFiles = (pid: number, limit: number): void => {
    expect(spawnSync('prlimit', ['--pid', `${pid}`, `--nofile=${limit}:`]).status).toBe(0);
  };
  /** Waits until `degraded` has a clause that matches; returns the status. */
  const degradedBy = (agent: TestAgent, clause: RegExp) =>
    until(`${clause}`, async () => {
      // `status` fails while the control socket does not work.
      const status = await agent.status().catch(() => undefined);
      return status?.degraded.some((each) => clause.test(each)) && status;
    });

  test('lack of file descriptors is reported after it has ended', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    limitFiles(agent.pid, 20);
    await until('the fault', () => agent.stderr.includes(noFiles));
    const { code, stdout, stderr } = await agent.cli('status', '--json');
    // `status` fails and does not report that the agent is stopped.
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(join(agent.directory, 'runtime/control.sock'));
    limitFiles(agent.pid, 1024);
    const { state } = await degradedBy(agent, new RegExp(`${noFiles}.*EMFILE`));
    expect(state).toBe('degraded');
    await agent.stop();
  });

  test('a stop of the process is reported after it has ended', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    process.kill(agent.pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    process.kill(agent.pid, 'SIGCONT');
    const { state } = await degradedBy(agent, new RegExp(`${standstill}.* \\d+\\.\\d s`));
    expect(state).toBe('degraded');
    await agent.stop();
  });

  test('an agent whose standard output is full runs and ends with 0', async () => {
    const agent = testAgent(scratch);
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [main, 'run', '--config', agent.config], {
      stdio: ['ignore', full, 'ignore'],
    });
    closeSync(full);
    const ended = new Promise((resolve) => child.once('close', resolve));
    await until('the agent', async () => (await agent.status().catch(() => undefined))?.pid === child.pid);
    child.kill();
    expect(await ended).toBe(0);
  });

  test('a removed control socket is reported and replaced', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    rmSync(join(agent.directory, 'runtime/control.sock'));
    const { state, pid } = await degradedBy(agent, /runtime\/control\.sock/);
    expect({ state, pid }).toEqual({ state: 'degraded', pid: agent.pid });
    await agent.stop();
  });
});
