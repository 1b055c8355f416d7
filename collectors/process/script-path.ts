// Which script a process runs: itself one (#!), or the file that an interpreter was given to read.

import path from 'node:path';
import type { HostFiles } from '../host/host-files.ts';
import { hasShebang } from '../proc/script-of-interpreter.ts';
import { isPrivateName, sharesRoot } from './executable.ts';
import { isInterpreter, parseInterpreterRun } from './interpreters.ts';
import type { ProcessEntry } from './process.ts';
import type { ProcessTable } from './process-table.ts';

type Files = Pick<HostFiles, 'realPath' | 'open'>;

/** The file that an interpreter's arguments name, absolute, and without links where they can be resolved. */
function scriptOf(
  files: Files,
  entry: ProcessEntry,
  interpreter: string,
  args: readonly string[],
  workingDirectory: () => string | undefined,
): string | undefined {
  const argument = parseInterpreterRun(interpreter, args)?.script[0];
  if (!argument) return undefined;
  const directory = path.isAbsolute(argument) ? '/' : workingDirectory();
  if (directory === undefined) return undefined;
  const file = path.resolve(directory, argument);
  if (!sharesRoot(entry)) return file;
  if (!isPrivateName(file)) return files.realPath(file) ?? file;
  // Names that mean something else to each process: those of this one.
  const ownName = file
    .replace(/^\/dev\/fd\//, '/proc/self/fd/')
    .replace(/^\/proc\/(?:thread-)?self\//, `/proc/${entry.pid}/`);
  return (entry.ended ? undefined : files.realPath(ownName)) ?? file;
}

/**
 * The cheap answer, from the program's path: any program that is not an interpreter may be a script, so that this costs nothing. Only
 * for an interpreter are the arguments read.
 */
export function peekScriptPath(
  files: Files,
  entry: ProcessEntry,
  executable: string,
  table: ProcessTable,
): string | undefined {
  if (!isInterpreter(executable)) return executable;
  const seen = table.peekArgs(entry);
  return seen && scriptOf(files, entry, executable, seen.args, seen.workingDirectory);
}

export interface SeenProgram {
  executable: string;
  /** The mapped file; undefined: not read, or of another program. */
  mapped: string | undefined;
  args: readonly string[];
  workingDirectory: string | undefined;
}

/** From what was observed of a process. */
export function scriptPath(files: Files, entry: ProcessEntry, seen: SeenProgram): string | undefined {
  const { executable, mapped } = seen;
  // A package's script may be a compiled program (bash's preinst was one).
  if (executable.startsWith('/var/lib/dpkg/info/')) return executable;
  const mayBeScript = mapped === undefined || mapped !== executable;
  if (mayBeScript && sharesRoot(entry) && hasShebang(files, executable)) return executable;
  // It is gone, or lies in another root: an interpreter that is called by another name reads it.
  if (mapped !== undefined && mapped !== executable && isInterpreter(mapped)) return executable;
  return scriptOf(files, entry, executable, seen.args, () => seen.workingDirectory);
}
