// The processes at start, as ps(1) lists them.

import psList from 'ps-list';
import { errorMessage } from '../error-message.ts';
import type { Proc } from '../proc/read-proc.ts';

/**
 * The pids of all processes: ps-list's, and those that only /proc shows (ps-list leaves out its own ps). Where ps is not
 * installed or fails, /proc alone; `fault` then says so.
 */
export async function snapshotPids(proc: Proc, list = listByPs): Promise<{ pids: number[]; fault?: string }> {
  try {
    return { pids: [...new Set([...(await list()), ...proc.listPids()])] };
  } catch (error) {
    return {
      pids: proc.listPids(),
      fault: `ps gave no list of processes, /proc is read alone: ${errorMessage(error)}`,
    };
  }
}

const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** ps-list starts `ps` with what `process.env` is, and takes no other: that is another one until it has ended. */
async function listByPs(): Promise<number[]> {
  const agentEnvironment = process.env;
  process.env = environment;
  try {
    return (await psList()).map(({ pid }) => pid);
  } finally {
    process.env = agentEnvironment;
  }
}
