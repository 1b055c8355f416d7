// Reads all that the agent needs of one process from /proc, as one value.

import type { InferredBasis } from '../event/reasons.ts';
import type { Host } from '../host/host.ts';
import { dpkgDirectory, rpmDirectories } from '../packages/tools.ts';
import { containerOfCgroup } from './parse-proc.ts';
import type { Proc } from './read-proc.ts';
import { hasShebang, scriptOfInterpreter } from './script-of-interpreter.ts';

/**
 * One process, from one pass over its files in /proc. The reads are not atomic: the process may change between two. An
 * undefined field without a meaning of its own could not be read.
 */
export interface ProcessDetails {
  pid: number;
  /** Clock ticks (1/100 s) since boot. */
  startTicks: number;
  parentPid: number;
  sessionId: number;
  groupId: number;
  /** Device number of the controlling terminal; 0: none. */
  tty: number;
  /** Effective user id. `userGroupId` is the effective group id. */
  userId: number;
  realUserId: number;
  savedUserId: number;
  userGroupId: number;
  realUserGroupId: number;
  savedUserGroupId: number;
  /** The first `maxSupplementalGroups` ids. Undefined: not known. */
  supplementalGroupIds: readonly number[] | undefined;
  supplementalGroupsTruncated: boolean;
  loginUserId: number | undefined;
  /** The mapped file. Undefined: a kernel thread or a zombie, or the file may not be read. */
  exe: string | undefined;
  /** The script if the process runs one, else `exe`. */
  filename: string | undefined;
  /** Why `filename` is a conclusion; undefined: it is `exe`. */
  inferredFrom: InferredBasis | undefined;
  /** The first `maxDetailArgsBytes` bytes of the arguments. Undefined also if they were known already and not read. */
  args: string[] | undefined;
  argsTruncated: boolean;
  workingDirectory: string | undefined;
  cgroupPath: string | undefined;
  /** Whether its root is the root of the host, so that its paths lead to the same files as for the agent. */
  hostRoot: boolean;
  /** Id of its container; undefined: it is in none. */
  containerId: string | undefined;
}

/**
 * Maximum size in bytes of the arguments of each process in the table: a host has many processes, and each may have
 * megabytes.
 */
export const maxDetailArgsBytes = 8 * 1024;

/** Maximum number of supplementary groups that are kept; a process can have 65536 (credentials(7)). */
export const maxSupplementalGroups = 64;

/** The list of processes without supplementary groups, which most have; they share one object. */
const noGroups: readonly number[] = [];

const keptGroups = (ids: number[] | undefined): readonly number[] | undefined =>
  ids?.length === 0 ? noGroups : ids?.slice(0, maxSupplementalGroups);

/** The namespaces and files of the host, by which a process in a container is recognized. */
export interface HostNamespaces {
  pid: string;
  /** Mount namespaces, see `readHostMounts`. */
  mounts: readonly string[];
  /** Device and inode of `/`. */
  root: string;
  /** Device and inode of the directory of each package database, by path. */
  databases: ReadonlyMap<string, string>;
}

/** The directories of package databases, on the host and in containers. */
const databaseDirectories = [dpkgDirectory, ...rpmDirectories];

/** Reads the namespaces of the agent as those of the host. Throws if /proc is not mounted. */
export function readHostNamespaces(proc: Proc): HostNamespaces {
  const ownNamespaces = proc.readNamespaces('self');
  const root = proc.readIdentityInside('self', '/');
  if (ownNamespaces === undefined || root === undefined)
    throw new Error('/proc/self cannot be read: mount proc on /proc');
  const databases = databaseDirectories.flatMap((directory): [string, string][] => {
    const identity = proc.readIdentityInside('self', directory);
    return identity === undefined ? [] : [[directory, identity]];
  });
  return { pid: ownNamespaces.pid, mounts: proc.readHostMounts(), root, databases: new Map(databases) };
}

/**
 * Determines whether a process is in a container. Other namespaces are not enough: systemd gives services mount
 * namespaces, an attacker can create pid and mount namespaces with one command, and a process in them can still write
 * the package database of the host. A process is in a container if it has other namespaces and does not see a package
 * database of the host, and has another root or pid namespace; or if its mounts are in the user namespace of a user
 * other than root, since those are not read. Undefined: the process has ended.
 */
