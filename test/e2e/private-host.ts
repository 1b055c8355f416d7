// A private host for the tests of this directory. Package databases, logs and the journal's socket are scratch copies in the test's own
// mount namespace: real package tools run at their real paths and do not change the machine.

import { randomInt } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { enterPrivateRun } from '../journald.ts';
import { bindMount } from '../mount-namespace.ts';
import { missingTools, noRoot, unmet } from '../needs.ts';

const noTracing = existsSync('/sys/kernel/tracing') ? undefined : 'this kernel cannot trace';

/** Why the tests of this directory cannot run here. */
export const endToEndMissing: string | undefined = unmet(
  noRoot,
  noTracing,
  missingTools('dpkg', 'dpkg-deb', 'unshare', 'setpriv'),
);

const letters = 'abcdefghijklmnopqrstuvwxyz';

/** Makes a directory whose name ends in a word, so that programs in it are terms with their whole path: what looks random is left out. */
export function uniqueDirectory(parent: string, prefix: string): string {
  const word = Array.from({ length: 8 }, () => letters[randomInt(letters.length)]).join('');
  const directory = join(parent, `${prefix}${word}`);
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

/** Makes a directory that is removed after the file's tests. */
export function scratchDirectory(): string {
  const directory = uniqueDirectory(tmpdir(), 'stepparent-e2e-');
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Files that programs read; the agent finds apt-get's owner in the lists. Scripts are left out, since no package would own them. */
const keptInfo =
  /^(?:format|(?:apt|dpkg|debconf|rpm|aptitude|aptitude-common|nala|unattended-upgrades|python3\.\d+-minimal)\.(?:list|md5sums|conffiles))$/;

/** Makes a package database that is empty except for the lists of the front ends' packages. */
export function makeDatabase(directory: string): void {
  for (const part of ['info', 'updates', 'triggers', 'parts', 'alternatives']) {
    mkdirSync(join(directory, part), { recursive: true });
  }
  for (const part of ['status', 'available']) writeFileSync(join(directory, part), '');
  for (const name of readdirSync('/var/lib/dpkg/info')) {
    if (keptInfo.test(name)) copyFileSync(join('/var/lib/dpkg/info', name), join(directory, 'info', name));
  }
}

const madeByTools = ['/var/lib/apt', '/var/cache/apt', '/var/cache/debconf', '/var/log'];

/**
 * From this call on, package tools that this file starts use scratch databases and logs in directories below `scratch`, and no
 * journald is reachable.
 */
export function enterPrivateHost(scratch: string): void {
  enterPrivateRun();
  const database = join(scratch, 'dpkg');
  makeDatabase(database);
  bindMount(database, '/var/lib/dpkg');
  for (const directory of madeByTools) {
    if (!existsSync(directory)) continue;
    const from = join(scratch, directory.replaceAll('/', '_'));
    mkdirSync(from);
    bindMount(from, directory);
  }
  for (const directory of ['/var/lib/apt/lists/partial', '/var/cache/apt/archives/partial', '/var/log/apt']) {
    mkdirSync(directory, { recursive: true });
  }
  if (!existsSync('/var/log/apt') || readdirSync('/var/lib/dpkg/updates').length > 0) throw new Error('not private');
}
