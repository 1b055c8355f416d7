// Runs apt's own programs: one names apt's directories, the other unpacks a compressed list.

import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

/** Directories of apt, without a slash at the end. */
export interface AptDirectories {
  /** Dir::State::lists: the package lists and Release files. */
  lists: string;
  /** Dir::Cache::archives: the packages that apt has downloaded. */
  archives: string;
}

/** The directories if the configuration does not name others. */
export const defaultAptDirectories: AptDirectories = {
  lists: '/var/lib/apt/lists',
  archives: '/var/cache/apt/archives',
};

/** Program that prints apt's configuration. */
export const aptConfigPath = '/usr/bin/apt-config';

/** apt-config takes some hundredths of a second, and many times that while a machine boots. */
const timeoutMs = 30_000;
const maxConfigurationBytes = 64 * 1024;
/** A list of 100 MB takes apt-helper some seconds. */
const unpackTimeoutMs = 60_000;

/** APT_CONFIG and options of a caller do not apply: they are those of another run of apt. */
const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/proc/no-home' };

/** The directories by apt's configuration. Rejects if apt-config cannot be run. */
export async function readAptDirectories(): Promise<AptDirectories> {
  const names = ['lists', 'Dir::State::lists/d', 'archives', 'Dir::Cache::archives/d'];
  const { stdout } = await promisify(execFile)(aptConfigPath, ['shell', ...names], {
    cwd: '/',
    env: environment,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: maxConfigurationBytes,
  });
  return parseAptDirectories(stdout);
}

/**
 * Parses the output of `apt-config shell`: `lists='/var/lib/apt/lists/'`. It has no line of what is not configured, and apt
 * uses its default then.
 */
export function parseAptDirectories(text: string): AptDirectories {
  const read = (name: keyof AptDirectories): string =>
    new RegExp(`^${name}='(/[^'\\n]*)'$`, 'm').exec(text)?.[1]?.replace(/\/+$/, '') || defaultAptDirectories[name];
  return { lists: read('lists'), archives: read('archives') };
}

/** The content of a compressed list in pieces. Throws if apt-helper fails or takes too long. */
export async function* unpackList(file: string): AsyncGenerator<Buffer> {
  const child = spawn('/usr/lib/apt/apt-helper', ['cat-file', file], {
    cwd: '/',
    env: environment,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: unpackTimeoutMs,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`apt-helper ended with ${signal ?? code}`)),
    );
  });
  // The failure is thrown below, when the output has ended.
  ended.catch(() => {});
  try {
    for await (const piece of child.stdout) yield piece as Buffer;
    await ended;
  } finally {
    child.kill('SIGKILL');
  }
}