function locationOf(proc: Proc, pid: number, host: HostNamespaces, cgroupPath: string | undefined) {
  const ownNamespaces = proc.readNamespaces(pid);
  if (ownNamespaces === undefined) return undefined;
  const isSeparate = ownNamespaces.pid !== host.pid || !host.mounts.includes(ownNamespaces.mnt);
  const namespace = ownNamespaces.pid === host.pid ? ownNamespaces.mnt : ownNamespaces.pid;
  const nameOf = (): string => (cgroupPath && containerOfCgroup(cgroupPath)) ?? namespace.replaceAll(/[[\]]/g, '');
  // The namespace of a user other than root cannot change packages of the host, and reading its files may block.
  const inside = proc.filesInside(pid);
  if (inside === undefined) return isSeparate ? { hostRoot: false, containerId: nameOf() } : undefined;
  const seesHostDatabase =
    isSeparate && [...host.databases].some(([directory, identity]) => inside.identityOf(directory) === identity);
  // Read last: if the root can still be read, all reads before it were of a live process.
  const root = inside.identityOf('/');
  if (root === undefined) return undefined;
  const hostRoot = root === host.root;
  const sharesHost = hostRoot && (ownNamespaces.pid === host.pid || host.databases.size === 0);
  if (!isSeparate || sharesHost || seesHostDatabase) return { hostRoot, containerId: undefined };
  return { hostRoot, containerId: nameOf() };
}

/** Reads a process. `argsKnown`: the arguments were observed otherwise and are not read. Undefined: no such process. */
export function inspectProcess(
  host: Host,
  namespaces: HostNamespaces,
  pid: number,
  argsKnown = false,
): ProcessDetails | undefined {
  // One cheap read first: a process that has ended costs one call, not ten exceptions.
  if (!host.exists(`/proc/${pid}`)) return undefined;
  const { proc } = host;
  const stat = proc.readStat(pid);
  const status = proc.readStatus(pid);
  // A zombie has no files any more, but its parent and session can be read.
  if (stat === undefined || status === undefined) return undefined;
  const exe = proc.readExe(pid);
  const cmdline = argsKnown ? undefined : proc.readCmdline(pid, maxDetailArgsBytes);
  const cgroupPath = proc.readCgroupPath(pid);
  const workingDirectory = proc.readCwd(pid);
  const location = locationOf(proc, pid, namespaces, cgroupPath);
  // The process ended during the reads: an incomplete result would be taken for a complete one.
  if (exe !== undefined && location === undefined) return undefined;
  const script =
    exe && cmdline && scriptOfInterpreter(exe, cmdline.args, workingDirectory, (file) => hasShebang(host, file));
  return {
    pid,
    startTicks: stat.startTicks,
    parentPid: stat.parentPid,
    sessionId: stat.sessionId,
    groupId: stat.groupId,
    tty: stat.tty,
    userId: status.effectiveUserId,
    realUserId: status.realUserId,
    savedUserId: status.savedUserId,
    userGroupId: status.effectiveGroupId,
    realUserGroupId: status.realGroupId,
    savedUserGroupId: status.savedGroupId,
    supplementalGroupIds: keptGroups(status.supplementalGroupIds),
    supplementalGroupsTruncated: (status.supplementalGroupIds?.length ?? 0) > maxSupplementalGroups,
    loginUserId: proc.readLoginUserId(pid),
    exe,
    filename: script ?? exe,
    inferredFrom: script === undefined ? undefined : 'interpreter_argument',
    args: cmdline?.args,
    argsTruncated: cmdline?.truncated ?? false,
    workingDirectory,
    cgroupPath,
    hostRoot: location?.hostRoot ?? false,
    containerId: exe === undefined ? undefined : location?.containerId,
  };
}

/** The view of /proc for the process table. `namespaces`: read once, when the agent starts. */
export function openProcView(host: Host, namespaces = readHostNamespaces(host.proc)) {
  const { proc } = host;
  return {
    inspect: (pid: number, argsKnown?: boolean) => inspectProcess(host, namespaces, pid, argsKnown),
    // Most of these processes have ended: a check costs less than an exception.
    readArgs: (pid: number, maxBytes: number) =>
      host.exists(`/proc/${pid}`) ? proc.readCmdline(pid, maxBytes) : undefined,
    readCwd: proc.readCwd,
    processOfThread: (tid: number) => proc.readStatus(tid)?.threadGroupId,
    startTicks: (pid: number) => proc.readStat(pid)?.startTicks,
    listPids: proc.listPids,
    listThreads: proc.listThreads,
  };
}
