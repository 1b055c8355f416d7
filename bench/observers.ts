// The observers of workloads as one table: none, stepparent, and its peers.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import Database from 'better-sqlite3';
import { type Journal, startJournal } from './journal.ts';
import { childrenOf, cpuMs, kernelThread, sizeOf } from './proc-cost.ts';
import type { Seen } from './results.ts';
import { createCount, type ParseLine, parseAudit, parseBpftrace, parseLaurel, parseStepparent } from './sightings.ts';
import { inPath } from './workloads.ts';

/** A program that watches processes while a workload runs. */
export interface Observer {
  /** The processes that its CPU and memory are measured of; for auditd also the kernel's thread. */
  pids: readonly number[];
  /** The file in which a line appears for each run of a package tool. */
  output: string;
  /**
   * The time of a line of the output, in milliseconds since 1970; absent: the time when the line can be read counts.
   */
  timeOf?(line: string): number;
  /** Bytes that it has stored so far. */
  storedBytes(): number;
  /** Number of executions that it has reported as lost since its start; undefined: it does not count them. */
  reportedLost(): number | undefined;
  /** Counts the executions with this prefix in its output; all of them were made since the last call. */
  count(prefix: string, padding: number): Promise<Seen>;
  /** Why it no longer watches; undefined: it still watches. */
  fault(): string | undefined;
  /** Stops it and undoes its changes to the host. */
  stop(): Promise<void>;
}

/** An observer that the benchmark can start, or the absence of one as the base of comparison. */
export interface ObserverKind {
  name: string;
  /** Starts the observer; undefined: no observer. */
  start: ((directory: string, settings: Settings) => Promise<Observer>) | undefined;
  /** Why it cannot run here; undefined: it can. */
  missing(): string | undefined;
  /** False: in its default configuration it stores only package operations. */
  keepsEveryExec: boolean;
}

/** How an observer is configured for one measurement. */
export interface Settings {
  /** A program of which stepparent stores every run, as its peers do; undefined: the default configuration. */
  record?: string;
  /**
   * Whether every record is written at once: by stepparent to a journal, which is then its output, by auditd without
   * waiting for more records.
   */
  isProbed?: boolean;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const faultOf = ({ exitCode, signalCode }: ChildProcess): string | undefined =>
  exitCode === null && signalCode === null ? undefined : `ended with ${signalCode ?? exitCode}`;

const endMs = 30_000;

/** Stops a child process; a child that is still processing its backlog is killed after a while. */
async function end(child: ChildProcess): Promise<void> {
  if (faultOf(child) !== undefined) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), endMs);
  await exited;
  clearTimeout(timer);
}

function start(program: string, args: readonly string[], output: string): ChildProcess {
  const fd = fs.openSync(output, 'a', 0o600);
  const child = spawn(program, args, { stdio: ['ignore', fd, fd] });
  fs.closeSync(fd);
  return child;
}

/** Waits until `isReady`. Throws with the output of the child if it ends before. */
async function waitUntil(what: string, child: ChildProcess, output: string, isReady: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1200; tries++) {
    if (isReady()) return;
    if (child.exitCode !== null) throw new Error(`${what} ended: ${readText(output).slice(-2000)}`);
    await pause(50);
  }
  await end(child);
  throw new Error(`${what} did not begin within a minute`);
}

const readText = (file: string): string => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');

async function countLines(
  input: NodeJS.ReadableStream,
  parse: ParseLine,
  prefix: string,
  padding: number,
): Promise<Seen> {
  const count = createCount(padding);
  for await (const line of readline.createInterface({ input })) {
    const sighting = parse(line, prefix);
    if (sighting !== undefined) count.add(sighting);
  }
  return count.result();
}

/** Counts executions in the part of a file that was appended since the last call. */
function countAppended(file: string, parse: ParseLine): Observer['count'] {
  let position = 0;
  return async (prefix, padding) => {
    const { size } = fs.statSync(file);
    if (size === position) return createCount(padding).result();
    const input = fs.createReadStream(file, { start: position, end: size - 1 });
    position = size;
    return countLines(input, parse, prefix, padding);
  };
}

const quietMs = 20;
const steadyAfterSeconds = 3;
const settleSeconds = 10;

