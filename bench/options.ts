// The options of `npm run bench`.

import path from 'node:path';
import { parseArgs } from 'node:util';

export const usage = `Usage: sudo npm run bench -- [OPTION]...
  --quick          short runs with few rounds: all tables in some minutes; docs/performance.md is not written
  --rounds N       rounds of each workload (default: 8)
  --seconds N      seconds at each fixed rate (default: 60)
  --idle N         seconds that each observer idles (default: 60)
  --against DIR    also measure the agent of another checkout, in the same rounds
  --only PARTS     only these parts, with commas between: workloads, latency, idle, rates, growth; nothing is written`;

const parts = ['workloads', 'latency', 'idle', 'rates', 'growth'] as const;
export type Part = (typeof parts)[number];

export interface Options {
  parts: ReadonlySet<Part>;
  /** Whether the page is written. */
  writes: boolean;
  rounds: number;
  /** Of the loops of workloads; 1 is the full size. */
  scale: number;
  /** After a workload, until its costs are read. */
  afterMs: number;
  probes: number;
  idleSeconds: number;
  rates: readonly number[];
  rateSeconds: number;
  burst: number;
  /** After a burst, for an observer that is behind. */
  workOffSeconds: number;
  /** Characters of an argument. */
  lengths: readonly number[];
  /** Events and terms of the growth table. */
  sizes: readonly number[];
  against: string | undefined;
}

const full = {
  rounds: 8,
  scale: 1,
  afterMs: 1500,
  probes: 50,
  idleSeconds: 60,
  rates: [100, 200, 400, 800, 1600],
  rateSeconds: 60,
  burst: 20_000,
  workOffSeconds: 60,
  lengths: [200, 4096, 131_071],
  sizes: [10_000, 100_000, 1_000_000],
};

const quick: typeof full = {
  rounds: 1,
  scale: 0.2,
  afterMs: 700,
  probes: 10,
  idleSeconds: 3,
  rates: [100, 1600],
  rateSeconds: 2,
  burst: 1000,
  workOffSeconds: 10,
  lengths: [200, 4096, 131_071],
  sizes: [1000, 10_000],
};

const isPart = (text: string): text is Part => parts.some((part) => part === text);

/** `fault`: why the arguments are refused. */
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
    const chosen = values.only?.split(',') ?? [...parts];
    const unknown = chosen.find((each) => !isPart(each));
    if (unknown !== undefined) return { fault: `no such part: ${unknown}` };
    const preset = values.quick ? quick : full;
    const numberOr = (text: string | undefined, otherwise: number) => (text === undefined ? otherwise : Number(text));
    return {
      ...preset,
      parts: new Set(chosen.filter(isPart)),
      writes: !values.quick && values.only === undefined,
      rounds: numberOr(values.rounds, preset.rounds),
      rateSeconds: numberOr(values.seconds, preset.rateSeconds),
      idleSeconds: numberOr(values.idle, preset.idleSeconds),
      against: values.against === undefined ? undefined : path.resolve(values.against),
    };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}
