// What is measured beside each other: nothing, stepparent, and the peers that are installed.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { openReadonlyDatabase } from '../storage/database-file.ts';

/** Something that watches processes while a workload runs. */
export interface Observer {
  name: string;
  /** Undefined: there is no observer. */
  pid: number | undefined;
  /** Resolves when it has done what it does once, on a host that it has not seen before. */
  settled(): Promise<void>;
  /** Ends it and undoes what it did to the host. */
  stop(): Promise<void>;
}

export interface ObserverKind {
  name: string;
  /** Why it cannot be measured here; undefined: it can. */
  missing(): string | undefined;
  start(directory: string): Promise<Observer>;
}

const inPath = (program: string): string | undefined =>
  ['/usr/sbin', '/usr/bin', '/sbin', '/bin']
    .map((directory) => path.join(directory, program))
    .find((file) => fs.existsSync(file));

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) =>
    child.exitCode === null && child.signalCode === null ? child.once('exit', () => resolve()) : resolve(),
  );

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await ended(child);
}

/** Waits until a file holds a line that begins so. */
async function waitForLine(file: string, line: RegExp, child: ChildProcess, name: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
    if (line.test(text)) return;
    if (child.exitCode !== null) throw new Error(`${name} ended: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} did not begin within 30 s`);
}

const readyAtOnce = async (): Promise<void> => {};

/** The first pass over the maintainer scripts of the host: once for each database. */
async function firstPass(state: string): Promise<void> {
  // A host without dpkg has none.
  if (!fs.existsSync('/var/lib/dpkg/info')) return;
  const db = openReadonlyDatabase(path.join(state, 'stepparent.db'));
  try {
    const done = db.prepare("SELECT 1 FROM meta WHERE key = 'scripts_ms'");
    for (let tries = 0; tries < 600; tries++) {
      if (done.get() !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    db.close();
  }
  throw new Error('the first pass over the maintainer scripts did not end within a minute');
}

const openOutput = (file: string) => fs.openSync(file, 'a', 0o600);

/** The real agent, as `npm start` starts it, with directories of its own. */
export const stepparent: ObserverKind = {
  name: 'stepparent',
  missing: () => undefined,
  async start(directory) {
    const config = path.join(directory, 'config.toml');
    fs.writeFileSync(
      config,
      ['state', 'logs', 'runtime'].map((name) => `${name}_directory = "${path.join(directory, name)}"\n`).join(''),
    );
    const out = path.join(directory, 'agent.out');
    const fd = openOutput(out);
    const child = spawn('sh', [path.join(import.meta.dirname, '../agent/start.sh'), '--config', config], {
      stdio: ['ignore', fd, fd],
    });
    fs.closeSync(fd);
    await waitForLine(out, /^ready /m, child, 'stepparent');
    const settled = () => firstPass(path.join(directory, 'state'));
    return { name: 'stepparent', pid: child.pid, settled, stop: () => stop(child) };
  },
};

const bpftrace: ObserverKind = {
  name: 'bpftrace',
  missing: () => (inPath('bpftrace') ? undefined : 'bpftrace is not installed'),
  async start(directory) {
    const out = path.join(directory, 'bpftrace.out');
    const fd = openOutput(out);
    const script =
      'BEGIN { printf("ready\\n"); } tracepoint:syscalls:sys_enter_execve { printf("%d ", pid); join(args->argv); }';
    const child = spawn(inPath('bpftrace') ?? '', ['-e', script], { stdio: ['ignore', fd, fd] });
    fs.closeSync(fd);
    await waitForLine(out, /^ready/m, child, 'bpftrace');
    return { name: 'bpftrace', pid: child.pid, settled: readyAtOnce, stop: () => stop(child) };
  },
};

const auditd: ObserverKind = {
  name: 'auditd',
  missing() {
    if (!inPath('auditd') || !inPath('auditctl')) return 'auditd is not installed';
    const owner = /^pid (\d+)$/m.exec(execFileSync(inPath('auditctl') ?? '', ['-s'], { encoding: 'utf8' }))?.[1];
    return owner === '0' ? undefined : 'an audit daemon runs on this host and is left alone';
  },
  async start(directory) {
    const auditctl = inPath('auditctl') ?? '';
    const settings = {
      local_events: 'yes',
      write_logs: 'yes',
      log_file: path.join(directory, 'audit.log'),
      log_format: 'RAW',
      flush: 'NONE',
      max_log_file: 500,
      max_log_file_action: 'IGNORE',
      space_left: 2,
      space_left_action: 'IGNORE',
      admin_space_left: 1,
      admin_space_left_action: 'IGNORE',
      disk_full_action: 'IGNORE',
      disk_error_action: 'IGNORE',
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`);
    fs.writeFileSync(path.join(directory, 'auditd.conf'), lines.join(''), { mode: 0o640 });
    fs.mkdirSync(path.join(directory, 'plugins.d'), { recursive: true });
    const out = path.join(directory, 'auditd.out');
    const fd = openOutput(out);
    const child = spawn(inPath('auditd') ?? '', ['-n', '-c', directory], { stdio: ['ignore', fd, fd] });
    fs.closeSync(fd);
    await waitForLine(path.join(directory, 'audit.log'), /DAEMON_START/, child, 'auditd');
    const rule = ['always,exit', '-F', 'arch=b64', '-S', 'execve', '-k', 'stepparent-bench'];
    execFileSync(auditctl, ['-b', '8192']);
    execFileSync(auditctl, ['-a', ...rule]);
    return {
      name: 'auditd',
      pid: child.pid,
      settled: readyAtOnce,
      async stop() {
        execFileSync(auditctl, ['-d', ...rule]);
        await stop(child);
        execFileSync(auditctl, ['-e', '0']);
      },
    };
  },
};

export const peers: readonly ObserverKind[] = [bpftrace, auditd];

/** Nobody watches. */
export const noObserver: ObserverKind = {
  name: 'nobody',
  missing: () => undefined,
  start: async () => ({ name: 'nobody', pid: undefined, settled: readyAtOnce, stop: async () => {} }),
};
