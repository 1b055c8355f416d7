// Measures every part in turn in the Debian system that measure.ts prepared, and writes the results of each part as
// soon as it ends.

import '../agent/locked-node.ts';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { compareLatency } from './compare-latency.ts';
import { compareRates } from './compare-rates.ts';
import { compareIdle, compareWorkload } from './compare-workloads.ts';
import { exitCodeFile } from './debian-root.ts';
import { measureGrowth } from './growth.ts';
import { observerKinds } from './observers.ts';
import { type Options, type Part, parseOptions, roundsOf } from './options.ts';
import { fullTable } from './page.ts';
import { type Data, type Machine, writeResult } from './results.ts';
import { markdownOf } from './tables.ts';
import { workloads } from './workloads.ts';

process.once('exit', (code) => fs.writeFileSync(exitCodeFile, `${code}`));

const progress = (text: string): void =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

const readKey = (file: string, key: RegExp): string => key.exec(fs.readFileSync(file, 'utf8'))?.[1] ?? 'unknown';

const machine: Machine = {
  cpus: os.cpus().length,
  model: os.cpus()[0]?.model.trim() ?? 'unknown',
  memoryGb: Math.round(os.totalmem() / 2 ** 30),
  kernel: os.release(),
  system: readKey('/etc/os-release', /^PRETTY_NAME="(.*)"$/m),
  node: process.version,
};
const version = readKey(path.join(import.meta.dirname, '../package.json'), /"version": "(.*)"/);

const [commit = 'unknown', ...args] = process.argv.slice(2);
const options = parseOptions(args);
if ('fault' in options) throw new Error(options.fault);

const all = observerKinds(options.against).map((kind) => ({ kind, reason: kind.missing() }));
const kinds = all.filter(({ reason }) => reason === undefined).map(({ kind }) => kind);
const missing = all.flatMap(({ kind, reason }) => (reason === undefined ? [] : [`${kind.name}, as ${reason}`]));
for (const each of missing) progress(`not measured: ${each}`);

/** The measurement of one part. `rounds`: absent if the part has no rounds. */
interface Measurement {
  rounds?: number;
  measure(): Promise<Data>;
}

function workloadMeasurement(part: keyof ReturnType<typeof workloads>, chosen: Options): Measurement {
  const { afterMs, scale } = chosen;
  const rounds = roundsOf(chosen, part);
  const workload = workloads(scale)[part];
  return {
    rounds,
    async measure() {
      const reason = workload.missing();
      if (reason !== undefined) throw new Error(reason);
      return compareWorkload(workload, kinds, { rounds, afterMs });
    },
  };
}

function ratesMeasurement(length: number, { rates, rateSeconds, burst, workOffSeconds }: Options): Measurement {
  return { measure: () => compareRates(kinds, { rates, seconds: rateSeconds, burst, length, workOffSeconds }) };
}

const measurements: Record<Part, (chosen: Options) => Measurement> = {
  apt: (chosen) => workloadMeasurement('apt', chosen),
  dnf: (chosen) => workloadMeasurement('dnf', chosen),
  compile: (chosen) => workloadMeasurement('compile', chosen),
  dpkg: (chosen) => workloadMeasurement('dpkg', chosen),
  processes: (chosen) => workloadMeasurement('processes', chosen),
  latency(chosen) {
    const { probes } = chosen;
    const rounds = roundsOf(chosen, 'latency');
    return { rounds, measure: () => compareLatency(kinds, { rounds, probes }) };
  },
  idle(chosen) {
    const rounds = roundsOf(chosen, 'idle');
    return { rounds, measure: () => compareIdle(kinds, { rounds, seconds: chosen.idleSeconds }) };
  },
  'rates-200': (chosen) => ratesMeasurement(200, chosen),
  'rates-4k': (chosen) => ratesMeasurement(4096, chosen),
  'rates-128k': (chosen) => ratesMeasurement(131_071, chosen),
  growth: ({ sizes }) => ({ measure: () => measureGrowth(sizes) }),
};

/** Measures a part and prints its table. False: the part could not be measured. */
async function measurePart(part: Part, { rounds, measure }: Measurement, writes: boolean): Promise<boolean> {
  progress(part);
  const load = os.loadavg()[0] ?? Number.NaN;
  const date = new Date().toISOString().slice(0, 10);
  const begin = performance.now();
  try {
    const data = await measure();
    const minutes = (performance.now() - begin) / 60_000;
    const taken = { part, date, version, commit, minutes, load, ...(rounds === undefined ? {} : { rounds }) };
    // The growth table has no observers.
    const result = { ...taken, machine, missing: data.kind === 'growth' ? [] : missing, data };
    if (writes) writeResult(result);
    process.stdout.write(`\n${markdownOf(fullTable(result))}`);
    return true;
  } catch (error) {
    progress(`not measured: ${part}: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

const measured: boolean[] = [];
for (const part of options.parts) measured.push(await measurePart(part, measurements[part](options), options.writes));
if (measured.includes(false)) process.exitCode = 1;