/**
 * Waits until an observer has finished its work at the start: a second costs almost no CPU or, if it polls, as much as
 * the second before.
 */
async function settle(pids: readonly number[]): Promise<void> {
  let lastMs = Number.POSITIVE_INFINITY;
  for (let second = 1; second <= settleSeconds; second++) {
    const before = cpuMs(pids);
    await pause(1000);
    const ms = cpuMs(pids) - before;
    if (ms < quietMs || (second > steadyAfterSeconds && Math.abs(ms - lastMs) <= quietMs)) return;
    lastMs = ms;
  }
}

/** Maximum number of events that `events` lists. */
const maxListed = '1000000';

interface AgentKind {
  name: string;
  /** The checkout of the agent. */
  checkout: string;
  /** Further lines of the configuration. */
  toml: string;
}

/** An agent of one checkout that the benchmark has started. */
export interface StartedAgent {
  child: ChildProcess;
  /** Time from the start of the process until it is ready. */
  readySeconds: number;
  /** The arguments of Node that run a command with this agent's checkout and configuration. */
  command(...args: string[]): string[];
}

/** Starts the real agent as `npm start` does, with its directories below `directory`. */
export async function startAgent(checkout: string, directory: string, toml: readonly string[]): Promise<StartedAgent> {
  const config = path.join(directory, 'config.toml');
  const lines = [
    ...['state', 'logs', 'runtime'].map((each) => `directories.${each} = "${path.join(directory, each)}"`),
    // The largest runs must not be pruned.
    '[retention]\nmax_mib = 100000',
    ...toml,
  ];
  fs.writeFileSync(config, `${lines.join('\n')}\n`);
  const messages = path.join(directory, 'agent.out');
  const begin = performance.now();
  const child = start('sh', [path.join(checkout, 'agent/start.sh'), '--config', config], messages);
  await waitUntil('stepparent', child, messages, () => /^ready /m.test(readText(messages)));
  return {
    child,
    readySeconds: (performance.now() - begin) / 1000,
    command: (...args) => [path.join(checkout, 'agent/main.ts'), ...args, '--config', config],
  };
}

const agent = ({ name, checkout, toml }: AgentKind): ObserverKind => ({
  name,
  keepsEveryExec: false,
  missing: () => undefined,
  async start(directory, { record, isProbed }) {
    const events = record === undefined ? [] : [`[events]\nstore = 'process.name:${record}'`];
    const journal: Journal | undefined = isProbed ? await startJournal(directory) : undefined;
    const { child, command } = await startAgent(checkout, directory, [
      `[alerts]\njournald = ${journal !== undefined}`,
      ...events,
      toml,
    ]);
    const pids = [child.pid ?? 0];
    await settle(pids);
    const alerts = path.join(directory, 'logs/alerts.ndjson');
    return {
      pids,
      output: journal?.output ?? alerts,
      ...(journal === undefined ? {} : { timeOf: journal.timeOf }),
      storedBytes: () =>
        databaseBytes(path.join(directory, 'state/stepparent.db')) +
        (fs.existsSync(alerts) ? fs.statSync(alerts).size : 0),
      reportedLost() {
        const text = execFileSync(process.execPath, command('status', '--json'), { encoding: 'utf8' });
        const { sensor, uncommitted } = JSON.parse(text);
        const lost = sensor?.lost_events + uncommitted?.dropped;
        // Another checkout may have another name for this count.
        return Number.isFinite(lost) ? lost : undefined;
      },
      async count(prefix, padding) {
        const args = command('events', '--json', '--limit', maxListed);
        const listing = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
        const exited = new Promise((resolve) => listing.once('exit', resolve));
        const seen = await countLines(listing.stdout, parseStepparent, prefix, padding);
        if ((await exited) !== 0) throw new Error('stepparent events failed');
        return seen;
      },
      fault: () => faultOf(child),
      async stop() {
        await end(child);
        await journal?.stop();
      },
    };
  },
});

/**
 * Bytes of the pages in use, including the write-ahead log. File sizes would depend on when SQLite writes the log back.
 */
function databaseBytes(file: string): number {
  const db = new Database(file, { readonly: true });
  try {
    const read = (name: string) => Number(db.pragma(name, { simple: true }));
    return (read('page_count') - read('freelist_count')) * read('page_size');
  } finally {
    db.close();
  }
}

