// Finds the script that an interpreter runs from its arguments, for processes whose exec was not seen.

import path from 'node:path';
import type { HostFiles } from '../host/host-files.ts';
import { tryRead } from '../host/read-faults.ts';
import { readHead, withFile } from '../host/read-file.ts';
import { parseInterpreterRun } from '../process/interpreters.ts';

/**
 * The absolute path of the script, or undefined if no script runs (`sh -c`, an interactive shell). The kernel starts a
 * script as `INTERPRETER [ARGUMENT] SCRIPT ...` (execve(2)), so that at most one argument precedes the script, and only
 * a file that begins with `#!` counts: `python3 x.py` of a file without it is a run of python3.
 */
export function scriptOfInterpreter(
  executable: string,
  args: readonly string[],
  workingDirectory: string | undefined,
  beginsWithShebang: (file: string) => boolean,
): string | undefined {
  const { script = [] } = parseInterpreterRun(executable, args) ?? {};
  const [name] = script;
  if (!name || args.length - script.length > 2) return undefined;
  const file = path.isAbsolute(name) ? name : workingDirectory && path.join(workingDirectory, name);
  return file && beginsWithShebang(file) ? file : undefined;
}

/** Whether the file begins with `#!`. False if it cannot be read. */
export const hasShebang = (files: Pick<HostFiles, 'open'>, file: string): boolean => headOf(files, file, 2) === '#!';

/**
 * The arguments that the kernel puts in front of the path of a script: the interpreter in its first line, and one
 * argument (execve(2)).
 */
export function shebangCommand(files: Pick<HostFiles, 'open'>, file: string): string[] | undefined {
  const [, interpreter, argument] = /^#![ \t]*([^\s\0]+)[ \t]*([^\n\0]*)/.exec(headOf(files, file, 256) ?? '') ?? [];
  if (interpreter === undefined) return undefined;
  return argument?.trimEnd() ? [interpreter, argument.trimEnd()] : [interpreter];
}

/** The interpreter in the first line of a script; undefined: the file is no script, or cannot be read. */
export const shebangInterpreter = (files: Pick<HostFiles, 'open'>, file: string): string | undefined =>
  shebangCommand(files, file)?.[0];

const headOf = (files: Pick<HostFiles, 'open'>, file: string, sizeBytes: number): string | undefined =>
  tryRead(() => withFile(files.open(file), (opened) => readHead(opened, sizeBytes).toString('utf8')));
