// Checks by entity_id whether a process that was seen earlier is still running.

import type { Proc } from './read-proc.ts';

/** Maximum difference in clock ticks between the start of a process in /proc and in its record. */
const toleranceTicks = 2;

/**
 * Lists the processes now. The returned function says whether one of them has the entity_id and runs; a zombie does
 * not.
 */
export function processesAlive(proc: Proc): (entityId: string) => boolean {
  const boot = proc.readBootId().slice(0, 8);
  const pids = new Set(proc.listPids());
  return (entityId) => {
    const [ofBoot, pid, startTicks] = entityId.split('-');
    if (ofBoot !== boot || !pids.has(Number(pid))) return false;
    const stat = proc.readStat(Number(pid));
    return stat !== undefined && stat.state !== 'Z' && Math.abs(stat.startTicks - Number(startTicks)) <= toleranceTicks;
  };
}
