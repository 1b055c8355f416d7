// Runs a program of the build and gives its output; its messages are in the error when it fails.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export const run = async (program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> =>
  (await execute(program, args, { env: { ...process.env, LC_ALL: 'C', ...env }, maxBuffer: 1 << 26 })).stdout;