const bpftrace: ObserverKind = {
  name: 'bpftrace on execve',
  keepsEveryExec: true,
  missing: () => (inPath('bpftrace') ? undefined : 'bpftrace is not installed'),
  async start(directory) {
    const output = path.join(directory, 'bpftrace.out');
    const probe = 'tracepoint:syscalls:sys_enter_execve { printf("%d ", pid); join(args->argv); }';
    const script = `BEGIN { printf("ready\\n"); } ${probe}`;
    // Lines are written at once, as by the other observers; bpftrace's own buffer would add to its latency.
    const child = start(inPath('bpftrace') ?? '', ['-B', 'line', '-e', script], output);
    await waitUntil('bpftrace', child, output, () => /^ready/m.test(readText(output)));
    const pids = [child.pid ?? 0];
    await settle(pids);
    return {
      pids,
      output,
      storedBytes: () => fs.statSync(output).size,
      reportedLost: () =>
        [...readText(output).matchAll(/^Lost (\d+) events/gm)].reduce((total, [, lost]) => total + Number(lost), 0),
      count: countAppended(output, parseBpftrace),
      fault: () => faultOf(child),
      stop: () => end(child),
    };
  },
};

const auditKey = 'stepparent-bench';
const auditctl = (...args: string[]): string =>
  execFileSync(inPath('auditctl') ?? '', args, { encoding: 'utf8', stdio: 'pipe' });

/**
 * The rules of auditd for the events that stepparent observes: executions, and changes in the package databases of the
 * system.
 */
const auditRules = (): string[][] => [
  ['-a', 'always,exit', '-F', 'arch=b64', '-S', 'execve,execveat', '-k', auditKey],
  ...['/var/lib/dpkg', '/var/lib/rpm', '/usr/lib/sysimage/rpm']
    .filter((directory) => fs.existsSync(directory) && !fs.lstatSync(directory).isSymbolicLink())
    .map((directory) => ['-a', 'always,exit', '-F', `dir=${directory}`, '-F', 'perm=wa', '-k', auditKey]),
];

function auditMissing(): string | undefined {
  if (!inPath('auditd') || !inPath('auditctl')) return 'auditd is not installed';
  const owner = /^pid (\d+)$/m.exec(auditctl('-s'))?.[1];
  return owner === '0' ? undefined : 'an audit daemon already runs on this host';
}

/** Why the kernel no longer records for this daemon; undefined: it does. */
function auditFault(pid: number | undefined): string | undefined {
  const text = auditctl('-s');
  if (!/^enabled 1$/m.test(text)) return 'the kernel no longer records';
  return new RegExp(`^pid ${pid}$`, 'm').test(text) ? undefined : 'the kernel has dropped the daemon';
}

/** Waits until the kernel's backlog is empty. Without a daemon the kernel would print those records. */
async function waitForBacklog(): Promise<void> {
  for (let tries = 0; tries < 50 && !/^backlog 0$/m.test(auditctl('-s')); tries++) await pause(100);
}

const lostRecords = (): number => Number(/^lost (\d+)$/m.exec(auditctl('-s'))?.[1] ?? 0);

const auditSettings = (directory: string, writesLog: boolean, isProbed = false) => ({
  local_events: 'yes',
  write_logs: writesLog ? 'yes' : 'no',
  log_file: path.join(directory, 'audit.log'),
  log_format: 'RAW',
  // Without a flush the records of an execution stay in auditd's buffer until more records arrive.
  ...(isProbed ? { flush: 'INCREMENTAL', freq: 1 } : { flush: 'NONE' }),
  max_log_file: 100_000,
  max_log_file_action: 'IGNORE',
  plugin_dir: path.join(directory, 'plugins.d'),
  q_depth: 20_000,
  space_left: 2,
  space_left_action: 'IGNORE',
  admin_space_left: 1,
  admin_space_left_action: 'IGNORE',
  disk_full_action: 'IGNORE',
  disk_error_action: 'IGNORE',
});

const laurelSettings = (directory: string): string => `directory = "${directory}"
[auditlog]
file = "laurel.log"
size = 1000000000000
generations = 1
[transform]
execve-argv = ["array"]
[translate]
userdb = true
universal = false
[enrich]
execve-env = []
container = true
pid = true
`;

