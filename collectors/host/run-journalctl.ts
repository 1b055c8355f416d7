// Runs journalctl(1) for the entries of one process.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** The path of journalctl: on Debian before 12 it may be in /bin. */
export const journalctlPath = (): string => {
  const paths = ['/usr/bin/journalctl', '/bin/journalctl'] as const;
  return paths.find((file) => existsSync(file)) ?? paths[0];
};

/** Without the caller's PATH and without variables that journalctl reads. */
export const journalctlEnvironment: Readonly<Record<string, string>> = { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' };

/**
 * Reads the entries that match (`FIELD=value`, all of them), as lines of JSON with the given fields and those that begin with
 * `__`. Undefined: the journal could not be read in time, or has too much.
 */
export type AskJournal = (matches: readonly string[], fields: readonly string[]) => Promise<string | undefined>;

const timeoutMs = 600;
/** An entry of the fields that are asked for has some 400 bytes. A part of the entries would be worse than none. */
const maxBytes = 1024 * 1024;

/** `AskJournal` for the running host. */
export function runJournalctl(matches: readonly string[], fields: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = ['--output=json', '--quiet', '--no-pager'];
    const child = spawn(journalctlPath(), [...options, `--output-fields=${fields.join(',')}`, ...matches], {
      cwd: '/',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: journalctlEnvironment,
    });
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const end = (output: string | undefined): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      child.stdout?.destroy();
      resolve(output);
    };
    const timer = setTimeout(() => end(undefined), timeoutMs);
    child.once('error', () => end(undefined));
    // If no descriptor is left (EMFILE), there is no stream, and the event `error` follows.
    child.stdout?.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) end(undefined);
      else chunks.push(chunk);
    });
    // Without a match, journalctl prints nothing and ends with 1.
    child.once('close', (code) => end(code === 0 || code === 1 ? Buffer.concat(chunks).toString() : undefined));
  });
}
