// Removes what killed agents have left in the kernel's tracing. The packages run it when stepparent is removed.

import { existsSync } from 'node:fs';
import { openHost } from '../../collectors/host/host.ts';
import { leftoverInstances } from '../../collectors/tracefs/instance.ts';

// Where tracefs is not mounted (a chroot, a container) nothing can be left.
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