const audit = (name: string, hasLaurel: boolean): ObserverKind => ({
  name,
  keepsEveryExec: true,
  missing: () => auditMissing() ?? (hasLaurel && !inPath('laurel') ? 'laurel is not installed' : undefined),
  async start(directory, { isProbed }) {
    const log = path.join(directory, hasLaurel ? 'laurel.log' : 'audit.log');
    const settings = Object.entries(auditSettings(directory, !hasLaurel, isProbed)).map(
      ([key, value]) => `${key} = ${value}\n`,
    );
    fs.writeFileSync(path.join(directory, 'auditd.conf'), settings.join(''), { mode: 0o640 });
    fs.mkdirSync(path.join(directory, 'plugins.d'), { mode: 0o750 });
    if (hasLaurel) {
      const config = path.join(directory, 'laurel.toml');
      fs.writeFileSync(config, laurelSettings(directory));
      const plugin = `active = yes\ndirection = out\ntype = always\nformat = string\npath = ${inPath('laurel')}\nargs = --config ${config}\n`;
      fs.writeFileSync(path.join(directory, 'plugins.d/laurel.conf'), plugin, { mode: 0o640 });
    }
    const messages = path.join(directory, 'auditd.out');
    const child = start(inPath('auditd') ?? '', ['-n', '-c', directory], messages);
    const stop = async () => {
      auditctl('-D', '-k', auditKey);
      await waitForBacklog();
      await end(child);
      auditctl('-e', '0');
    };
    try {
      await waitUntil(name, child, messages, () =>
        hasLaurel ? childrenOf(child.pid ?? 0).length > 0 && fs.existsSync(log) : /DAEMON_START/.test(readText(log)),
      );
      auditctl('-b', '8192');
      auditctl('-e', '1');
      for (const rule of auditRules()) auditctl(...rule);
      // The rules apply before the daemon receives records, so one execution must arrive first.
      await waitUntil(name, child, messages, () => {
        execFileSync('/bin/true');
        return readText(log).includes('EXECVE');
      });
    } catch (error) {
      await stop();
      throw error;
    }
    const pids = [child.pid ?? 0, ...childrenOf(child.pid ?? 0), ...[kernelThread('kauditd') ?? []].flat()];
    const lostBefore = lostRecords();
    await settle(pids);
    return {
      pids,
      output: log,
      storedBytes: () => sizeOf(directory),
      reportedLost: () => lostRecords() - lostBefore,
      count: countAppended(log, hasLaurel ? parseLaurel : parseAudit),
      fault: () => faultOf(child) ?? auditFault(child.pid),
      stop,
    };
  },
});

/** The base of comparison: the workload with no observer. */
export const noObserver: ObserverKind = {
  name: 'none',
  keepsEveryExec: false,
  missing: () => undefined,
  start: undefined,
};

const ownCheckout = path.join(import.meta.dirname, '..');

/** The kinds of observers. `against`: another checkout, whose agent is measured in the same rounds. */
export const observerKinds = (against: string | undefined): readonly ObserverKind[] => [
  agent({ name: 'stepparent', checkout: ownCheckout, toml: '' }),
  ...(against === undefined ? [] : [agent({ name: 'stepparent, other checkout', checkout: against, toml: '' })]),
  agent({ name: 'stepparent, polling', checkout: ownCheckout, toml: '[sensor]\nmode = "procfs"' }),
  bpftrace,
  audit('auditd', false),
  audit('auditd with laurel', true),
];

/** Running observers: an interrupted benchmark stops them, so that no audit rule or probe remains. */
const started = new Set<Observer>();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, async () => {
    for (const observer of started) await observer.stop();
    process.exit(130);
  });

/** Runs `work` while the observer watches, with a directory of its own that is removed afterwards. */
export async function whileObserved<T>(
  kind: ObserverKind,
  settings: Settings,
  work: (observer: Observer | undefined) => Promise<T>,
): Promise<T> {
  const directory = fs.mkdtempSync('/var/tmp/observer-');
  try {
    const observer = await kind.start?.(directory, settings);
    if (observer !== undefined) started.add(observer);
    try {
      return await work(observer);
    } finally {
      if (observer !== undefined) {
        started.delete(observer);
        await observer.stop();
      }
    }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}
