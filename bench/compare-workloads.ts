// The first table: each workload with each observer in turn, in rounds; and what each observer costs while nothing runs.

import { noObserver, type ObserverKind, whileObserved } from './observers.ts';
import { cpuMs, memoryMb } from './proc-cost.ts';
import type { Seen } from './sightings.ts';
import { geometricMean, inOrderOfRound, median, type Ratio, ratioOf } from './statistics.ts';
import { bytesText, counted, fixed, type Table } from './tables.ts';
import type { Workload } from './workloads.ts';

export interface RoundOptions {
  rounds: number;
  /** After a workload, so that what an observer still does of it counts. */
  afterMs: number;
}

interface Sample {
  seconds: number;
  /** CPU of the observed processes: it includes what the kernel does for the observer inside them. */
  workMs: number;
  cpuMs?: number;
  restMb?: number;
  mostMb?: number;
  storedBytes?: number;
  seen?: Seen;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let runs = 0;
/** Identifies one run's executions; letters and digits only, as auditd writes other text in hexadecimal. */
export const newPrefix = (): string => `bench${process.pid}run${runs++}`;

const takeSample = (kind: ObserverKind, workload: Workload, { afterMs }: RoundOptions): Promise<Sample> =>
  whileObserved(kind, {}, async (observer) => {
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
    return isCounted ? { ...sample, seen: await observer.count(prefix, 0) } : sample;
  });

export const ratioText = (ratio: Ratio | undefined): string => {
  if (ratio === undefined) return '';
  const { mean, interval } = ratio;
  return interval === undefined
    ? fixed(mean, 3)
    : `${fixed(mean, 3)} (${interval.map((each) => fixed(each, 3)).join(' to ')})`;
};

const defined = <T>(values: readonly (T | undefined)[]): T[] => values.filter((each) => each !== undefined);

function seenText(samples: readonly Sample[], total: number): string {
  const seen = defined(samples.map((sample) => sample.seen?.seen));
  return seen.length === 0 ? '' : `${counted(Math.min(...seen))} of ${counted(total)}`;
}

/** Measures one workload with every observer, `rounds` times. */
export async function compareWorkload(
  workload: Workload,
  kinds: readonly ObserverKind[],
  options: RoundOptions,
): Promise<Table> {
  const again: ObserverKind = { ...noObserver, name: 'none again' };
  const samples = new Map<ObserverKind, Sample[]>([noObserver, ...kinds, again].map((kind) => [kind, []]));
  workload.prepare();
  // The first run finds cold caches and is not counted.
  await workload.run(newPrefix());
  for (let round = 0; round < options.rounds; round++) {
    for (const kind of inOrderOfRound([...samples.keys()], round))
      samples.get(kind)?.push(await takeSample(kind, workload, options));
  }
  const first = samples.get(noObserver) ?? [];
  const second = samples.get(again) ?? [];
  /** Of one figure, against the mean of both runs without an observer in the same round. */
  const ratioOfKind = (kind: ObserverKind, read: (sample: Sample) => number): string => {
    if (kind === noObserver) return '1';
    const bases = first.map((sample, round) => {
      const other = second[round];
      return kind === again || other === undefined ? read(sample) : geometricMean(read(sample), read(other));
    });
    return ratioText(
      ratioOf((samples.get(kind) ?? []).map((sample, round) => [read(sample), bases[round] ?? Number.NaN])),
    );
  };
  const { processes } = workload;
  const rows = [...samples].map(([kind, taken]) => {
    const cpu = defined(taken.map((sample) => sample.cpuMs)).map((ms) =>
      processes === undefined ? ms : (ms / processes) * 1000,
    );
    const middle = (read: (sample: Sample) => number | undefined, digits: number, unit = ''): string =>
      fixed(median(defined(taken.map(read))), digits, unit);
    const hasObserver = kind.start !== undefined;
    const memory = [({ restMb }: Sample) => restMb, ({ mostMb }: Sample) => mostMb].map((read) => middle(read, 0));
    return [
      kind.name,
      middle((sample) => sample.seconds, 2, 's'),
      ratioOfKind(kind, ({ seconds }) => seconds),
      ratioOfKind(kind, ({ workMs }) => workMs),
      fixed(median(cpu), 0, 'ms'),
      hasObserver ? `${memory.join(' / ')} MB` : '',
      hasObserver ? bytesText(median(defined(taken.map(({ storedBytes }) => storedBytes)))) : '',
      processes === undefined ? '' : seenText(taken, processes),
    ];
  });
  return {
    title: workload.name,
    about: [`Rounds: ${options.rounds}.`],
    columns: [
      'Observer',
      'Time',
      'Time with / without',
      'CPU of the workload with / without',
      processes === undefined ? 'CPU' : 'CPU for 1,000',
      'Memory at rest / at most',
      'Stored',
      'Seen, least',
    ],
    rows,
  };
}

/** What each observer costs while nothing runs but the machine itself. */
export async function compareIdle(kinds: readonly ObserverKind[], seconds: number): Promise<Table> {
  const rows: string[][] = [];
  for (const kind of kinds) {
    await whileObserved(kind, {}, async (observer) => {
      const pids = observer?.pids ?? [];
      const startMs = cpuMs(pids);
      await pause(seconds * 1000);
      const share = (cpuMs(pids) - startMs) / (seconds * 10);
      rows.push([kind.name, fixed(share, 2, '%'), fixed(memoryMb(pids, 'VmRSS'), 0, 'MB')]);
    });
  }
  return {
    title: 'Idle',
    about: [`${seconds} s each, after the start has settled. CPU is a share of one core.`],
    columns: ['Observer', 'CPU', 'Memory'],
    rows,
  };
}
