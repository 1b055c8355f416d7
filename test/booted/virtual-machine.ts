// A Debian system in an emulated machine, with Debian's own kernel, systemd as PID 1, a disk that keeps its content over a reboot, and
// no network.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from '../../packaging/files.ts';
import { until } from '../e2e/run-agent.ts';
import { architecture as native } from '../packages/built.ts';
import { baseSystem, given, makeRoot } from './debian.ts';
import { emulators, makeDisk, startEmulator } from './emulators.ts';
import { foreignBase } from './foreign-debian.ts';
import { type Machine, openShell } from './machine.ts';

const unitsFor = (terminal: string) => ({
  'test-shell.service':
    `[Service]\nExecStart=/bin/sh -c 'stty raw -echo </dev/${terminal}; exec ${given}/shell </dev/${terminal} >/dev/${terminal}'\n` +
    '[Install]\nWantedBy=multi-user.target\n',
});

export interface VirtualMachineOptions {
  architecture: Architecture;
  cpus: number;
  /** Packages that the system has in addition, if the architecture is this machine's. */
  also?: readonly string[];
}

/** Boots a system that has `files` in `given`; resolves when its shell answers. */
export async function bootVirtualMachine(
  scratch: string,
  files: readonly string[],
  { architecture, cpus, also = [] }: VirtualMachineOptions,
): Promise<Machine> {
  const root = join(scratch, 'root');
  const { console: line, terminal, shell: shellOptions } = emulators[architecture.deb];
  const isForeign = architecture.deb !== native.deb;
  makeRoot(scratch, root, {
    files,
    units: unitsFor(terminal),
    // The getty waits for a device that only udev, which is not installed, would make.
    masked: [`serial-getty@${line}.service`],
    base: isForeign ? await foreignBase(scratch, architecture) : baseSystem(scratch, also),
  });
  const console = join(scratch, 'console');
  const socket = join(scratch, 'shell');
  const child = startEmulator(scratch, {
    ...{ architecture, cpus, console, disk: makeDisk(scratch, root) },
    options: ['-chardev', `socket,id=shell,path=${socket},server=on,wait=off`, ...shellOptions],
  });
  let output = '';
  let trouble: string | undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.once('error', (error) => {
    trouble = String(error);
  });
  child.once('exit', (code, signal) => {
    trouble = `the machine ended: ${code ?? signal} ${output}`;
  });
  const log = () => (existsSync(console) ? readFileSync(console, 'utf8') : '');
  const shell = await openShell(socket, () => trouble && `${trouble}\n${log().slice(-2000)}`);
  await shell.greeted();
  return {
    run: shell.run,
    async reboot() {
      shell.leave('systemctl reboot');
      await shell.greeted();
    },
    async stop() {
      if (trouble === undefined) {
        shell.leave('systemctl poweroff');
        await until('the end of the machine', () => trouble !== undefined);
      }
      shell.close();
      return log();
    },
  };
}
