// A small system in a directory: files of its own for the few programs that tests run there, and a package database.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDatabase } from './private-host.ts';

/** dpkg installs only where it finds the programs that it calls. */
const programs = [
  ...['dash', 'diff', 'dpkg', 'dpkg-deb', 'dpkg-query', 'dpkg-split', 'rm', 'sleep', 'tar', 'true'].map(
    (name) => `/usr/bin/${name}`,
  ),
  '/usr/sbin/ldconfig',
  '/usr/sbin/start-stop-daemon',
];

/** The libraries and the dynamic linker of a program (ldd(1)). */
const librariesOf = (program: string): string[] =>
  [...execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(?<=\s)\/\S+(?= \()/g)].map(([file]) => file);

/** Makes the system in `root`. */
export function makeOwnSystem(root: string): void {
  for (const directory of ['dev', 'etc', 'proc', 'run', 'sys', 'tmp', 'usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64']) {
    mkdirSync(join(root, directory), { recursive: true });
  }
  for (const link of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${link}`, join(root, link));
  const files = new Set([...programs, ...programs.flatMap(librariesOf)]);
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    copyFileSync(file, join(root, file));
  }
  symlinkSync('dash', join(root, 'usr/bin/sh'));
  for (const file of ['passwd', 'group']) copyFileSync(`/etc/${file}`, join(root, 'etc', file));
  // systemd-nspawn requires it.
  writeFileSync(join(root, 'etc/os-release'), 'ID=small\n');
  makeDatabase(join(root, 'var/lib/dpkg'));
}
