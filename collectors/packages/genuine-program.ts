// Decides whether a process really runs the program that its path names: any process can have a path that looks right.

import { fileIdentity } from '../host/file-identity.ts';
import type { Host } from '../host/host.ts';
import type { FilesInside } from '../proc/read-proc.ts';
import { hasShebang, shebangCommand } from '../proc/script-of-interpreter.ts';
import type { ProcessSnapshot } from '../process/process.ts';
import { dpkgInfoDirectory } from './tools.ts';

/** The merge of /bin and /sbin into /usr makes these the same file by the distribution's own hand. */
const withUsr = (file: string): string => file.replace(/^\/(?=s?bin\/)/, '/usr/');

/** Directories where names are the distribution's: aptitude is a link there (alternatives), which leads to the program. */
const isSystemName = (file: string): boolean => /^\/(?:usr\/)?(?:s?bin|lib(?:exec)?)\//.test(file);

/** The name that execve was given leads to the program, and only root can make that name lead to another file meanwhile. */
const isNameOf = (host: Host, filename: string, program: string): boolean =>
  withUsr(filename) === program || (isSystemName(filename) && host.realPath(filename) === program);

const sharesMounts = (host: Host, pid: number): boolean => {
  const mounts = host.proc.readNamespaces(pid)?.mnt;
  return mounts !== undefined && host.proc.readHostMounts().includes(mounts);
};

/** What /proc shows now is of this program. */
const runsNow = ({ entry, image }: ProcessSnapshot): boolean =>
  !entry.ended && image !== undefined && entry.image === image && entry.details !== undefined;

const isOnHost = ({ entry: { details } }: ProcessSnapshot): boolean =>
  details?.hostRoot === true && details.containerId === undefined;

/** The host's file at `program`, where the process sees the same one there; with what else the process sees. */
function sharedFile(
  host: Host,
  process: ProcessSnapshot,
  program: string,
): { identity: string; inside: FilesInside } | undefined {
  const identity = runsNow(process) && isOnHost(process) ? fileIdentity(host, program) : undefined;
  const inside = identity === undefined ? undefined : host.proc.filesInside(process.entry.pid);
  return identity !== undefined && inside?.identityOf(program) === identity ? { identity, inside } : undefined;
}

/**
 * The process runs the very file that stands at `program` on the host: it is alive, in no container, was started by a
 * name of that program, sees that file there itself (no bind mount over it), and has it mapped; or, for a script, lives
 * among the host's mounts. A name that is only concluded from an interpreter's arguments does not do: a process can
 * write those. A link of its own making does not do either: it may lead elsewhere by the time that it is resolved.
 */
export function runsGenuine(host: Host, process: ProcessSnapshot, program: string): boolean {
  const { entry, image } = process;
  if (image === undefined || !isNameOf(host, image.filename, program)) return false;
  const shared = sharedFile(host, process, program);
  if (shared === undefined) return false;
  if (shared.inside.mappedIdentity() === shared.identity) return true;
  return image.inferredFrom === undefined && hasShebang(host, program) && sharesMounts(host, entry.pid);
}

/**
 * The process's arguments are those that the kernel would have given to the script `program` (execve(2)). Weaker than
 * `runsGenuine`, for where /proc is all that there is: a process can write its arguments.
 */
export function appearsGenuine(host: Host, process: ProcessSnapshot, program: string): boolean {
  const { entry, image } = process;
  if (image?.inferredFrom === undefined || image.filename !== program || image.args === undefined) return false;
  const shared = sharedFile(host, process, program);
  const command = shared && shebangCommand(host, program);
  if (command === undefined || !sharesMounts(host, entry.pid)) return false;
  const [interpreter = ''] = command;
  return (
    shared?.inside.mappedIdentity() === fileIdentity(host, interpreter) &&
    [...command, program].every((arg, i) => image.args?.[i] === arg)
  );
}

/** The process was started by the name `program`, and sees another file there than the host: one is mounted over it. */
export function seesOtherFile(host: Host, process: ProcessSnapshot, program: string): boolean {
  if (!runsNow(process) || !isOnHost(process)) return false;
  const inside = host.proc.readIdentityInside(process.entry.pid, program);
  const identity = fileIdentity(host, program);
  return inside !== undefined && identity !== undefined && inside !== identity;
}

/**
 * Where the process lives in a system of its own (a chroot, a container) with a package database of its own: device and inode
 * of its root, if it runs what stands at `program` there. Who made that system chose that file, and its database as well:
 * to ask that one would prove nothing.
 */
export function ownSystemOf(host: Host, process: ProcessSnapshot, program: string): string | undefined {
  const { entry, image } = process;
  if (!runsNow(process) || isOnHost(process) || image === undefined) return undefined;
  if (withUsr(image.filename) !== program || image.inferredFrom !== undefined) return undefined;
  const { pid } = entry;
  const inside = host.proc.filesInside(pid);
  const database = inside?.identityOf(dpkgInfoDirectory);
  if (database === undefined || database === fileIdentity(host, dpkgInfoDirectory)) return undefined;
  const file = inside?.identityOf(program);
  if (file === undefined) return undefined;
  if (inside?.mappedIdentity() !== file && !hasShebang(host, `/proc/${pid}/root${program}`)) return undefined;
  return inside?.identityOf('/');
}

/** The process may live in the system with that root: it does, or it has ended. */
export const isInRoot = (host: Host, ownRoot: string, pid: number): boolean => {
  const root = host.proc.readIdentityInside(pid, '/');
  return root === undefined || root === ownRoot;
};

/** Device and inode of what the process has mapped; undefined: it runs another program by now, or none. */
export const mappedNow = (host: Host, process: ProcessSnapshot): string | undefined =>
  runsNow(process) ? host.proc.readMappedIdentity(process.entry.pid) : undefined;
