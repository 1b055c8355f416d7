// Checks by entity_id whether a process that was seen earlier is still running.

import type { Proc } from './read-proc.ts';

/** /proc's start and that of a record can be so far apart, in clock ticks. */
const toleranceTicks = 2;

/** Looks which processes there are; the answer holds for that moment. Of one that waits to be reaped it says false. */
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
