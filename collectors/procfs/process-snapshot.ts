// Lists the processes at the start of the agent, by ps(1) and /proc.

import psList from 'ps-list';
import { errorMessage } from '../error-message.ts';
import type { Proc } from '../proc/read-proc.ts';

/**
 * The pids of all processes from ps-list, and those that only /proc shows (ps-list leaves out its own ps). If ps is not
 * installed or fails, the pids are from /proc only, and `fault` has the reason.
 */
export async function snapshotPids(proc: Proc, list = listByPs): Promise<{ pids: number[]; fault?: string }> {
  try {
    return { pids: [...new Set([...(await list()), ...proc.listPids()])] };
  } catch (error) {
    return {
      pids: proc.listPids(),
      fault: `ps could not list the processes, the agent reads only /proc: ${errorMessage(error)}`,
    };
  }
}

const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/**
 * ps-list has no option for the environment of `ps`, and passes `process.env`. It is therefore replaced until ps has
 * ended.
 */
async function listByPs(): Promise<number[]> {
  const agentEnvironment = process.env;
  process.env = environment;
  try {
    return (await psList()).map(({ pid }) => pid);
  } finally {
    process.env = agentEnvironment;
  }
}
