// `npm run bench`: what the agent costs, beside the same work without it and beside the peers that are installed.
//
// Each round runs every observer once, in turn, so that a host that grows slower is the same for all. "nobody" runs
// twice in each round: the ratio of its two runs is the noise floor, what a difference must exceed to be one.

import '../agent/locked-node.ts';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { noObserver, type ObserverKind, peers, stepparent } from './observers.ts';
import { dpkgRuns, run, shortProcesses, type Workload } from './workloads.ts';

const rounds = Number(process.argv[2] ?? 5);
const idleSeconds = Number(process.argv[3] ?? 60);
const agentMain = path.join(import.meta.dirname, '../agent/main.ts');

if (process.geteuid?.() !== 0 || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write('usage: sudo npm run bench [-- ROUNDS [IDLE_SECONDS]]: needs root, as the agent does\n');
  process.exit(2);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds of CPU, user and system together, of a process and its dead children. */
function cpuMs(pid: number): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return [11, 12, 13, 14].reduce((sum, index) => sum + (fields[index] ?? 0), 0) * 10;
}

/** Megabytes; `VmHWM` is the most that it ever was. */
function memoryMb(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const kb = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb) / 1024;
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};
const spread = (values: readonly number[], digits: number): string =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}..${Math.max(...values).toFixed(digits)})`;

interface Sample {
  seconds: number;
  cpuMs: number | undefined;
  rssMb: number | undefined;
  correct: string | undefined;
}

/** How many of the runs the agent stored with the right arguments and the right parent. */
function countCorrect(directory: string, prefix: string, parents: readonly number[], total: number): string {
  const text = execFileSync(
    process.execPath,
    [agentMain, 'events', '--json', '--limit', String(total * 2), '--config', path.join(directory, 'config.toml')],
    { encoding: 'utf8', maxBuffer: 1 << 30 },
  );
  const seen = new Set<string>();
  for (const line of text.split('\n').filter(Boolean)) {
    const { process: recorded } = JSON.parse(line);
    const [tool, option, file] = recorded?.args ?? [];
    const isCorrect =
      tool === 'dpkg' && option === '-i' && recorded.parent?.name === 'dash' && parents.includes(recorded.parent?.pid);
    if (isCorrect && String(file).startsWith(prefix)) seen.add(file);
  }
  return `${seen.size} of ${total}`;
}

async function sample(kind: ObserverKind, workload: Workload, prefix: string): Promise<Sample> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stepparent-bench-'));
  try {
    const observer = await kind.start(directory);
    try {
      // The one-time work is measured separately, by `measureStart`.
      await observer.settled();
      await pause(1500);
      const before = observer.pid === undefined ? undefined : cpuMs(observer.pid);
      const { seconds, parents } = await run(workload);
      // What is still in the kernel's buffer belongs to this run.
      await pause(1500);
      const { pid } = observer;
      return {
        seconds,
        cpuMs: pid === undefined || before === undefined ? undefined : cpuMs(pid) - before,
        rssMb: pid === undefined ? undefined : memoryMb(pid, 'VmHWM'),
        correct:
          kind === stepparent && workload.name.includes('dpkg')
            ? countCorrect(directory, prefix, parents, workload.perLoop * workload.loops)
            : undefined,
      };
    } finally {
      await observer.stop();
    }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

async function compare(workload: Workload, kinds: readonly ObserverKind[], prefix: string): Promise<void> {
  const columns: { label: string; kind: ObserverKind; samples: Sample[] }[] = [
    { label: 'nobody', kind: noObserver, samples: [] },
    ...kinds.map((kind) => ({ label: kind.name, kind, samples: [] })),
    { label: 'nobody again', kind: noObserver, samples: [] },
  ];
  // The first run of all finds cold caches: it counts for nobody.
  await run(workload);
  for (let round = 0; round < rounds; round++) {
    for (const { kind, samples } of columns) samples.push(await sample(kind, workload, prefix));
  }
  console.log(`\n${workload.name} (${rounds} rounds, median (least..most))`);
  const total = workload.perLoop * workload.loops;
  const base = columns[0]?.samples ?? [];
  for (const { label, samples } of columns) {
    const ratios = samples.map(({ seconds }, i) => seconds / (base[i]?.seconds ?? Number.NaN));
    const cpu = samples.flatMap((one) => (one.cpuMs === undefined ? [] : [(one.cpuMs / total) * 1000]));
    const rss = samples.flatMap((one) => (one.rssMb === undefined ? [] : [one.rssMb]));
    const right = samples.flatMap((one) => (one.correct === undefined ? [] : [one.correct]));
    const parts = [
      `${spread(
        samples.map(({ seconds }) => seconds),
        2,
      )} s`,
      `${spread(ratios, 3)} of nobody`,
      ...(cpu.length > 0 ? [`${spread(cpu, 1)} ms CPU for 1,000`] : []),
      ...(rss.length > 0 ? [`${spread(rss, 1)} MB at most`] : []),
      ...(right.length > 0 ? [`right argv and parent: ${[...new Set(right)].join(', ')}`] : []),
    ];
    console.log(`  ${label.padEnd(13)} ${parts.join(' | ')}`);
  }
}

/** What the agent does on a new database: the start, and the first pass over the maintainer scripts. */
async function measureStart(): Promise<void> {
  const readyMs: number[] = [];
  const settledMs: number[] = [];
  const mostMb: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stepparent-bench-'));
    const { pid = 0, settled, stop } = await stepparent.start(directory);
    const ready = cpuMs(pid);
    await settled();
    readyMs.push(ready);
    settledMs.push(cpuMs(pid) - ready);
    mostMb.push(memoryMb(pid, 'VmHWM'));
    await stop();
    fs.rmSync(directory, { recursive: true, force: true });
  }
  console.log(`\n${stepparent.name} on a new database (${rounds} rounds, median (least..most))`);
  console.log(
    `  until it is ready ${spread(readyMs, 0)} ms CPU | first pass over the scripts ${spread(settledMs, 0)} ms CPU`,
  );
  console.log(`  ${spread(mostMb, 1)} MB at most`);
}

async function idle(kinds: readonly ObserverKind[]): Promise<void> {
  console.log(`\nidle (${idleSeconds} s)`);
  for (const kind of kinds) {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stepparent-bench-'));
    const observer = await kind.start(directory);
    const { pid } = observer;
    if (pid !== undefined) {
      await observer.settled();
      await pause(5000);
      const before = cpuMs(pid);
      await pause(idleSeconds * 1000);
      const share = ((cpuMs(pid) - before) / (idleSeconds * 1000)) * 100;
      console.log(
        `  ${kind.name.padEnd(13)} ${share.toFixed(2)} % of a core | ${memoryMb(pid, 'VmRSS').toFixed(1)} MB`,
      );
    }
    await observer.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

const present = [stepparent, ...peers].filter((kind) => {
  const reason = kind.missing();
  if (reason !== undefined) console.log(`not measured: ${kind.name}: ${reason}`);
  return reason === undefined;
});
console.log(`${os.cpus().length} CPUs (${os.cpus()[0]?.model}), Linux ${os.release()}, Node ${process.version}`);
const prefix = `/nonexistent-${process.pid}`;
await measureStart();
await compare(dpkgRuns(2000, prefix), present, prefix);
await compare(shortProcesses(10_000), present, prefix);
await idle(present);
