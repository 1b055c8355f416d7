// A Debian system in a directory, made once, and copies of it that can be booted and run the test's commands.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from '../../packaging/files.ts';
import { buildPackages, debFileOf, architecture as native } from '../packages/built.ts';
import { debootstrap } from '../packages/chroot.ts';
import { shellProgram } from './machine.ts';

export const suite = 'bookworm';
/** The packages that stepparent or a test needs and that debootstrap's variant minbase does not have. */
export const packages: readonly string[] = ['systemd', 'systemd-sysv', 'dbus', 'rpm', 'procps'];

/** `$STEPPARENT_TEST_CACHE` keeps the base system and the kernel from one run to the next. */
const cache = process.env.STEPPARENT_TEST_CACHE;

export const isCached = (scratch: string, name: string): boolean => existsSync(join(cache ?? scratch, name));

/** The directory `name` in the cache; `make` fills it if it does not exist yet. */
export function cached(scratch: string, name: string, make: (directory: string) => void): string {
  const directory = join(cache ?? scratch, name);
  if (isCached(scratch, name)) return directory;
  const unfinished = `${directory}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  make(unfinished);
  renameSync(unfinished, directory);
  return directory;
}

/** Runs a program of apt that downloads from Debian's archive, with apt's own settings; returns its output. */
export const download = (program: string, args: readonly string[], cwd: string): string =>
  execFileSync(program, args, { cwd, encoding: 'utf8', stdio: 'pipe', maxBuffer: 1 << 28 });

/** The directory of a system of this machine's architecture, with `packages` and those in `also`. */
export function baseSystem(scratch: string, also: readonly string[] = []): string {
  const included = [...packages, ...also];
  return cached(scratch, `${suite}-${included.join('-')}`, (directory) => {
    debootstrap(directory, suite, included);
    removeDownloads(directory);
  });
}

/** Removes the downloaded packages of a system in which they are installed. */
export function removeDownloads(directory: string): void {
  rmSync(join(directory, 'var/cache/apt/archives'), { recursive: true });
  mkdirSync(join(directory, 'var/cache/apt/archives/partial'), { recursive: true });
}

/** The directory of a machine with the files that the test gives it. */
export const given = '/opt/test';

export interface RootDeps {
  /** Files that are copied into `given`. */
  files: readonly string[];
  /** Unit files: text by name. */
  units: Readonly<Record<string, string>>;
  /** Units that are masked. */
  masked: readonly string[];
  /** The directory of the system that is copied (default: a system of this machine's architecture). */
  base?: string;
}

/** Copies a system into `directory`, with a persistent journal and without the timers that use the network. */
export function makeRoot(scratch: string, directory: string, { files, units, masked, base }: RootDeps): void {
  execFileSync('cp', ['-a', '--reflink=auto', base ?? baseSystem(scratch), directory]);
  // /usr/lib/modules exists on every host that has its own kernel.
  for (const made of [given, '/var/log/journal', '/usr/lib/modules'])
    mkdirSync(join(directory, made), { recursive: true });
  for (const file of files) cpSync(file, join(directory, given, file.slice(file.lastIndexOf('/') + 1)));
  writeFileSync(join(directory, given, 'shell'), shellProgram, { mode: 0o755 });
  writeFileSync(join(directory, 'etc/hostname'), 'booted\n');
  writeFileSync(join(directory, 'etc/apt/sources.list'), '');
  for (const [name, text] of Object.entries(units)) writeFileSync(join(directory, 'etc/systemd/system', name), text);
  const systemctl = (...args: string[]) => execFileSync('systemctl', ['--root', directory, ...args], { stdio: 'pipe' });
  systemctl('mask', 'apt-daily.timer', 'apt-daily-upgrade.timer', ...masked);
  systemctl('enable', ...Object.keys(units).filter((name) => !name.includes('@')));
}

/** Builds the .deb of this checkout for an architecture; returns its path. */
export function builtPackage(architecture: Architecture = native): string {
  buildPackages('deb', '--arch', architecture.deb);
  return debFileOf(architecture);
}
