// The processes at start.

import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { snapshotPids } from '../../../collectors/procfs/process-snapshot.ts';

const { proc } = openHost();

test('lists this process and its parent once each', async () => {
  const { pids, fault } = await snapshotPids(proc);
  expect(fault).toBe(undefined);
  expect(pids).toContain(process.pid);
  expect(pids).toContain(1);
  expect(new Set(pids).size).toBe(pids.length);
});

test("ps is not looked up along the caller's PATH, which stays as it is", async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-ps-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'ps'), `#!/bin/sh\n: >"${directory}/ran"\n`);
  chmodSync(join(directory, 'ps'), 0o755);
  vi.stubEnv('PATH', `${directory}:/usr/bin:/bin`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const own = process.env;
  expect((await snapshotPids(proc)).fault).toBe(undefined);
  expect(existsSync(join(directory, 'ran'))).toBe(false);
  expect(process.env).toBe(own);
  expect(process.env.PATH).toBe(`${directory}:/usr/bin:/bin`);
});

test('reads only /proc without ps, and reports a fault', async () => {
  const { pids, fault } = await snapshotPids(proc, () => Promise.reject(new Error('spawn ps ENOENT')));
  expect(fault).toBe('ps could not list the processes, the agent reads only /proc: spawn ps ENOENT');
  expect(pids).toContain(process.pid);
});
