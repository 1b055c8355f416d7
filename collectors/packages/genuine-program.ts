// Decides whether a process really runs the program that its path names. Any process can pretend to have that path.

import { fileIdentity } from '../host/file-identity.ts';
import type { Host } from '../host/host.ts';
import { hasHostRoot } from '../proc/place.ts';
import type { FilesInside } from '../proc/read-proc.ts';
import { hasShebang, shebangCommand } from '../proc/script-of-interpreter.ts';
import type { ProcessSnapshot } from '../process/process.ts';
import { dpkgInfoDirectory } from './tools.ts';

/** The path below /usr: distributions make /bin and /sbin symlinks into /usr, so that both paths name the same file. */
export const withUsr = (file: string): string => file.replace(/^\/(?=s?bin\/)/, '/usr/');

/**
 * Whether only root can create names in the directory of the file. A name there may be a link to the program, as
 * aptitude is (update-alternatives(1)).
 */
const isSystemName = (file: string): boolean => /^\/(?:usr\/)?(?:s?bin|lib(?:exec)?)\//.test(file);

/** Whether the name passed to execve leads to the program, and only root can change where it leads. */
const isNameOf = (host: Host, filename: string, program: string): boolean =>
  withUsr(filename) === program || (isSystemName(filename) && host.realPath(filename) === program);

/** Whether the process is in a mount namespace of the host, as `readHostMounts` lists them. */
const sharesMounts = (host: Host, pid: number): boolean => {
  const mounts = host.proc.readNamespaces(pid)?.mnt;
  return mounts !== undefined && host.proc.readHostMounts().includes(mounts);
};

/** Whether the process still runs this program, so that /proc shows this program and no other. */
const runsNow = ({ entry, image }: ProcessSnapshot): boolean =>
  !entry.ended && image !== undefined && entry.image === image && entry.details !== undefined;

const isOnHost = ({ entry: { details } }: ProcessSnapshot): boolean => hasHostRoot(details?.place);

/**
 * Device and inode of the host's file at `program`, and the process's view of files. Undefined: the process sees
 * another file at that path.
 */
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
 * Whether the process runs the host's file at `program`. It must be alive and in no container, must have been executed
 * by a name of that program, must see the same file at that path (no bind mount over it) and must have it mapped. A
 * script is not mapped: there the process must be in a mount namespace of the host. A name that is only concluded from
 * the arguments of an interpreter is not enough, since a process can write its arguments. Nor is a link that a user
 * made: it may lead to another file when it is resolved.
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
 * Whether the arguments of the process are those that the kernel passes to the script `program` (execve(2)). This is
 * weaker than `runsGenuine`, because a process can write its arguments; it is used only while the agent polls /proc.
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

/** Whether the process sees another file at `program` than the host does, as after a bind mount over it. */
export function seesOtherFile(host: Host, process: ProcessSnapshot, program: string): boolean {
  if (!runsNow(process) || !isOnHost(process)) return false;
  const inside = host.proc.readIdentityInside(process.entry.pid, program);
  const identity = fileIdentity(host, program);
  return inside !== undefined && identity !== undefined && inside !== identity;
}

/**
 * If the process is in another system (a chroot, a container) with a package database of its own and runs the file at
 * `program` there: device and inode of its root; otherwise undefined. That database is not asked: its maker chose the
 * file, too, so the answer would prove nothing.
 */
export function ownSystemOf(host: Host, process: ProcessSnapshot, program: string): string | undefined {
  const { entry, image } = process;
  // A root directory that an attacker makes of directories of the host is no other system.
  if (!runsNow(process) || entry.details?.place?.kind === 'host' || image === undefined) return undefined;
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

/** Whether the process is in the system with that root, or has ended. */
export const isInRoot = (host: Host, ownRoot: string, pid: number): boolean => {
  const root = host.proc.readIdentityInside(pid, '/');
  return root === undefined || root === ownRoot;
};

/**
 * Device and inode of the file that the process has mapped; undefined: it runs another program by now, or has ended.
 */
export const mappedNow = (host: Host, process: ProcessSnapshot): string | undefined =>
  runsNow(process) ? host.proc.readMappedIdentity(process.entry.pid) : undefined;
