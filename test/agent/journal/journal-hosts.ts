// Journals of several hosts for tests: written by real journalds, one after the other, each with its own machine id and host name, and
// collected by the real systemd-journal-upload and systemd-journal-remote over loopback.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import koffi from 'koffi';
import { enterPrivateRun, journaldMissing, startJournald } from '../../journald.ts';
import { linuxInTests } from '../../linux-abi.ts';
import { bindMount } from '../../mount-namespace.ts';
import { unmet } from '../../needs.ts';

const find = (name: string): string | undefined =>
  ['/usr/lib/systemd', '/lib/systemd'].map((directory) => join(directory, name)).find((file) => existsSync(file));
const remote = find('systemd-journal-remote');
const upload = find('systemd-journal-upload');

/** Why journals cannot be collected here; undefined if they can. */
export const journalRemoteMissing: string | undefined =
  journaldMissing ??
  unmet(remote === undefined || upload === undefined ? 'systemd-journal-remote is not installed' : undefined);

/** Gives this thread, and the processes that it starts, this host name and machine id. Does not change the machine itself. */
function becomeHost(name: string, machineId: string): void {
  enterPrivateRun();
  const libc = koffi.load('libc.so.6');
  const unshare = libc.func('int unshare(int flags)');
  const sethostname = libc.func('int sethostname(const char *name, size_t length)');
  if (unshare(linuxInTests.CLONE_NEWUTS) !== 0 || sethostname(name, name.length) !== 0)
    throw new Error('no host name to be had');
  const file = `/run/systemd/machine-id-${name}`;
  writeFileSync(file, `${machineId}\n`);
  bindMount(file, '/etc/machine-id');
}

/** Runs `write` while a journald of that host runs, and returns a directory with its journal. */
export async function journalOf(
  name: string,
  machineId: string,
  scratch: string,
  write: () => Promise<void>,
): Promise<string> {
  becomeHost(name, machineId);
  const journald = await startJournald();
  try {
    await write();
    journald.read('SYSLOG_IDENTIFIER=stepparent');
  } finally {
    await journald.stop();
  }
  const directory = join(scratch, name);
  cpSync(join('/run/log/journal', machineId), directory, { recursive: true });
  return directory;
}

/** Uploads the journals to a systemd-journal-remote, which writes them to `into`. */
export async function gather(journals: readonly string[], into: string): Promise<void> {
  if (remote === undefined || upload === undefined) throw new Error('systemd-journal-remote is not installed');
  mkdirSync(into);
  const port = await freePort();
  const options = [`--listen-http=127.0.0.1:${port}`, `--output=${join(into, 'remote.journal')}`, '--split-mode=none'];
  const server = spawn(remote, options, { stdio: ['ignore', 'ignore', 'pipe'] });
  process.once('exit', () => server.kill('SIGKILL'));
  try {
    await listening(server, port);
    for (const journal of journals) {
      const { status, stderr } = spawnSync(
        upload,
        [`--url=http://127.0.0.1:${port}`, `--directory=${journal}`, '--follow=no', `--save-state=${journal}.state`],
        { encoding: 'utf8' },
      );
      if (status !== 0) throw new Error(`systemd-journal-upload: ${stderr}`);
    }
  } finally {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function listening(server: ChildProcess, port: number): Promise<void> {
  let output = '';
  server.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  for (let tries = 0; tries < 200 && server.exitCode === null; tries++) {
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`systemd-journal-remote does not answer: ${output}`);
}
