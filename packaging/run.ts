// Runs a program of the build and returns its output. If the program fails, the error has its messages.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/**
 * Resolves with the standard output, at most 64 MiB, in the locale C. Rejects if the program cannot start or exits with
 * another status than 0.
 */
export const run = async (program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> =>
  (await execute(program, args, { env: { ...process.env, LC_ALL: 'C', ...env }, maxBuffer: 1 << 26 })).stdout;
