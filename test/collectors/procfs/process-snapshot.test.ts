// The processes at start.

import { expect, onTestFinished, test } from 'vitest';
import { snapshotPids } from '../../../collectors/procfs/process-snapshot.ts';

test('this process and its parent, each once', async () => {
  const { pids, fault } = await snapshotPids();
  expect(fault).toBe(undefined);
  expect(pids).toContain(process.pid);
  expect(pids).toContain(1);
  expect(new Set(pids).size).toBe(pids.length);
});

test('without ps /proc alone, and it says so', async () => {
  const { PATH } = process.env;
  onTestFinished(() => {
    process.env.PATH = PATH;
  });
  process.env.PATH = '/nonexistent';
  const { pids, fault } = await snapshotPids();
  expect(fault).toMatch(/^ps gave no list of processes, \/proc is read alone: /);
  expect(pids).toContain(process.pid);
});
