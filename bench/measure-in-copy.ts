// Measures, in the Debian system that measure.ts has prepared: every part in turn, and the page at the end.

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
import { type Options, type Part, parseOptions } from './options.ts';
import { type Machine, machineText, pageOf, type Section } from './page.ts';
import { linePlot } from './plot.ts';
import { markdownOf, type Table } from './tables.ts';
import { workloads } from './workloads.ts';

process.once('exit', (code) => fs.writeFileSync(exitCodeFile, `${code}`));

const docs = path.join(import.meta.dirname, '../docs');
const plotFile = 'performance-rates.svg';

const progress = (text: string): void =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

/** Prints a table as soon as it is there: a long run that is broken off has shown what it has. */
function shown(table: Table): Table {
  process.stdout.write(`\n${markdownOf(table)}`);
  return table;
}

const readKey = (file: string, key: RegExp): string => key.exec(fs.readFileSync(file, 'utf8'))?.[1] ?? 'unknown';

const machine: Machine = {
  cpus: os.cpus().length,
  model: os.cpus()[0]?.model.trim() ?? 'unknown',
  memoryGb: Math.round(os.totalmem() / 2 ** 30),
  kernel: os.release(),
  system: readKey('/etc/os-release', /^PRETTY_NAME="(.*)"$/m),
  node: process.version,
  version: readKey(path.join(import.meta.dirname, '../package.json'), /"version": "(.*)"/),
  load: os.loadavg()[0] ?? Number.NaN,
  date: new Date().toISOString().slice(0, 10),
};

const options = parseOptions(process.argv.slice(2));
if ('fault' in options) throw new Error(options.fault);

const missing: string[] = [];
function leftOut(name: string, reason: string): void {
  progress(`not measured: ${name}: ${reason}`);
  // The page has one line of what a command may have written on many.
  missing.push(`${name}: ${reason.split('\n', 1)[0]}`);
}

/** Those that can run here; the others are named with the reason. */
const present = <T extends { name: string; missing(): string | undefined }>(items: readonly T[]): T[] =>
  items.filter((item) => {
    const reason = item.missing();
    if (reason !== undefined) leftOut(item.name, reason);
    return reason === undefined;
  });

const kinds = present(observerKinds(options.against));

async function measureWorkloads({ rounds, afterMs, scale }: Options): Promise<Section> {
  const tables: Table[] = [];
  for (const workload of present(workloads(scale))) {
    progress(workload.name);
    try {
      tables.push(shown(await compareWorkload(workload, kinds, { rounds, afterMs })));
    } catch (error) {
      leftOut(workload.name, error instanceof Error ? error.message : String(error));
    }
  }
  return {
    title: 'Workloads',
    about: [
      'Each round runs every observer once, and nothing (`none`) first and last; each second round runs in reverse order. Time with / without is the',
      'geometric mean, over the rounds, of the time with the observer divided by the mean of both runs without, with its 95 % interval. `none again` is',
      'the second run without divided by the first: the noise floor, which a difference must exceed to be one. Other figures are medians. CPU is that',
      "of the observer's processes and of the kernel's thread for auditd; what the kernel does inside the observed processes is in theirs.",
    ],
    tables,
  };
}

const measureParts: Record<Part, (options: Options) => Promise<Section>> = {
  workloads: measureWorkloads,
  latency: async (chosen) => ({
    title: 'From an execution to its line',
    about: [],
    tables: [shown(await compareLatency(kinds, chosen))],
  }),
  idle: async ({ idleSeconds }) => ({
    title: 'At rest',
    about: [],
    tables: [shown(await compareIdle(kinds, idleSeconds))],
  }),
  async rates({ rateSeconds, ...chosen }) {
    const { table, series } = await compareRates(kinds, { ...chosen, seconds: rateSeconds });
    const axes = { title: 'CPU by rate of executions', x: 'executions a second', y: 'CPU, % of a core' };
    if (options.writes) fs.writeFileSync(path.join(docs, plotFile), linePlot(axes, series));
    return {
      title: 'Loss and cost by rate',
      about: [],
      tables: [shown(table)],
      plot: { file: plotFile, about: 'CPU of each observer by the rate of executions with an argument of 4 KiB' },
    };
  },
  growth: async ({ sizes }) => ({
    title: 'With a large database',
    about: [],
    tables: [shown(await measureGrowth(sizes))],
  }),
};

process.stdout.write(`${machineText(machine)}\n`);
const sections: Section[] = [];
for (const part of options.parts) {
  progress(part);
  sections.push(await measureParts[part](options));
}
if (options.writes) {
  const page = path.join(docs, 'performance.md');
  fs.writeFileSync(page, pageOf(machine, sections, missing));
  progress(`wrote ${page}`);
}
