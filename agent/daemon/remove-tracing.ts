// Removes the tracing instances and probes of killed agents. The packages run this program when stepparent is removed.

import { existsSync } from 'node:fs';
import { openHost } from '../../collectors/host/host.ts';
import { leftoverInstances } from '../../collectors/tracefs/instance.ts';

// Without tracefs (in a chroot or a container) there is nothing to remove.
if (existsSync('/sys/kernel/tracing/instances')) {
  const { readStat } = openHost().proc;
  const isRunning = (pid: number, startTicks: number): boolean => readStat(pid)?.startTicks === startTicks;
  for (const instance of leftoverInstances(isRunning)) {
    try {
      instance.remove();
    } catch (error) {
      console.error(`stepparent: ${instance.directory} could not be removed: ${String(error)}`);
      process.exitCode = 1;
    }
  }
}
