// The workloads: loops of sh that start one short process after another, several loops at a time.

import { spawn } from 'node:child_process';

export interface Workload {
  name: string;
  /** Processes that each loop starts. */
  perLoop: number;
  loops: number;
  /** The command of loop `k`; `$i` counts its runs from 0. */
  command(k: number): string;
}

export interface Run {
  /** Seconds from the first start to the last end. */
  seconds: number;
  /** The loops' own pids: the parents of everything that was started. */
  parents: number[];
}

/** Runs that end at once, of a file that is not there: what a package tool costs before it touches its database. */
export const dpkgRuns = (total: number, prefix: string): Workload => ({
  name: `${total} runs of dpkg -i, four at a time`,
  perLoop: total / 4,
  loops: 4,
  command: (k) => `dpkg -i ${prefix}-${k}-$i.deb 2>/dev/null`,
});

export const shortProcesses = (total: number): Workload => ({
  name: `${total} ordinary short processes, two at a time`,
  perLoop: total / 2,
  loops: 2,
  command: () => '/bin/true',
});

export async function run({ perLoop, loops, command }: Workload): Promise<Run> {
  const begun = performance.now();
  const parents: number[] = [];
  await Promise.all(
    Array.from({ length: loops }, (_, k) => {
      const script = `i=0; while [ $i -lt ${perLoop} ]; do ${command(k)}; i=$((i+1)); done; exit 0`;
      const child = spawn('/bin/sh', ['-c', script], { stdio: 'ignore', cwd: '/' });
      if (child.pid !== undefined) parents.push(child.pid);
      return new Promise<void>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', () => resolve());
      });
    }),
  );
  return { seconds: (performance.now() - begun) / 1000, parents };
}
