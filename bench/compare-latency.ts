// The latency from an execution to its line in what the observer writes.

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { newPrefix } from './compare-workloads.ts';
import { type Observer, type ObserverKind, whileObserved } from './observers.ts';
import { inOrderOfRound, median, quantile } from './statistics.ts';
import { fixed, type Table } from './tables.ts';

/** Fewer than the alerts that one rule may raise in a few minutes. */
export const maxProbes = 90;
const patienceMs = 2000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Follower {
  /** Resolves with the time, in milliseconds since 1970, when the text is there; undefined: not in time. */
  waitFor(text: string): Promise<number | undefined>;
}

/** Reads what is appended to a file, each millisecond. */
function follow(file: string): Follower {
  let position = fs.existsSync(file) ? fs.statSync(file).size : 0;
  let text = '';
  const readNew = (): void => {
    if (!fs.existsSync(file)) return;
    const size = fs.statSync(file).size;
    if (size <= position) return;
    const fd = fs.openSync(file, 'r');
    const bytes = Buffer.alloc(size - position);
    position += fs.readSync(fd, bytes, 0, bytes.length, position);
    fs.closeSync(fd);
    text += bytes.toString('utf8');
  };
  return {
    async waitFor(wanted) {
      text = '';
      for (const endMs = Date.now() + patienceMs; Date.now() < endMs; await pause(1)) {
        readNew();
        if (text.includes(wanted)) return Date.now();
      }
      return undefined;
    },
  };
}

/** Runs dpkg once, from a shell that no rule has seen before; resolves with the shell's clock right before it starts dpkg. */
function runProbe(directory: string, name: string): Promise<number> {
  const shell = path.join(directory, name);
  fs.linkSync('/bin/bash', shell);
  const script = 'echo "$EPOCHREALTIME"; dpkg -i "/nonexistent/$0-.deb" 2>/dev/null; :';
  return new Promise((resolve, reject) => {
    execFile(shell, ['-c', script, name], { encoding: 'utf8' }, (error, stdout) => {
      fs.rmSync(shell);
      const seconds = Number(stdout.trim());
      if (error !== null || !(seconds > 0)) reject(error ?? new Error(`no time in ${stdout}`));
      else resolve(seconds * 1000);
    });
  });
}

/** Milliseconds, one an execution; undefined: no line in time. */
async function measureLatency(observer: Observer, probes: number): Promise<(number | undefined)[]> {
  const directory = fs.mkdtempSync('/var/tmp/probes-');
  const latencies: (number | undefined)[] = [];
  const follower = follow(observer.output);
  for (let i = 0; i < probes; i++) {
    const name = `${newPrefix()}-${i}`;
    const [startMs, endMs] = await Promise.all([runProbe(directory, name), follower.waitFor(`${name}-.deb`)]);
    latencies.push(endMs === undefined ? undefined : Math.max(0, endMs - startMs));
    // Not in step with a timer of the observer.
    await pause(50 + Math.random() * 100);
  }
  fs.rmSync(directory, { recursive: true });
  return latencies;
}

export async function compareLatency(
  kinds: readonly ObserverKind[],
  { rounds, probes }: { rounds: number; probes: number },
): Promise<Table> {
  const samples = new Map<ObserverKind, (number | undefined)[]>(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round++) {
    for (const kind of inOrderOfRound(kinds, round)) {
      const taken = await whileObserved(kind, {}, async (observer) =>
        observer === undefined ? [] : measureLatency(observer, probes),
      );
      samples.get(kind)?.push(...taken);
    }
  }
  return {
    title: 'Latency',
    about: [
      "From the shell's clock right before it starts `dpkg -i` until another process has read the line about it: of stepparent",
      'the alert in `alerts.ndjson`, which is committed to the database and synchronised to the disk before; of the peers the record of',
      'the execution in their output. The reader checks the file each millisecond. dpkg is started by a program that is new each time, so that each run is an alert.',
    ],
    columns: ['Observer', 'p50', 'p99', 'Most', 'No line within 2 s'],
    rows: [...samples].map(([kind, all]) => {
      const latencies = all.filter((each) => each !== undefined);
      const ms = [median(latencies), quantile(latencies, 0.99), Math.max(...latencies)].map((each) =>
        fixed(each, 0, 'ms'),
      );
      return [kind.name, ...ms, `${all.length - latencies.length} of ${all.length}`];
    }),
  };
}
