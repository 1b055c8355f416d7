// A Debian system in an emulated machine: Debian's own kernel, systemd as PID 1, a disk that outlasts a reboot, no network.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../e2e/run-agent.ts';
import { cached, download, given, makeRoot } from './debian.ts';
import { type Machine, openShell } from './machine.ts';

const terminal = '/dev/ttyS1';
const units = {
  'test-shell.service':
    `[Service]\nExecStart=/bin/sh -c 'stty raw -echo <${terminal}; exec ${given}/shell <${terminal} >${terminal}'\n` +
    '[Install]\nWantedBy=multi-user.target\n',
};

/** Debian's kernel for clouds has ext4 and NVMe built in: it needs no initrd. */
function kernelImage(scratch: string): string {
  const folder = cached(scratch, 'kernel', (into) => {
    const depends = download('apt-cache', ['depends', 'linux-image-cloud-amd64'], into);
    const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
    if (name === undefined) throw new Error(`no kernel in the archive's lists: apt-get update; ${depends}`);
    download('apt-get', ['download', '-qq', name], into);
    const deb = readdirSync(into).find((file) => file.endsWith('.deb')) ?? '';
    execFileSync('dpkg-deb', ['-x', join(into, deb), into]);
  });
  const image = readdirSync(join(folder, 'boot')).find((name) => name.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`no kernel in ${folder}`);
  return join(folder, 'boot', image);
}

export async function bootVirtualMachine(scratch: string, files: readonly string[], cpus = 1): Promise<Machine> {
  const root = join(scratch, 'root');
  // There is no udev to make the device that it waits for.
  makeRoot(scratch, root, { files, units, masked: ['serial-getty@ttyS0.service'] });
  const disk = join(scratch, 'disk');
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', root, disk, '2G']);
  rmSync(root, { recursive: true });
  const console = join(scratch, 'console');
  const socket = join(scratch, 'shell');
  const options = [
    ...['-accel', 'tcg', '-smp', String(cpus), '-m', '1536', '-display', 'none', '-nodefaults', '-no-user-config'],
    ...['-kernel', kernelImage(scratch), '-append', 'root=/dev/nvme0n1 rw console=ttyS0 panic=-1'],
    ...['-drive', `file=${disk},if=none,id=disk,format=raw,cache=unsafe`, '-device', 'nvme,drive=disk,serial=root'],
    ...['-nic', 'none', '-serial', `file:${console}`],
    ...['-chardev', `socket,id=shell,path=${socket},server=on,wait=off`, '-serial', 'chardev:shell'],
  ];
  const child = spawn('qemu-system-x86_64', options, { stdio: ['ignore', 'ignore', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));
  let said = '';
  let trouble: string | undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.once('error', (error) => {
    trouble = String(error);
  });
  child.once('exit', (code, signal) => {
    trouble = `the machine ended: ${code ?? signal} ${said}`;
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
