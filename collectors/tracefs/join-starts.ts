// Joins each exec with the record of the program's start, if both are in the same batch.

import type { ExecRecord, ProcessRecord } from '../process/process-record.ts';
import { startOf } from '../process/program-start.ts';

/**
 * Sets `start` and `args` of each exec whose program's start is recorded in the batch, and returns the batch without
 * these records. The first record behind an exec counts: a later one was made by the program itself, which can enter
 * the dynamic linker again. `batch`: in the order of time.
 */
export function joinStarts(batch: readonly ProcessRecord[]): ProcessRecord[] {
  /** By pid: the exec whose start is still to come. */
  const open = new Map<number, ExecRecord>();
  return batch.filter((record) => {
    if (record.kind === 'exec') open.set(record.pid, record);
    else if (record.kind === 'exit') open.delete(record.pid);
    else if (record.kind === 'argv' && record.role === 'start') {
      const exec = open.get(record.pid);
      if (exec === undefined) return true;
      open.delete(record.pid);
      exec.start = startOf(record);
      exec.args = record.args;
      exec.argsTruncated = record.truncated;
      return false;
    }
    return true;
  });
}
