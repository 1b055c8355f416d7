// A real journald for tests, separate from the host's, whose journal is read with journalctl.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mountEmpty } from './mount-namespace.ts';
import { missingTools, noRoot, unmet } from './needs.ts';

const program = ['/usr/lib/systemd/systemd-journald', '/lib/systemd/systemd-journald'].find((path) => existsSync(path));

/** Why journald cannot be started here. */
export const journaldMissing: string | undefined = unmet(
  program === undefined ? 'systemd-journald is not installed' : undefined,
  missingTools('journalctl'),
  noRoot,
);

/** A journal entry by field; a field that occurs several times is a list. */
type JournalEntry = Record<string, string | string[] | undefined>;

export interface Journald {
  /** Everything received so far that matches, oldest first. `matches` are as in journalctl(1): `FIELD=value`. */
  read(...matches: string[]): JournalEntry[];
  /** Ends journald; its journal can still be read. */
  stop(): Promise<void>;
  /** The pid of journald. */
  pid: number;
}

/**
 * Starts journald at the usual socket, seen only by the calling thread and by processes that it starts afterwards
 * (the thread gets a mount namespace of its own, with /run/systemd and /run/log in memory). Promises of `node:fs` run
 * on other threads and still see the host's. May be called again after `stop`; the journal goes on.
 */
export async function startJournald(): Promise<Journald> {
  if (program === undefined) throw new Error('systemd-journald is not installed');
  enterPrivateRun();
  const child = spawn(program, { stdio: 'ignore' });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} cannot be started`);
  process.once('exit', () => child.kill('SIGKILL'));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await isReady(child);
  return {
    pid,
    read: (...matches) => {
      if (child.exitCode === null && child.signalCode === null) run('journalctl', '--sync');
      const options = ['--directory=/run/log/journal', '--output=json', '--all', '--quiet', '--no-pager'];
      const lines = run('journalctl', ...options, ...matches).split('\n');
      return lines.filter(Boolean).map((line) => entryOf(JSON.parse(line)));
    },
    stop: async () => {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

let entered = false;

/** Hides the host's journald from this thread and from the processes that it starts. */
export function enterPrivateRun(): void {
  if (entered) return;
  for (const directory of ['/run/systemd', '/run/log']) {
    mkdirSync(directory, { recursive: true });
    mountEmpty(directory);
  }
  mkdirSync('/run/systemd/journal');
  mkdirSync('/run/systemd/journald.conf.d');
  const settings = ['Storage=volatile', 'RateLimitIntervalSec=0', 'ReadKMsg=no', 'Audit=no', 'SplitMode=none'];
  const forwards = ['Syslog', 'Console', 'Wall', 'KMsg'].map((to) => `ForwardTo${to}=no`);
  writeFileSync('/run/systemd/journald.conf.d/test.conf', ['[Journal]', ...settings, ...forwards, ''].join('\n'));
  entered = true;
}

/** Resolves when journald accepts entries. */
async function isReady(child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) break;
    if (spawnSync('journalctl', ['--sync']).status === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGKILL');
  throw new Error('journald does not answer');
}

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  // journalctl exits with 1 when no entry matches.
  if (error || (status !== 0 && stderr)) throw new Error(`${command}: ${error?.message ?? stderr}`);
  return stdout;
}

/** journalctl shows a value that is not printable as a list of its bytes. */
function entryOf(fields: Record<string, unknown>): JournalEntry {
  const values = Object.entries(fields).map(([name, value]) => [name, decode(value)]);
  return Object.fromEntries(values);
}

function decode(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.every((each) => typeof each === 'number') ? Buffer.from(value).toString('utf8') : value.map(decode);
}
