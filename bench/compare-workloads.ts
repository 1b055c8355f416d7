// The first table: each workload with each observer in turn, in rounds, and the cost of each observer while nothing
// runs.

import { noObserver, type ObserverKind, whileObserved } from './observers.ts';
import { cpuMs, memoryMb } from './proc-cost.ts';
import type { DataOf } from './results.ts';
import { inOrderOfRound } from './statistics.ts';
import type { Workload } from './workloads.ts';

/** The rounds of one workload, and the pause in each. */
export interface RoundOptions {
  rounds: number;
  /** Pause after a workload, so that the observer's remaining work for it counts. */
  afterMs: number;
}

interface Sample {
  seconds: number;
  /** CPU of the observed processes, including the kernel's work for the observer in them. */
  workMs: number;
  cpuMs?: number;
  restMb?: number;
  mostMb?: number;
  storedBytes?: number;
  seen?: number;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let runs = 0;
/**
 * A prefix that identifies the executions of one run. It has only letters and digits, because auditd writes other text
 * in hexadecimal.
 */
export const newPrefix = (): string => `bench${process.pid}run${runs++}`;

const takeSample = (kind: ObserverKind, workload: Workload, { afterMs }: RoundOptions): Promise<Sample> =>
  whileObserved(kind, {}, async (observer) => {
    if (workload.isUsual) await workload.run(newPrefix());
    const prefix = newPrefix();
    const pids = observer?.pids ?? [];
    const restMb = memoryMb(pids, 'VmRSS');
    const before = { cpuMs: cpuMs(pids), storedBytes: observer?.storedBytes() ?? 0 };
    const workBefore = cpuMs([process.pid]);
    const begin = performance.now();
    await workload.run(prefix);
    const seconds = (performance.now() - begin) / 1000;
    const workMs = cpuMs([process.pid]) - workBefore;
    await pause(afterMs);
    if (observer === undefined) return { seconds, workMs };
    const sample: Sample = {
      seconds,
      workMs,
      cpuMs: cpuMs(pids) - before.cpuMs,
      restMb,
      mostMb: memoryMb(pids, 'VmHWM'),
      storedBytes: observer.storedBytes() - before.storedBytes,
    };
    const isCounted = workload.numbered === 'package tool' || (workload.numbered !== undefined && kind.keepsEveryExec);
    return isCounted ? { ...sample, seen: (await observer.count(prefix, 0)).seen } : sample;
  });

const defined = <T>(values: readonly (T | undefined)[]): T[] => values.filter((each) => each !== undefined);

/** Measures one workload with every observer, `rounds` times. */
export async function compareWorkload(
  workload: Workload,
  kinds: readonly ObserverKind[],
  options: RoundOptions,
): Promise<DataOf<'workload'>> {
  const again: ObserverKind = { ...noObserver, name: 'none again' };
  const samples = new Map<ObserverKind, Sample[]>([noObserver, ...kinds, again].map((kind) => [kind, []]));
  workload.prepare();
  // The first run has cold caches and does not count.
  await workload.run(newPrefix());
  for (let round = 0; round < options.rounds; round++) {
    for (const kind of inOrderOfRound([...samples.keys()], round))
      samples.get(kind)?.push(await takeSample(kind, workload, options));
  }
  const { name, processes } = workload;
  return {
    kind: 'workload',
    name,
    ...(processes === undefined ? {} : { processes }),
    afterMs: options.afterMs,
    observers: [...samples].map(([kind, taken]) => {
      const each = (read: (sample: Sample) => number | undefined) => defined(taken.map(read));
      return {
        name: kind.name,
        seconds: each(({ seconds }) => seconds),
        workMs: each(({ workMs }) => workMs),
        cpuMs: each((sample) => sample.cpuMs),
        restMb: each(({ restMb }) => restMb),
        mostMb: each(({ mostMb }) => mostMb),
        storedBytes: each(({ storedBytes }) => storedBytes),
        seen: each(({ seen }) => seen),
      };
    }),
  };
}

/** Measures the cost of each observer while no workload runs. */
export async function compareIdle(
  kinds: readonly ObserverKind[],
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<DataOf<'idle'>> {
  const samples = new Map<ObserverKind, { cpuMs: number; memoryMb: number }[]>(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round++) {
    for (const kind of inOrderOfRound(kinds, round)) {
      await whileObserved(kind, {}, async (observer) => {
        const pids = observer?.pids ?? [];
        const startMs = cpuMs(pids);
        await pause(seconds * 1000);
        samples.get(kind)?.push({ cpuMs: cpuMs(pids) - startMs, memoryMb: memoryMb(pids, 'VmRSS') });
      });
    }
  }
  return {
    kind: 'idle',
    seconds,
    observers: [...samples].map(([{ name }, taken]) => ({
      name,
      cpuMs: taken.map((sample) => sample.cpuMs),
      memoryMb: taken.map((sample) => sample.memoryMb),
    })),
  };
}
