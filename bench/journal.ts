// A journald in the benchmark's own Debian system, and a reader that follows it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const daemon = '/lib/systemd/systemd-journald';
const settings = ['Storage=volatile', 'RateLimitIntervalSec=0', 'ReadKMsg=no', 'Audit=no', 'SplitMode=none'];

/** A running journald with its reader. `stop` ends both. */
export interface Journal {
  /** The file to which `journalctl --follow` writes each entry as JSON. */
  output: string;
  /** When journald received the entry: milliseconds since 1970. Its readers are notified up to 250 ms later. */
  timeOf(line: string): number;
  stop(): Promise<void>;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exited;
}

/** Starts journald at the usual socket, and a reader that follows its entries. */
export async function startJournal(directory: string): Promise<Journal> {
  if (!fs.existsSync(daemon)) throw new Error('systemd-journald is not installed');
  fs.mkdirSync('/run/systemd/journald.conf.d', { recursive: true });
  fs.mkdirSync('/run/systemd/journal', { recursive: true });
  fs.writeFileSync('/run/systemd/journald.conf.d/bench.conf', `${['[Journal]', ...settings].join('\n')}\n`);
  const journald = spawn(daemon, { stdio: 'ignore' });
  for (let tries = 0; spawnSync('journalctl', ['--sync'], { timeout: 5000 }).status !== 0; tries++) {
    if (journald.exitCode !== null || tries > 200) throw new Error('systemd-journald does not accept entries');
    await pause(50);
  }
  const output = path.join(directory, 'journal.json');
  const fd = fs.openSync(output, 'w');
  const follow = ['--directory=/run/log/journal', '--follow', '--lines=0', '--output=json', '--all', '--quiet'];
  const reader = spawn('journalctl', follow, { stdio: ['ignore', fd, 'ignore'] });
  fs.closeSync(fd);
  return {
    output,
    timeOf: (line) => Number(JSON.parse(line).__REALTIME_TIMESTAMP) / 1000,
    async stop() {
      await end(reader);
      await end(journald);
    },
  };
}
