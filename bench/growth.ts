// The growth table: the cost of an event, the start, each hunt and `alerts` with a database of many events and terms.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { alertId } from '../collectors/event/alert-id.ts';
import { ecsVersion, type StepparentEvent } from '../collectors/event/event.ts';
import { openHost } from '../collectors/host/host.ts';
import { hostTables } from '../collectors/host-tables/host-tables.ts';
import { buildAlert } from '../detectors/alert.ts';
import { readHunts, shippedHunts } from '../detectors/hunts/load-hunts.ts';
import type { JudgedEvent } from '../detectors/judge.ts';
import { readRules } from '../detectors/rules/load-rules.ts';
import type { Rule } from '../detectors/rules/rule.ts';
import { openQueryDatabase } from '../storage/query-database.ts';
import { openStore, type Store } from '../storage/store.ts';
import { startAgent } from './observers.ts';
import { cpuMs } from './proc-cost.ts';
import type { DataOf } from './results.ts';
import { median } from './statistics.ts';

const batch = 64;
/** The events are within each hunt's window, so that a hunt reads all of them. */
const spanMs = 6 * 86_400_000;
const packages = 3000;
const kinds = ['postinst', 'prerm', 'list', 'md5sums', 'triggers', 'shlibs'];
const tools = ['systemctl', 'chmod', 'chown', 'mkdir', 'rm', 'update-rc.d', 'getent', 'sed', 'grep', 'id'];
const ancestors = ['dpkg', 'apt-get', 'bash', 'sudo', 'bash', 'sshd'];
/** One in this many events raises an alert. */
const eventsForAlert = 1000;

const host = { name: 'bench', hostname: 'bench', id: '0'.repeat(32), architecture: 'x86_64', os: { type: 'linux' } };
const agent = { id: '01234567-89ab-cdef-0123-456789abcdef', type: 'stepparent', version: '0.1.0' };

/** An event as at installations: half are files in dpkg's directory, half are programs that package scripts run. */
function eventOf(i: number, timeMs: number): StepparentEvent {
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
      lineage: ancestors.map((ancestor, n) => ({
        entity_id: `${n}-9`,
        pid: n + 1,
        executable: `/usr/bin/${ancestor}`,
        name: ancestor,
      })),
      ...(isFile
        ? {}
        : { lifecycle_script: { manager: 'dpkg', path: script, package: pkg, phase: 'postinst', depth: 1 } as const }),
    },
  };
}

/** An event with one new term of one rule; few such events raise an alert. */
function judgedEvent(i: number, timeMs: number, rules: readonly Rule[]): JudgedEvent {
  const event = eventOf(i, timeMs);
  const rule = rules[i % rules.length];
  if (rule === undefined) throw new Error('no rule learns terms');
  const verdict = { rule, terms: rule.termFields.map((field) => `${field} ${i}`) };
  const alert = () => buildAlert({ event, verdict, state: 'open', id: alertId(`bench-${i}`, rule.id) });
  const isAlert = i % eventsForAlert === 0;
  return {
    event,
    scope: '',
    verdicts: [{ verdict, alert: isAlert ? alert : undefined, known: !isAlert, alerting: isAlert }],
  };
}

/**
 * Fills the store with events `from` to `to` and one term for each. Only this function depends on the contents of a
 * store.
 */
function fillStore(store: Store, from: number, to: number, rules: readonly Rule[]): void {
  const nowMs = Date.now();
  for (let i = from; i < to; i += batch) {
    const events = Array.from({ length: Math.min(batch, to - i) }, (_, n) =>
      judgedEvent(i + n, nowMs - spanMs * (1 - (i + n) / (to + 1)), rules),
    );
    store.record(events, nowMs);
  }
}

const shippedRules = path.join(import.meta.dirname, '../detectors/rules');
const checkout = path.join(import.meta.dirname, '..');
const repeats = 3;

const medianMs = (work: () => void): number =>
  median(
    Array.from({ length: repeats }, () => {
      const begin = performance.now();
      work();
      return performance.now() - begin;
    }),
  );

function huntCosts(file: string): { id: string; ms: number }[] {
  const database = openQueryDatabase(file, hostTables(openHost()));
  try {
    return readHunts([shippedHunts]).hunts.map(({ id, sql, windowMs, limit }) => ({
      id,
      ms: medianMs(() => {
        const now = Date.now();
        let rows = 0;
        for (const _ of database.ask(sql, { since: now - windowMs, now }).rows) if (++rows >= limit) break;
      }),
    }));
  } finally {
    database.close();
  }
}

const moreEvents = 50 * batch;

type Costs = Omit<DataOf<'growth'>['sizes'][number], 'rows'>;

async function costsWith(rows: number): Promise<Costs> {
  const directory = fs.mkdtempSync('/var/tmp/growth-');
  try {
    const file = path.join(directory, 'state/stepparent.db');
    const rules = readRules([shippedRules]).rules.filter(({ type }) => type === 'new_terms');
    const store = openStore(file);
    fillStore(store, 0, rows, rules);
    const begin = performance.now();
    fillStore(store, rows, rows + moreEvents, rules);
    const eventMicroseconds = ((performance.now() - begin) * 1000) / moreEvents;
    store.close();
    const bytes = fs.statSync(file).size;
    const hunts = huntCosts(file);
    const {
      child,
      readySeconds: startSeconds,
      command,
    } = await startAgent(checkout, directory, ['[alerts]\njournald = false', '[hunts]\ninterval = "off"']);
    try {
      const startCpuMs = cpuMs([child.pid ?? 0]);
      const alertsMs = medianMs(() => void execFileSync(process.execPath, command('alerts'), { stdio: 'pipe' }));
      return { bytes, eventMicroseconds, startSeconds, startCpuMs, hunts, alertsMs };
    } finally {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Measures the agent with a database of each size, one after another. The databases are below /var/tmp and are removed.
 */
export async function measureGrowth(sizes: readonly number[]): Promise<DataOf<'growth'>> {
  const measured: DataOf<'growth'>['sizes'] = [];
  for (const rows of sizes) measured.push({ rows, ...(await costsWith(rows)) });
  return { kind: 'growth', repeats, sizes: measured };
}
