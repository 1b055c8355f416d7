// A Debian system in a directory, made once, and copies of it that are ready to be booted and commanded.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from '../../packaging/files.ts';
import { buildPackages, debFileOf, architecture as native } from '../packages/built.ts';
import { debootstrap } from '../packages/chroot.ts';
import { shellProgram } from './machine.ts';

export const suite = 'bookworm';
/** What a server has that minbase has not, as far as stepparent or a test uses it. */
export const packages: readonly string[] = ['systemd', 'systemd-sysv', 'dbus', 'rpm', 'procps'];

/** `$STEPPARENT_TEST_CACHE` keeps the base system and the kernel from one run to the next. */
const cache = process.env.STEPPARENT_TEST_CACHE;

export const isCached = (scratch: string, name: string): boolean => existsSync(join(cache ?? scratch, name));

/** Makes a directory by `make`, or takes it from the cache. */
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

/** Downloads from Debian's archive, by apt's own settings. */
export const download = (program: string, args: readonly string[], cwd: string): string =>
  execFileSync(program, args, { cwd, encoding: 'utf8', stdio: 'pipe', maxBuffer: 1 << 28 });

const baseSystem = (scratch: string): string =>
  cached(scratch, `${suite}-${packages.join('-')}`, (directory) => {
    debootstrap(directory, suite, packages);
    removeDownloads(directory);
  });

/** What was downloaded is installed. */
export function removeDownloads(directory: string): void {
  rmSync(join(directory, 'var/cache/apt/archives'), { recursive: true });
  mkdirSync(join(directory, 'var/cache/apt/archives/partial'), { recursive: true });
}

/** Where a machine finds what the test gives it. */
export const given = '/opt/test';

export interface RootDeps {
  /** Put into `given`. */
  files: readonly string[];
  /** Units by name. */
  units: Readonly<Record<string, string>>;
  /** Units that do not start. */
  masked: readonly string[];
  /** The directory with the system that is copied; without one, that of this machine's architecture. */
  base?: string;
}

/** A system of its own in `directory`, with a journal that outlasts a reboot, and no timers that reach for the network. */
export function makeRoot(scratch: string, directory: string, { files, units, masked, base }: RootDeps): void {
  execFileSync('cp', ['-a', '--reflink=auto', base ?? baseSystem(scratch), directory]);
  // Every host with a kernel of its own has the last of them.
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

/** The package of this checkout. */
export function builtPackage(architecture: Architecture = native): string {
  buildPackages('deb', '--arch', architecture.deb);
  return debFileOf(architecture);
}
