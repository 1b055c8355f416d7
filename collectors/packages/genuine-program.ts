// Whether a process really runs the program that its path names: a path alone is easily borrowed.

import { fileIdentity, realPath } from '../host/file-identity.ts';
import { readHostMounts, readIdentityInside, readMappedIdentity, readNamespaces } from '../proc/read-proc.ts';
import { hasShebang, shebangCommand } from '../proc/script-of-interpreter.ts';
import type { ProcessSnapshot } from '../process/process.ts';

const dpkgDatabase = '/var/lib/dpkg/info';

/** The merge of /bin and /sbin into /usr makes these the same file by the distribution's own hand. */
const withUsr = (file: string): string => file.replace(/^\/(?=s?bin\/)/, '/usr/');

/** Folders where names are the distribution's: aptitude is a link there (alternatives), which leads to the program. */
const isSystemName = (file: string): boolean => /^\/(?:usr\/)?(?:s?bin|lib(?:exec)?)\//.test(file);

/** The name that execve was given means the program, and nobody but root can have it mean another one meanwhile. */
const names = (filename: string, program: string): boolean =>
  withUsr(filename) === program || (isSystemName(filename) && realPath(filename) === program);

const sharesMounts = (pid: number): boolean => {
  const mounts = readNamespaces(pid)?.mnt;
  return mounts !== undefined && readHostMounts().includes(mounts);
};

/** What /proc shows now is of this program. */
const runsNow = ({ entry, image }: ProcessSnapshot): boolean =>
  !entry.ended && image !== undefined && entry.image === image && entry.details !== undefined;

const isOnHost = ({ entry: { details } }: ProcessSnapshot): boolean =>
  details?.hostRoot === true && details.containerId === undefined;

/** The host's file at `program`, where the process sees the same one there. */
function sharedFile(process: ProcessSnapshot, program: string): string | undefined {
  const identity = runsNow(process) && isOnHost(process) ? fileIdentity(program) : undefined;
  return identity !== undefined && readIdentityInside(process.entry.pid, program) === identity ? identity : undefined;
}

/**
 * The process runs the very file that stands at `program` on the host: it is alive, in no container, was started by a
 * name of that program, sees that file there itself (no bind mount over it), and has it mapped; or, for a script, lives
 * among the host's mounts. A name that is only concluded from an interpreter's arguments does not do: a process can
 * write those. A link of its own making does not do either: it may lead elsewhere by the time that it is looked at.
 */
export function runsGenuine(process: ProcessSnapshot, program: string): boolean {
  const { entry, image } = process;
  if (image === undefined || !names(image.filename, program)) return false;
  const identity = sharedFile(process, program);
  if (identity === undefined) return false;
  if (readMappedIdentity(entry.pid) === identity) return true;
  return image.inferredFrom === undefined && hasShebang(program) && sharesMounts(entry.pid);
}

/**
 * The process's arguments are those that the kernel would have given to the script `program` (execve(2)). Weaker than
 * `runsGenuine`, for where /proc is all that there is: a process can write its arguments.
 */
export function appearsGenuine(process: ProcessSnapshot, program: string): boolean {
  const { entry, image } = process;
  if (image?.inferredFrom === undefined || image.filename !== program || image.args === undefined) return false;
  const command = sharedFile(process, program) === undefined ? undefined : shebangCommand(program);
  if (command === undefined || !sharesMounts(entry.pid)) return false;
  const [interpreter = ''] = command;
  return (
    readMappedIdentity(entry.pid) === fileIdentity(interpreter) &&
    [...command, program].every((arg, i) => image.args?.[i] === arg)
  );
}

/** The process was started by the name `program`, and sees another file there than the host: one is mounted over it. */
export function seesAnother(process: ProcessSnapshot, program: string): boolean {
  if (!runsNow(process) || !isOnHost(process)) return false;
  const inside = readIdentityInside(process.entry.pid, program);
  const identity = fileIdentity(program);
  return inside !== undefined && identity !== undefined && inside !== identity;
}

/**
 * Where the process lives in a system of its own (a chroot, a container) with a package database of its own: device and inode
 * of its root, if it runs what stands at `program` there. Who made that system chose that file, and its database as well:
 * to ask that one would prove nothing.
 */
export function ownSystemOf(process: ProcessSnapshot, program: string): string | undefined {
  const { entry, image } = process;
  if (!runsNow(process) || isOnHost(process) || image === undefined) return undefined;
  if (withUsr(image.filename) !== program || image.inferredFrom !== undefined) return undefined;
  const { pid } = entry;
  const database = readIdentityInside(pid, dpkgDatabase);
  if (database === undefined || database === fileIdentity(dpkgDatabase)) return undefined;
  const file = readIdentityInside(pid, program);
  if (file === undefined) return undefined;
  if (readMappedIdentity(pid) !== file && !hasShebang(`/proc/${pid}/root${program}`)) return undefined;
  return readIdentityInside(pid, '/');
}

/** The process may live in the system with that root: it does, or it has ended. */
export const isIn = (ownRoot: string, pid: number): boolean => {
  const root = readIdentityInside(pid, '/');
  return root === undefined || root === ownRoot;
};

/** Device and inode of what the process has mapped; undefined: it runs another program by now, or none. */
export const mappedNow = (process: ProcessSnapshot): string | undefined =>
  runsNow(process) ? readMappedIdentity(process.entry.pid) : undefined;
