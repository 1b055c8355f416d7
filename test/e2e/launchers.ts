// Programs with unique paths, so that each value in the baseline belongs to one test.

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { uniqueDirectory } from './private-host.ts';
import { type Ended, run } from './run-agent.ts';

/** Makes a copy of `program` in a directory of its own below `scratch`; returns its path. */
export function copyOf(scratch: string, program: string, name: string): string {
  const copy = join(uniqueDirectory(scratch, 'bin-'), name);
  copyFileSync(program, copy);
  return copy;
}

/** Makes a shell with a path of its own, to be the parent in `runBy`; returns its path. */
export const makeParent = (scratch: string, name: string): string => copyOf(scratch, '/bin/dash', name);

/** Runs a command as the child of `parent`, which waits for it and leads a session of its own, as a login's shell does. */
export const runBy = (parent: string, command: readonly string[], cwd?: string): Promise<Ended & { pid: number }> =>
  run(parent, ['-c', '"$@"; exit $?', 'parent', ...command], { detached: true, ...(cwd === undefined ? {} : { cwd }) });
