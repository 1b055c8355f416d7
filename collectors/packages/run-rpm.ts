// Runs rpm(8) for queries. No configuration file of a user or of the administrator can make it run a program.

import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import type { HostFiles } from '../host/host-files.ts';
import { rpmDirectories } from './tools.ts';

const rpmPath = '/usr/bin/rpm';

/**
 * A home directory that cannot be created. Without HOME, rpm and popt(3) would read ~/.rpmmacros, ~/.rpmrc and ~/.popt
 * from the home in /etc/passwd, or from a directory named `~` in the working directory. Each of these files can make
 * rpm run programs.
 */
const noHome = '/proc/no-home';

/**
 * Macros of the distribution only, without /etc/rpm: the macro `%(...)` runs a program. rpm ignores a path that does
 * not exist.
 */
const distributionFiles = [
  '--macros=/usr/lib/rpm/macros:/usr/lib/rpm/macros.d/macros.*:/usr/lib/rpm/*/macros:/usr/lib/rpm/suse_macros',
  '--rcfile=/usr/lib/rpm/rpmrc',
];

const invocation = () => ({
  cwd: '/',
  env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: noHome },
  // /etc/popt can define aliases and programs for the name `rpm`, and no option turns them off: run it by another name.
  argv0: `rpm-${randomUUID()}`,
});

/** rpm could not be started, took too long, or ended with a failure. */
export class RpmFailed extends Error {
  override name = 'RpmFailed';
  /** rpm ended with a failure of its own, as it does if it finds nothing. */
  readonly answered: boolean;

  constructor(message: string, answered: boolean) {
    super(`rpm: ${message}`);
    this.answered = answered;
  }
}

/** Long enough for a database on a slow disk. */
const timeoutMs = 3000;
const usualMaxChars = 64 * 1024;

/** Whether the host has rpm, which is run only as /usr/bin/rpm. */
export const hasRpm = (files: Pick<HostFiles, 'exists'>): boolean => files.exists(rpmPath);

/**
 * Runs rpm with these arguments. Resolves to its standard output, of at most `maxChars` characters (default: 65,536);
 * rejects with RpmFailed.
 */
export type AskRpm = (args: readonly string[], maxChars?: number) => Promise<string>;

/** `AskRpm` for the running host. Rejects after 3 s at the latest. */
export function runRpm(args: readonly string[], maxChars = usualMaxChars): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(rpmPath, [...distributionFiles, ...args], {
      ...invocation(),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    const fail = (message: string, answered = false): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      // A program that rpm has started may keep the pipe open.
      child.stdout?.destroy();
      reject(new RpmFailed(message, answered));
    };
    const timer = setTimeout(() => fail(`no answer after ${timeoutMs} ms`), timeoutMs);
    child.once('error', (error) => fail(error.message));
    // If no descriptor is left (EMFILE), there is no stream, and the event `error` follows.
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.length > maxChars) fail(`the answer has more than ${maxChars} characters`);
    });
    child.once('close', (code, signal) => {
      if (code !== 0) return fail(`it ended with ${signal ?? code}`, code !== null);
      clearTimeout(timer);
      resolve(output);
    });
  });
}

/** The same for the process that runs SQL statements, which may block: larger bounds, and throws RpmFailed. */
export function runRpmAndWait(args: readonly string[]): string {
  const { stdout, status, signal, error } = spawnSync(rpmPath, [...distributionFiles, ...args], {
    ...invocation(),
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (error !== undefined) throw new RpmFailed(error.message, false);
  if (status !== 0) throw new RpmFailed(`it ended with ${signal ?? status}`, status !== null);
  return stdout;
}

/**
 * The values of macros by the distribution's files, one line each, for root's home directory. Rejects with RpmFailed.
 */
export async function evaluateRpmMacros(rpm: AskRpm, macros: readonly string[]): Promise<string[]> {
  const output = await rpm(macros.flatMap((macro) => ['--eval', `%{${macro}}`]));
  // rpm on Debian has its database in the home directory of the user.
  return output
    .split('\n')
    .map((line) => (line.startsWith(`${noHome}/`) ? rootsHome() + line.slice(noHome.length) : line));
}

let home: string | undefined;
/** Read once: the lookup takes a descriptor, and if none is left later (EMFILE), execs can still be judged. */
const rootsHome = (): string => {
  home ??= os.userInfo().homedir;
  return home;
};

const databaseFiles = ['rpmdb.sqlite', 'Packages.db', 'Packages'];

/** Where rpm keeps its database: its own defaults, the newer one first, then those of rpm-ostree and of Debian. */
export const usualDirectories = (): string[] => [
  ...rpmDirectories.toReversed(),
  '/usr/share/rpm',
  path.join(rootsHome(), '.rpmdb'),
];

/**
 * The first directory with a database. Undefined without a database: rpm must not be run then, because it would create one.
 */
export const findRpmDatabase = (
  files: Pick<HostFiles, 'exists'>,
  directories: readonly string[] = usualDirectories(),
): string | undefined =>
  directories.find((directory) => databaseFiles.some((name) => files.exists(path.join(directory, name))));
