// The stored results of the benchmark: one JSON file for each part, with the place, time and conditions of the
// measurement.

import fs from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { parts } from './options.ts';

/** The absolute path of bench/results. */
export const resultsDirectory: string = path.join(import.meta.dirname, 'results');

const count = z.int().nonnegative();
/** One value for each round, in order; empty: the observer has no such value. */
const values = z.array(z.number());

const workload = z.strictObject({
  kind: z.literal('workload'),
  name: z.string(),
  /** Number of processes that one run starts; absent: the run is not a loop of single processes. */
  processes: count.optional(),
  /** Pause after a run before the costs of the observer are read. */
  afterMs: count,
  /** The first and the last are runs without an observer. */
  observers: z.array(
    z.strictObject({
      name: z.string(),
      seconds: values,
      /** CPU of the observed processes, including the kernel's work for the observer in them. */
      workMs: values,
      cpuMs: values,
      restMb: values,
      mostMb: values,
      storedBytes: values,
      seen: values,
    }),
  ),
});

const latency = z.strictObject({
  kind: z.literal('latency'),
  /** Number of executions in a round. */
  probes: count,
  /** Maximum time from an execution to its line. */
  patienceMs: count,
  /** `missed`: number of executions without a line in time. */
  observers: z.array(
    z.strictObject({ name: z.string(), rounds: z.array(z.strictObject({ ms: values, missed: count })) }),
  ),
});

const idle = z.strictObject({
  kind: z.literal('idle'),
  seconds: z.number(),
  observers: z.array(z.strictObject({ name: z.string(), cpuMs: values, memoryMb: values })),
});

const seen = z.strictObject({
  seen: count,
  complete: count,
  /** Incomplete, and the observer reports it. */
  flagged: count,
  /** Incomplete, and the observer does not report it. */
  cut: count,
});

const cell = z.strictObject({
  observer: z.string(),
  program: z.string(),
  /** Requested executions per second; 0: a burst. */
  rate: z.number(),
  made: count,
  seconds: z.number(),
  cpuMs: z.number(),
  /** Whether the observer did not process its backlog in time. */
  isBehind: z.boolean(),
  /** Why the observer no longer watched at the end. */
  fault: z.string().optional(),
  seen,
  /** Absent: the observer has no such count. */
  reportedLost: z.number().optional(),
});

const rates = z.strictObject({
  kind: z.literal('rates'),
  /** Characters of the argument. */
  length: count,
  seconds: z.number(),
  burst: count,
  workOffSeconds: z.number(),
  cells: z.array(cell),
});

const growth = z.strictObject({
  kind: z.literal('growth'),
  /** Number of runs of each hunt and of `alerts`; the median is stored. */
  repeats: count,
  sizes: z.array(
    z.strictObject({
      rows: count,
      bytes: count,
      eventMicroseconds: z.number(),
      startSeconds: z.number(),
      startCpuMs: z.number(),
      hunts: z.array(z.strictObject({ id: z.string(), ms: z.number() })),
      alertsMs: z.number(),
    }),
  ),
});

const data = z.discriminatedUnion('kind', [workload, latency, idle, rates, growth]);

const machine = z.strictObject({
  cpus: count,
  model: z.string(),
  memoryGb: z.number(),
  kernel: z.string(),
  system: z.string(),
  node: z.string(),
});

const result = z.strictObject({
  part: z.enum(parts),
  /** YYYY-MM-DD. */
  date: z.iso.date(),
  version: z.string(),
  commit: z.string(),
  minutes: z.number(),
  /** Load average of one minute before the measurement. */
  load: z.number(),
  /** Absent: the part has no rounds. */
  rounds: count.optional(),
  machine,
  /** Observers that were not measured, with the reason. */
  missing: z.array(z.string()),
  data,
});

/** The content of one file of results. */
export type Result = z.infer<typeof result>;

/** The measured values of one part; `kind` selects the shape, which several parts share. */
export type Data = z.infer<typeof data>;

/** The computer that a part was measured on. `memoryGb` is in GiB, rounded. */
export type Machine = z.infer<typeof machine>;

/** The figures of one observer with one program at one rate. */
export type Cell = z.infer<typeof cell>;

/**
 * Numbers of executions that an observer has in its output: all, those with a complete argument, and two kinds of
 * incomplete ones.
 */
export type Seen = z.infer<typeof seen>;

/** The values of parts of one kind. */
export type DataOf<Kind extends Data['kind']> = Extract<Data, { kind: Kind }>;

/** Rounds to four significant digits, but keeps all digits before the point. Further digits are noise. */
const rounded = (value: number): number => (Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4)));

/** JSON with each list of numbers or strings on one line. */
export function resultText(given: Result): string {
  const text = JSON.stringify(given, (_, value) => (typeof value === 'number' ? rounded(value) : value), 2);
  return `${text.replace(/\[\n\s*([^[\]{}]*?)\n\s*\]/g, (_, list: string) => `[${list.replace(/\n\s*/g, ' ')}]`)}\n`;
}

/** Writes PART.json in the directory, which is created if it is missing. An earlier result is replaced. */
export function writeResult(given: Result, directory: string = resultsDirectory): void {
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, `${given.part}.json`), resultText(given));
}

/** All results in the directory, in the order of the parts. Throws if a file is not a result. */
export function readResults(directory: string = resultsDirectory): Result[] {
  const names = fs.existsSync(directory) ? fs.readdirSync(directory) : [];
  const read = names.map((name) => {
    const each = result.parse(JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8')));
    if (name !== `${each.part}.json`) throw new Error(`${name} has the results of ${each.part}`);
    return each;
  });
  return read.sort((a, b) => parts.indexOf(a.part) - parts.indexOf(b.part));
}
