// Runs rpm(8) for questions, so that neither a user's files nor those of the host's administrator make it run a program.

import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import type { HostFiles } from '../host/host-files.ts';
import { rpmDirectories } from './tools.ts';

const rpmPath = '/usr/bin/rpm';

/**
 * No directory can be made there. Without HOME, rpm and popt(3) would go by /etc/passwd, or by the directory `~` of the working
 * directory: to ~/.rpmmacros, ~/.rpmrc and ~/.popt, each of which can make rpm run programs.
 */
const noHome = '/proc/no-home';

/** Those of /etc/rpm are left out too: a macro is a program where it is `%(...)`. A place that does not exist is passed over. */
const distributionFiles = [
  '--macros=/usr/lib/rpm/macros:/usr/lib/rpm/macros.d/macros.*:/usr/lib/rpm/*/macros:/usr/lib/rpm/suse_macros',
  '--rcfile=/usr/lib/rpm/rpmrc',
];

const invocation = () => ({
  cwd: '/',
  env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: noHome },
  // /etc/popt has aliases and programs for the name `rpm`, which no option turns off.
  argv0: `rpm-${randomUUID()}`,
});

/** rpm could not be asked, took too long, or ended with a failure. */
export class RpmFailed extends Error {
  override name = 'RpmFailed';
  /** rpm itself says that it found nothing, or that it could not. */
  readonly answered: boolean;

  constructor(message: string, answered: boolean) {
    super(`rpm: ${message}`);
    this.answered = answered;
  }
}

/** Long enough for a database on a slow disk. */
const timeoutMs = 3000;
const maxChars = 64 * 1024;

export const hasRpm = (files: Pick<HostFiles, 'exists'>): boolean => files.exists(rpmPath);

/** Runs rpm with these arguments. Resolves to what it prints; rejects with RpmFailed. */
export type AskRpm = (args: readonly string[]) => Promise<string>;

/** What rpm prints. Rejects with RpmFailed, after some seconds at the latest. */
export function runRpm(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(rpmPath, [...distributionFiles, ...args], {
      ...invocation(),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    const fail = (message: string, answered = false): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      // A program that rpm has started may hold it open.
      child.stdout?.destroy();
      reject(new RpmFailed(message, answered));
    };
    const timer = setTimeout(() => fail(`no answer after ${timeoutMs} ms`), timeoutMs);
    child.once('error', (error) => fail(error.message));
    // Without a descriptor left (EMFILE) there is no stream, and the error is still to come.
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

/** The same for the process that answers in SQL, which can wait for it: with larger bounds, and it throws. */
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

/** What the distribution's macros say, as root's own rpm would have it. Rejects with RpmFailed. */
export async function evaluateRpmMacros(rpm: AskRpm, macros: readonly string[]): Promise<string[]> {
  const output = await rpm(macros.flatMap((macro) => ['--eval', `%{${macro}}`]));
  // Debian's rpm has its database in the user's home.
  return output
    .split('\n')
    .map((line) => (line.startsWith(`${noHome}/`) ? rootsHome() + line.slice(noHome.length) : line));
}

let home: string | undefined;
/** Found out once: it takes a descriptor, and where there is none left (EMFILE) an execution is judged all the same. */
const rootsHome = (): string => {
  home ??= os.userInfo().homedir;
  return home;
};

const databaseFiles = ['rpmdb.sqlite', 'Packages.db', 'Packages'];

/** Where rpm keeps its database: its own defaults, the newer one first, then rpm-ostree and Debian's rpm. */
const usualDirectories = (): string[] => [
  ...rpmDirectories.toReversed(),
  '/usr/share/rpm',
  path.join(rootsHome(), '.rpmdb'),
];

/** The first directory that holds a database. Undefined: there is none, and rpm must not run, since it would create one. */
export const findRpmDatabase = (
  files: Pick<HostFiles, 'exists'>,
  directories: readonly string[] = usualDirectories(),
): string | undefined =>
  directories.find((directory) => databaseFiles.some((name) => files.exists(path.join(directory, name))));
