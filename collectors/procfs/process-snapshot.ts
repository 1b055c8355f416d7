// The processes at start, as ps(1) lists them.

import psList from 'ps-list';
import { messageOf } from '../message-of.ts';
import { listPids } from '../proc/read-proc.ts';

/**
 * The pids of all processes: ps-list's, and what /proc shows besides (ps-list leaves out its own ps). Where ps is not
 * installed or fails, /proc alone; `fault` then says so.
 */
export async function snapshotPids(): Promise<{ pids: number[]; fault?: string }> {
  try {
    const listed = await psList();
    return { pids: [...new Set([...listed.map(({ pid }) => pid), ...listPids()])] };
  } catch (error) {
    return {
      pids: listPids(),
      fault: `ps gave no list of processes, /proc is read alone: ${messageOf(error)}`,
    };
  }
}
