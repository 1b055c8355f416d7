// The latency from an execution to its line in the observer's output.

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { newPrefix } from './compare-workloads.ts';
import { type Observer, type ObserverKind, whileObserved } from './observers.ts';
import type { DataOf } from './results.ts';
import { inOrderOfRound } from './statistics.ts';

const patienceMs = 1000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Follower {
  /** Resolves with the time, in milliseconds since 1970, when the output has the text; undefined: not in time. */
  waitFor(text: string): Promise<number | undefined>;
}

/** Reads appended output every millisecond. */
function follow({ output: file, timeOf }: Observer): Follower {
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
        const readMs = Date.now();
        const line = text
          .split('\n')
          .slice(0, -1)
          .find((each) => each.includes(wanted));
        if (line !== undefined) return timeOf?.(line) ?? readMs;
      }
      return undefined;
    },
  };
}

/**
 * Runs dpkg once, from a shell that no rule has seen before. Resolves with the shell's clock just before it starts
 * dpkg.
 */
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

/** Latencies in milliseconds, one for each execution; undefined: no line in time. */
async function measureLatency(observer: Observer, probes: number): Promise<(number | undefined)[]> {
  const directory = fs.mkdtempSync('/var/tmp/probes-');
  const latencies: (number | undefined)[] = [];
  const follower = follow(observer);
  for (let i = 0; i < probes; i++) {
    const name = `${newPrefix()}-${i}`;
    const [startMs, endMs] = await Promise.all([runProbe(directory, name), follower.waitFor(`${name}-.deb`)]);
    latencies.push(endMs === undefined ? undefined : Math.max(0, endMs - startMs));
    // A random pause, so that executions do not coincide with a timer of the observer.
    await pause(50 + Math.random() * 100);
  }
  fs.rmSync(directory, { recursive: true });
  return latencies;
}

/**
 * Measures each kind with `probes` runs of dpkg in each round. A run whose line does not appear within `patienceMs`
 * counts as missed.
 */
export async function compareLatency(
  kinds: readonly ObserverKind[],
  { rounds, probes }: { rounds: number; probes: number },
): Promise<DataOf<'latency'>> {
  const samples = new Map<ObserverKind, (number | undefined)[][]>(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round++) {
    for (const kind of inOrderOfRound(kinds, round)) {
      const taken = await whileObserved(kind, { isProbed: true }, async (observer) =>
        observer === undefined ? [] : measureLatency(observer, probes),
      );
      samples.get(kind)?.push(taken);
    }
  }
  return {
    kind: 'latency',
    probes,
    patienceMs,
    observers: [...samples].map(([{ name }, taken]) => ({
      name,
      rounds: taken.map((all) => {
        const ms = all.filter((each) => each !== undefined);
        return { ms, missed: all.length - ms.length };
      }),
    })),
  };
}
