// `npm run bench:hunts [-- EVENTS]`: how large the database gets, and how long each hunt takes, with a million events.
//
// Twice: within the bound that an agent has by default, where the oldest events go, and without one, where all stay. Events
// are like those that the collectors make of installations: half of them files in dpkg's directory, half programs that
// packages' scripts run. Figures are of one run; the machine's other work is in them.

import '../agent/locked-node.ts';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ecsVersion, type StepparentEvent } from '../collectors/event/event.ts';
import { openHost } from '../collectors/host/host.ts';
import { hostTables } from '../collectors/host-tables/host-tables.ts';
import { readHunts, shippedHunts } from '../detectors/hunts/load-hunts.ts';
import { limits } from '../storage/limits.ts';
import type { PruneLimits } from '../storage/prune.ts';
import { openQueryDatabase } from '../storage/query-database.ts';
import { openStore, type Store } from '../storage/store.ts';

const total = Number(process.argv[2] ?? 1_000_000);
if (!Number.isInteger(total) || total < 1) {
  process.stderr.write('usage: npm run bench:hunts [-- EVENTS]\n');
  process.exit(2);
}

const batch = 64;
const pruneEvery = 4096;
/** The events lie within a hunt's window, so that every one of them is looked at. */
const spanMs = 6 * 86_400_000;
const startMs = Date.now() - spanMs;
const packages = 3000;
const kinds = ['postinst', 'prerm', 'list', 'md5sums', 'triggers', 'shlibs'];
const tools = ['systemctl', 'chmod', 'chown', 'mkdir', 'rm', 'update-rc.d', 'getent', 'sed', 'grep', 'id'];

const host = { name: 'bench', hostname: 'bench', id: '0'.repeat(32), architecture: 'x86_64', os: { type: 'linux' } };
const agent = { id: '01234567-89ab-cdef-0123-456789abcdef', type: 'stepparent', version: '0.1.0' };
const lineage = [
  '/usr/bin/dpkg',
  '/usr/bin/apt-get',
  '/usr/bin/bash',
  '/usr/bin/sudo',
  '/usr/bin/bash',
  '/usr/sbin/sshd',
];

function eventOf(i: number): StepparentEvent {
  const timeMs = startMs + (i / total) * spanMs;
  const pkg = `package-${(i * 7919) % packages}`;
  const isFile = i % 2 === 0;
  const script = `/var/lib/dpkg/info/${pkg}.postinst`;
  const name = `${pkg}.${kinds[i % kinds.length]}`;
  const executable = isFile ? '/usr/bin/dpkg' : `/usr/bin/${tools[i % tools.length]}`;
  const args = isFile ? ['dpkg', '--unpack', `${pkg}.deb`] : [executable, `--of=${pkg}`, `${i % 20}`];
  return {
    '@timestamp': new Date(timeMs).toISOString(),
    ecs: { version: ecsVersion },
    event: {
      id: `bench-${i}`,
      kind: 'event',
      category: [isFile ? 'file' : 'process'],
      type: [isFile ? 'creation' : 'start'],
      action: isFile ? 'creation' : 'exec',
      module: 'stepparent',
    },
    host,
    agent,
    process: {
      pid: 1000 + (i % 30_000),
      entity_id: `${i}-1000`,
      executable,
      args,
      command_line: args.join(' '),
      name: path.basename(executable),
      parent: { pid: 999, executable: isFile ? '/usr/bin/apt-get' : script, command_line: `${script} configure` },
    },
    user: { id: '0', name: 'root' },
    ...(isFile
      ? { file: { path: `/var/lib/dpkg/info/${name}`, name, directory: '/var/lib/dpkg/info', size: 100, mode: '0755' } }
      : {}),
    stepparent: {
      lineage: lineage.map((each, n) => ({
        entity_id: `${n}-9`,
        pid: n + 1,
        executable: each,
        name: path.basename(each),
      })),
      ...(isFile
        ? {}
        : { lifecycle_script: { manager: 'dpkg', path: script, package: pkg, phase: 'postinst', depth: 1 } as const }),
    },
  };
}

const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);
const progress = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

function pruneAll(store: Store, bounds: PruneLimits): void {
  while (store.prune(Date.now(), bounds).more);
}

function fill(store: Store, file: string, bounds: PruneLimits): number {
  let largestBytes = 0;
  for (let i = 0; i < total; i += batch) {
    const events = Array.from({ length: Math.min(batch, total - i) }, (_, n) => eventOf(i + n));
    store.record(
      events.map((event) => ({ event, scope: '', verdicts: [] })),
      Date.now(),
    );
    if (i % pruneEvery !== 0) continue;
    pruneAll(store, bounds);
    largestBytes = Math.max(largestBytes, fs.statSync(file).size);
  }
  pruneAll(store, bounds);
  return largestBytes;
}

function hunt(file: string): void {
  const database = openQueryDatabase(file, hostTables(openHost()));
  for (const { id, sql, windowMs, limit } of readHunts([shippedHunts]).hunts) {
    const times = [1, 2, 3].map(() => {
      const began = performance.now();
      const cpu = process.cpuUsage();
      const now = Date.now();
      let rows = 0;
      for (const _ of database.ask(sql, { since: now - windowMs, now }).rows) if (++rows >= limit) break;
      const { user, system } = process.cpuUsage(cpu);
      return { ms: performance.now() - began, cpuMs: (user + system) / 1000, rows };
    });
    progress(
      `  ${id.padEnd(32)} ${times.map(({ ms, cpuMs }) => `${ms.toFixed(0)} ms (CPU ${cpuMs.toFixed(0)})`).join(', ')} (${times[0]?.rows} rows)`,
    );
  }
  database.close();
}

for (const maxBytes of [limits.maxBytes, Number.MAX_SAFE_INTEGER]) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stepparent-bench-'));
  try {
    const file = path.join(directory, 'stepparent.db');
    const store = openStore(file);
    const began = performance.now();
    const largest = fill(store, file, { maxBytes });
    const seconds = (performance.now() - began) / 1000;
    const bound = maxBytes === limits.maxBytes ? `a bound of ${megabytes(maxBytes)} MiB` : 'no bound';
    progress(`${total} events with ${bound}: ${((1e6 * seconds) / total).toFixed(0)} µs each`);
    const { events, sizeBytes } = store.status();
    progress(
      `  file ${megabytes(fs.statSync(file).size)} MiB, at most ${megabytes(largest)}; with its log ${megabytes(sizeBytes)}; ${events} events`,
    );
    hunt(file);
    if (maxBytes === limits.maxBytes) {
      pruneAll(store, { maxBytes: maxBytes / 4 });
      store.close();
      progress(
        `  with a bound of ${megabytes(maxBytes / 4)} MiB it shrinks to ${megabytes(fs.statSync(file).size)} MiB`,
      );
    } else store.close();
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}
