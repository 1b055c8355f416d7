// An access to a script by a process, with what /proc shows of the process a moment later.

import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import { scriptOfFile } from '../packages/script-file.ts';
import { isInterpreter } from '../process/interpreters.ts';
import type { BootNs } from '../process/process-record.ts';
import { isPackagedFile } from '../process/recognize-program.ts';
import type { FileAccess } from './watch-accesses.ts';

/** A process that accessed a script. Links of descriptors are as in /proc: a path, or `pipe:[INODE]`; undefined: closed. */
export interface SeenReader {
  /** The mapped file. */
  executable: string;
  input: string | undefined;
  output: string | undefined;
}

/** An access to a script. `path` is that of the script, which the process may have opened by another name. */
export interface ScriptAccess extends FileAccess {
  /** Time by the boot clock at which the agent read the event. */
  atNs: BootNs;
  /** Undefined: the process had ended. */
  seen: SeenReader | undefined;
}

/** A descriptor of a live process, as its link in /proc; undefined: it is closed, or the process has ended. */
export const readDescriptor = (host: Pick<Host, 'readLink'>, pid: number, descriptor: number): string | undefined =>
  tryRead(() => host.readLink(`/proc/${pid}/fd/${descriptor}`));

/** Reads the process of an access. Undefined: it has ended. */
export function seeReader(host: Host, pid: number): SeenReader | undefined {
  // One cheap read first: most short processes have ended, and an exception costs more.
  const executable = host.exists(`/proc/${pid}`) ? host.proc.readExe(pid) : undefined;
  if (executable === undefined) return undefined;
  return { executable, input: readDescriptor(host, pid, 0), output: readDescriptor(host, pid, 1) };
}

/** Programs that open scripts at each run, and pass their content to no other program. */
const silentPrograms: ReadonlySet<string> = new Set(['/usr/bin/dpkg', '/usr/bin/dpkg-trigger']);

/**
 * Whether what the process reads cannot come to an interpreter: it is not one, and its output is a terminal or /dev/null. A
 * program that no package installed may be a copy of one.
 */
export const keepsToItself = ({ executable, output }: SeenReader): boolean =>
  silentPrograms.has(executable) ||
  (!isInterpreter(executable) && isPackagedFile(executable) && output?.startsWith('/dev/') === true);

/** Whether the link of a descriptor is one of a pipe or a socket. A named pipe has its path. */
export const isPipe = (link: string): boolean => link.startsWith('pipe:[') || link.startsWith('socket:[');

/**
 * Whether the readers of a file in the directories of dpkg are of interest: maintainer scripts, and the files from
 * which dpkg takes the scripts that it runs at a trigger.
 */
export const isWatchedFile = (file: string): boolean =>
  scriptOfFile(file)?.package !== undefined ||
  (file.endsWith('.triggers') && file.includes('/info/')) ||
  /\/triggers\/[^/]+$/.test(file);
