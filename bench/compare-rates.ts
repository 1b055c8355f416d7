// The second table: executions at fixed rates and in bursts, with an argument of one length. It shows lost executions,
// cut arguments and CPU.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { newPrefix } from './compare-workloads.ts';
import { type Observer, type ObserverKind, whileObserved } from './observers.ts';
import { cpuMs } from './proc-cost.ts';
import type { Cell, DataOf } from './results.ts';

/** The executions that each observer is measured with. */
export interface RateOptions {
  /** Executions per second. */
  rates: readonly number[];
  seconds: number;
  /** Executions that are made as fast as possible. */
  burst: number;
  /** Characters of the argument. */
  length: number;
  /** How long an observer may take to process its backlog after the executions. */
  workOffSeconds: number;
}

interface Load {
  /** Executions per second; 0: a burst. */
  rate: number;
  count: number;
  length: number;
  workOffSeconds: number;
}

/** Maximum length of an argument: the kernel allows 128 KiB with the terminating byte. */
const maxArgument = 131_071;
/** A program to execute, which exits at once. */
interface Program {
  name: string;
  /** Makes the program available below the directory and returns its path. */
  pathIn(directory: string): string;
  runs(kind: ObserverKind): boolean;
}

const programs: readonly Program[] = [
  {
    // At most 15 characters: the kernel cuts a longer name.
    name: 'exec-bench',
    pathIn(directory) {
      const file = path.join(directory, 'exec-bench');
      fs.mkdirSync(directory);
      fs.copyFileSync('/bin/true', file);
      return file;
    },
    runs: () => true,
  },
  // stepparent reads the arguments of package tools differently from those of other programs; its peers do not.
  { name: 'dpkg', pathIn: () => '/usr/bin/dpkg', runs: ({ keepsEveryExec }) => !keepsEveryExec },
];

/** Makes the executions and discards their standard error. */
async function generate(args: readonly string[]): Promise<{ made: number; seconds: number }> {
  const generator = path.join(import.meta.dirname, 'generate-execs.ts');
  const child = spawn(process.execPath, [generator, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(await text(child.stdout));
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until an observer has processed its backlog: it uses almost no CPU for half a second. False: not in time. */
async function workOff(pids: readonly number[], seconds: number): Promise<boolean> {
  for (let tries = 0; tries < seconds * 2; tries++) {
    const before = cpuMs(pids);
    await pause(500);
    if (cpuMs(pids) - before <= 50) return true;
  }
  return false;
}

async function measureCell(
  observer: Observer,
  program: Program,
  directory: string,
  { rate, count, length, workOffSeconds }: Load,
): Promise<Omit<Cell, 'observer'>> {
  const prefix = newPrefix();
  const file = program.pathIn(path.join(directory, prefix));
  const padding = Math.min(length, maxArgument) - `${prefix}-${count}-`.length;
  const maxSeconds = (rate === 0 ? 0 : count / rate) + workOffSeconds;
  const lostBefore = observer.reportedLost();
  const before = cpuMs(observer.pids);
  const { made, seconds } = await generate([file, prefix, ...[count, rate, padding, maxSeconds].map(String)]);
  const isBehind = !(await workOff(observer.pids, workOffSeconds));
  const spentMs = cpuMs(observer.pids) - before;
  const lostAfter = observer.reportedLost();
  const fault = observer.fault();
  return {
    program: program.name,
    rate,
    made,
    seconds,
    cpuMs: spentMs,
    isBehind,
    ...(fault === undefined ? {} : { fault }),
    seen: await observer.count(prefix, padding),
    ...(lostAfter === undefined ? {} : { reportedLost: lostAfter - (lostBefore ?? 0) }),
  };
}

/** Long arguments fill the disk. An observer's data are removed when it stops. */
const maxStoredBytes = 2e9;

/**
 * Measures all loads in turn. The next cell gets a new observer if the present one is behind, and would take its
 * backlog there, if it has stored so much that it is slow to read, or if it has stopped watching.
 */
async function measureCells(
  kind: ObserverKind,
  program: Program,
  directory: string,
  loads: readonly Load[],
): Promise<Cell[]> {
  const cells: Cell[] = [];
  while (kind.start !== undefined && cells.length < loads.length) {
    await whileObserved(kind, { record: program.name }, async (observer) => {
      if (observer === undefined) return;
      for (const load of loads.slice(cells.length)) {
        const cell = { observer: kind.name, ...(await measureCell(observer, program, directory, load)) };
        cells.push(cell);
        if (cell.isBehind || cell.fault !== undefined || observer.storedBytes() > maxStoredBytes) return;
      }
    });
  }
  return cells;
}

/** Measures each kind at each rate and in a burst, kind by kind. Scratch files are below /var/tmp and are removed. */
export async function compareRates(
  kinds: readonly ObserverKind[],
  { rates, seconds, burst, length, workOffSeconds }: RateOptions,
): Promise<DataOf<'rates'>> {
  const directory = fs.mkdtempSync('/var/tmp/rates-');
  const loads = [...rates.map((rate) => ({ rate, count: rate * seconds })), { rate: 0, count: burst }].map((load) => ({
    ...load,
    length,
    workOffSeconds,
  }));
  const cells: Cell[] = [];
  try {
    for (const kind of kinds) {
      for (const program of programs.filter((each) => each.runs(kind)))
        cells.push(...(await measureCells(kind, program, directory, loads)));
    }
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
  return { kind: 'rates', length, seconds, burst, workOffSeconds, cells };
}
