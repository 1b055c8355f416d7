// Finds the script that a process runs: the executed file itself (#!), or the file that the arguments of an interpreter
// name.

import path from 'node:path';
import type { HostFiles } from '../host/host-files.ts';
import { scriptOfFile } from '../packages/script-file.ts';
import { isInDpkgDirectory } from '../packages/tools.ts';
import { hasShebang } from '../proc/script-of-interpreter.ts';
import { isPrivateName, sharesRoot } from './executable.ts';
import { isInterpreter, parseInterpreterRun } from './interpreters.ts';
import type { Image, ProcessEntry, RecognizedProgram } from './process.ts';
import type { ProcessTable } from './process-table.ts';
import { knownPathOf } from './program-name.ts';

type Files = Pick<HostFiles, 'realPath' | 'open'>;

/** Absolute path of the script that the arguments of an interpreter name, without symlinks if they can be resolved. */
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
  // A name such as /dev/fd/3 means another file in each process: read it through the /proc directory of this one.
  const ownName = file
    .replace(/^\/dev\/fd\//, '/proc/self/fd/')
    .replace(/^\/proc\/(?:thread-)?self\//, `/proc/${entry.pid}/`);
  return (entry.ended ? undefined : files.realPath(ownName)) ?? file;
}

/**
 * The maintainer script among the arguments of a program that may be an interpreter, since its name is relative to a
 * directory that was not observed. The arguments are those of the start.
 */
function scriptOfUnknown(image: Image | undefined): string | undefined {
  if (image?.executable?.inferredFrom !== 'filename_relative' || image.program !== undefined) return undefined;
  const scripts = image.start?.args.slice(1).map((arg) => path.posix.normalize(arg));
  return scripts?.find((file) => isInDpkgDirectory(file) && scriptOfFile(file)?.phase !== undefined);
}

/**
 * The cheap form, for rules: the path of the script or, since any program may be a script, of the program. Reads /proc
 * only for an interpreter, whose arguments are needed.
 */
export function peekScriptPath(
  files: Files,
  entry: ProcessEntry,
  executable: string,
  table: ProcessTable,
): string | undefined {
  const program = entry.image?.program;
  const interpreter = entry.image === undefined ? executable : knownPathOf(entry.image, executable);
  if (!isInterpreter(interpreter)) return scriptOfUnknown(entry.image) ?? executable;
  const seen = table.peekArgs(entry);
  const args = seen?.args.slice(program?.argument?.index ?? 0);
  return seen && args && scriptOf(files, entry, interpreter, args, seen.workingDirectory);
}

/** A program as it was observed in a process. */
export interface SeenProgram {
  executable: string;
  /** The mapped file; undefined: not read, or the process runs another program by now. */
  mapped: string | undefined;
  /** What the content of the executable is; undefined: not a known program. */
  program: RecognizedProgram | undefined;
  args: readonly string[];
  workingDirectory: string | undefined;
}

/** The exact form, for the event: path of the script that the program runs; undefined: no script, or not known. */
export function scriptPath(files: Files, entry: ProcessEntry, seen: SeenProgram): string | undefined {
  const { executable, mapped, program } = seen;
  // A maintainer script may be a compiled program (the preinst of bash was one).
  if (executable.startsWith('/var/lib/dpkg/info/')) return executable;
  const mayBeScript = mapped === undefined || mapped !== executable;
  if (mayBeScript && sharesRoot(entry) && hasShebang(files, executable)) return executable;
  // The file cannot be read: it is gone or in another root. An interpreter that was executed by another name runs that
  // name as a script.
  if (mapped !== undefined && mapped !== executable && isInterpreter(mapped)) return executable;
  const unknown = scriptOfUnknown(entry.image);
  if (unknown !== undefined) return unknown;
  const args = seen.args.slice(program?.argument?.index ?? 0);
  return scriptOf(files, entry, program?.path ?? executable, args, () => seen.workingDirectory);
}
