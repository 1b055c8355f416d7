// The parts of the benchmark and the options of `npm run bench`.

import path from 'node:path';
import { parseArgs } from 'node:util';

/** The parts. Each has a file of results and can be measured without the others. */
export const parts = [
  'apt',
  'dnf',
  'compile',
  'dpkg',
  'processes',
  'latency',
  'idle',
  'rates-200',
  'rates-4k',
  'rates-128k',
  'growth',
] as const;
export type Part = (typeof parts)[number];

const groups: ReadonlyMap<string, readonly Part[]> = new Map([
  ['workloads', ['apt', 'dnf', 'compile', 'dpkg', 'processes']],
  ['rates', ['rates-200', 'rates-4k', 'rates-128k']],
]);

/** The text that `--help` prints, also printed after wrong options. */
export const usage = `Usage: sudo npm run bench -- [OPTION]...
  --only PARTS     measure only these parts, separated by commas: ${parts.slice(0, 5).join(', ')} (all five: workloads),
                   ${parts.slice(5, 7).join(', ')}, ${parts.slice(7, 10).join(', ')} (all three: rates), growth
  --quick          one short round of each part; nothing is written
  --rounds N       rounds of each part that has rounds (default: 8 for apt, 3 for latency, 2 for idle, 4 for the others)
  --seconds N      seconds at each fixed rate (default: 8)
  --idle N         seconds that each observer idles in a round (default: 30)
  --against DIR    also measure the agent of another checkout, in the same rounds; nothing is written

Each part writes bench/results/PART.json when it ends. The page docs/performance.md is composed from all parts that are there.`;

/** The options of a run, with the defaults of the full or the quick run filled in. */
export interface Options {
  parts: ReadonlySet<Part>;
  /** Whether results and the page are written. */
  writes: boolean;
  /** Undefined: the default of the part. */
  rounds: number | undefined;
  /** Size of the loops of workloads; 1 is the full size. */
  scale: number;
  /** Pause after a workload before its costs are read. */
  afterMs: number;
  probes: number;
  idleSeconds: number;
  rates: readonly number[];
  rateSeconds: number;
  burst: number;
  /** Maximum time after a burst for an observer that is behind. */
  workOffSeconds: number;
  /** Numbers of events and terms in the growth table. */
  sizes: readonly number[];
  against: string | undefined;
}

const full = {
  scale: 1,
  afterMs: 1500,
  probes: 50,
  idleSeconds: 30,
  rates: [100, 200, 400, 800, 1600],
  rateSeconds: 8,
  burst: 20_000,
  workOffSeconds: 30,
  sizes: [10_000, 100_000, 1_000_000],
};

const quick: typeof full = {
  scale: 0.2,
  afterMs: 700,
  probes: 10,
  idleSeconds: 3,
  rates: [100, 1600],
  rateSeconds: 2,
  burst: 1000,
  workOffSeconds: 10,
  sizes: [1000, 10_000],
};

const ownRounds: Partial<Record<Part, number>> = { apt: 8, latency: 3, idle: 2 };
const otherRounds = 4;

/** The rounds that a part is measured for: those of the option `--rounds`, else the default of the part. */
export const roundsOf = ({ rounds }: Options, part: Part): number => rounds ?? ownRounds[part] ?? otherRounds;

const isPart = (text: string): text is Part => parts.some((part) => part === text);

/** Parses the arguments. `fault`: why they are rejected. */
export function parseOptions(args: readonly string[]): Options | { fault: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        idle: { type: 'string' },
        against: { type: 'string' },
        only: { type: 'string' },
      },
    });
    const numbers = [values.rounds, values.seconds, values.idle].filter((each) => each !== undefined);
    const wrong = numbers.find((each) => !/^[1-9]\d{0,5}$/.test(each));
    if (wrong !== undefined) return { fault: `not a positive whole number: ${wrong}` };
    const only = values.only?.split(',');
    const chosen: readonly string[] = only?.flatMap((name): readonly string[] => groups.get(name) ?? [name]) ?? parts;
    const unknown = chosen.find((each) => !isPart(each));
    if (unknown !== undefined) return { fault: `no such part: ${unknown}` };
    const preset = values.quick ? quick : full;
    const numberOr = (text: string | undefined, otherwise: number) => (text === undefined ? otherwise : Number(text));
    return {
      ...preset,
      parts: new Set(chosen.filter(isPart)),
      writes: !values.quick && values.against === undefined,
      rounds: values.rounds === undefined ? (values.quick ? 1 : undefined) : Number(values.rounds),
      rateSeconds: numberOr(values.seconds, preset.rateSeconds),
      idleSeconds: numberOr(values.idle, preset.idleSeconds),
      against: values.against === undefined ? undefined : path.resolve(values.against),
    };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}
