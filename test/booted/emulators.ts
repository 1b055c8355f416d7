// The emulator of each architecture, and Debian's kernel for it.

import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Architecture } from '../../packaging/files.ts';
import { architecture as native } from '../packages/built.ts';
import { cached, download } from './debian.ts';

interface Emulator {
  program: string;
  machine: readonly string[];
  /** The kernel's name of the first serial line, which is the console. */
  console: string;
  /** The kernel's name of the second serial line, which runs the shell. */
  terminal: string;
  /** The emulator's options that connect its character device `shell` with the second line. */
  shell: readonly string[];
}

export const emulators: Readonly<Record<Architecture['deb'], Emulator>> = {
  amd64: {
    program: 'qemu-system-x86_64',
    machine: [],
    console: 'ttyS0',
    terminal: 'ttyS1',
    shell: ['-serial', 'chardev:shell'],
  },
  arm64: {
    program: 'qemu-system-aarch64',
    // Pointer authentication by the architecture's own algorithm takes half of the time.
    machine: ['-M', 'virt', '-cpu', 'max,pauth-impdef=on'],
    console: 'ttyAMA0',
    terminal: 'ttyS0',
    shell: ['-device', 'pci-serial,chardev=shell'],
  },
};

/** apt's options for the packages of another architecture, with its files below `directory`. */
function foreignApt(deb: string, directory: string): string[] {
  const [lists, cache] = [join(directory, 'lists'), join(directory, 'cache')];
  for (const made of [join(lists, 'partial'), join(cache, 'archives/partial')]) mkdirSync(made, { recursive: true });
  const settings = [
    ...[`APT::Architecture=${deb}`, `APT::Architectures=${deb}`, 'APT::Sandbox::User=root'],
    ...[`Dir::State::lists=${lists}`, `Dir::Cache=${cache}`, 'Dir::State::status=/dev/null'],
  ];
  return settings.flatMap((setting) => ['-o', setting]);
}

/** Debian's kernel for clouds has ext4 and NVMe built in: it needs no initrd. */
function kernelImage(scratch: string, { deb }: Architecture): string {
  const directory = cached(scratch, `kernel-${deb}`, (into) => {
    const apt = join(into, 'apt');
    const options = deb === native.deb ? [] : foreignApt(deb, apt);
    if (options.length > 0) download('apt-get', [...options, 'update', '-qq'], into);
    const depends = download('apt-cache', [...options, 'depends', `linux-image-cloud-${deb}`], into);
    const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
    if (name === undefined) throw new Error(`no kernel in the archive's lists: apt-get update; ${depends}`);
    download('apt-get', [...options, 'download', '-qq', name], into);
    rmSync(apt, { recursive: true, force: true });
    const file = readdirSync(into).find((one) => one.endsWith('.deb')) ?? '';
    execFileSync('dpkg-deb', ['-x', join(into, file), into]);
  });
  const image = readdirSync(join(directory, 'boot')).find((name) => name.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`no kernel in ${directory}`);
  return join(directory, 'boot', image);
}

/** The size of the file system on a disk. */
export const diskMiB = 2048;

/** Makes a disk image with the files of `root`, and removes `root`. Returns the image's path. */
export function makeDisk(scratch: string, root: string): string {
  const disk = join(scratch, 'disk');
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', root, disk, `${diskMiB}M`]);
  rmSync(root, { recursive: true });
  return disk;
}

export interface EmulatorOptions {
  architecture: Architecture;
  cpus: number;
  /** The disk image with the root file system, /dev/nvme0n1 in the machine. */
  disk: string;
  /** The file that the console's text is written to. */
  console: string;
  /** Further options of the kernel's command line and of the emulator's. */
  kernelOptions?: readonly string[];
  options?: readonly string[];
}

/** Starts a machine; the end of this process ends it. */
export function startEmulator(scratch: string, given: EmulatorOptions): ChildProcessByStdio<null, null, Readable> {
  const { architecture, cpus, disk, console, kernelOptions = [], options = [] } = given;
  const { program, machine, console: line } = emulators[architecture.deb];
  const append = ['root=/dev/nvme0n1', 'rw', `console=${line}`, 'panic=-1', ...kernelOptions].join(' ');
  const child = spawn(
    program,
    [
      ...machine,
      ...['-accel', 'tcg', '-smp', String(cpus), '-m', '1536', '-display', 'none', '-nodefaults', '-no-user-config'],
      ...['-kernel', kernelImage(scratch, architecture), '-append', append],
      ...['-drive', `file=${disk},if=none,id=disk,format=raw,cache=unsafe`, '-device', 'nvme,drive=disk,serial=root'],
      ...['-nic', 'none', '-serial', `file:${console}`, ...options],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}
