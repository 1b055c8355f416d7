// A Debian system booted by systemd-nspawn, with systemd as PID 1 and this machine's kernel, which cannot be traced from inside.

import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../e2e/run-agent.ts';
import { given, makeRoot } from './debian.ts';
import { type Machine, openShell, type Shell } from './machine.ts';

const units = {
  'test-shell.socket':
    '[Socket]\nListenStream=/run/test-socket/shell\nAccept=yes\n[Install]\nWantedBy=sockets.target\n',
  'test-shell@.service': `[Service]\nExecStart=${given}/shell\nStandardInput=socket\nStandardOutput=socket\nStandardError=journal\n`,
};

/** Boots a system that has `files` in `given`; resolves when its shell answers. */
export async function bootContainer(scratch: string, files: readonly string[]): Promise<Machine> {
  const root = join(scratch, 'root');
  makeRoot(scratch, root, { files, units, masked: [] });
  const sockets = join(scratch, 'sockets');
  const socket = join(sockets, 'shell');
  const console = join(scratch, 'console');
  mkdirSync(sockets);
  let ended: Promise<string> = Promise.resolve('');
  let trouble: string | undefined;

  const boot = async (): Promise<Shell> => {
    rmSync(socket, { force: true });
    trouble = undefined;
    const log = openSync(console, 'a');
    const options = ['-q', '-D', root, '-b', '--private-network', '--register=no', '--keep-unit', '--console=pipe'];
    const child = spawn('systemd-nspawn', [...options, `--bind=${sockets}:/run/test-socket`], {
      stdio: ['ignore', log, log],
    });
    process.once('exit', () => child.kill('SIGKILL'));
    ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(String(error)));
      child.once('exit', (code, signal) => resolve(`the container ended: ${code ?? signal}`));
    });
    void ended.then((why) => {
      trouble = why;
    });
    const opened = await openShell(
      socket,
      () => trouble && `${trouble}\n${readFileSync(console, 'utf8').slice(-2000)}`,
    );
    await opened.greeted();
    return opened;
  };

  let shell = await boot();
  const leave = async (command: string): Promise<void> => {
    shell.leave(command);
    await until('the end of the container', () => trouble !== undefined);
    shell.close();
  };
  return {
    run: (script) => shell.run(script),
    // With --keep-unit systemd-nspawn exits at a reboot, and its caller has to start it again.
    async reboot() {
      await leave('systemctl reboot');
      shell = await boot();
    },
    async stop() {
      if (trouble === undefined) await leave('systemctl poweroff');
      return readFileSync(console, 'utf8');
    },
  };
}
