// A small result of each kind, for the tests of the page and of the goals.

import type { Data, DataOf, Result } from '../../bench/results.ts';

const observer = { seconds: [], workMs: [], cpuMs: [], restMb: [], mostMb: [], storedBytes: [], seen: [] };

/** Two rounds without an observer and with stepparent, whose figures can be given. */
export const workloadOf = (
  name: string,
  given: Partial<DataOf<'workload'>['observers'][number]> = {},
  processes?: number,
): DataOf<'workload'> => ({
  kind: 'workload',
  name,
  afterMs: 1500,
  ...(processes === undefined ? {} : { processes }),
  observers: [
    { ...observer, name: 'none', seconds: [10, 10], workMs: [5000, 5000] },
    {
      ...{ name: 'stepparent', seconds: [10.1, 10.1], workMs: [5000, 5000], cpuMs: [300, 500] },
      ...{ restMb: [70, 72], mostMb: [90, 94], storedBytes: [800_000, 800_000], seen: [] },
      ...given,
    },
    { ...observer, name: 'none again', seconds: [10, 10], workMs: [5000, 5000] },
  ],
});

export const latencyOf = (ms: number[], missed = 0): DataOf<'latency'> => ({
  kind: 'latency',
  probes: ms.length + missed,
  patienceMs: 1000,
  observers: [{ name: 'stepparent', rounds: [{ ms, missed }] }],
});

export const idleOf = (...cpuMs: number[]): DataOf<'idle'> => ({
  kind: 'idle',
  seconds: 30,
  observers: [{ name: 'stepparent', cpuMs, memoryMb: [70] }],
});

const seen = { seen: 90, complete: 80, flagged: 8, cut: 2 };

export const ratesOf = (length: number): DataOf<'rates'> => ({
  ...{ kind: 'rates', length, seconds: 10, burst: 20_000, workOffSeconds: 30 },
  cells: [
    {
      ...{ observer: 'stepparent', program: 'exec-bench', rate: 100, made: 100, seconds: 1, cpuMs: 20 },
      ...{ isBehind: false, seen, reportedLost: 7 },
    },
    {
      ...{ observer: 'auditd', program: 'exec-bench', rate: 0, made: 100, seconds: 1, cpuMs: 20 },
      ...{ isBehind: true, seen, fault: 'ended with 1' },
    },
  ],
});

export const growthOf = (rows: number, ...huntMs: number[]): DataOf<'growth'> => ({
  kind: 'growth',
  repeats: 3,
  sizes: [
    {
      ...{ rows, bytes: 1e9, eventMicroseconds: 100, startSeconds: 1, startCpuMs: 500, alertsMs: 200 },
      hunts: huntMs.map((ms, n) => ({ id: `hunt-${n}`, ms })),
    },
  ],
});

export const resultOf = (part: Result['part'], data: Data, given: Partial<Result> = {}): Result => ({
  ...{
    part,
    data,
    date: '2026-01-02',
    version: '0.1.0',
    commit: '0123456789',
    minutes: 12.34,
    load: 0.25,
    missing: [],
  },
  machine: { cpus: 2, model: 'CPU', memoryGb: 4, kernel: '6.1', system: 'Debian', node: 'v24' },
  ...given,
});
