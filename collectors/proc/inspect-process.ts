// Everything that /proc shows of one process, in one value.

import type { InferredBasis } from '../event/reasons.ts';
import type { Host } from '../host/host.ts';
import { dpkgDirectory, rpmDirectories } from '../packages/tools.ts';
import { containerOfCgroup } from './parse-proc.ts';
import type { Proc } from './read-proc.ts';
import { hasShebang, scriptOfInterpreter } from './script-of-interpreter.ts';

export interface ProcessDetails {
  pid: number;
  /** Clock ticks (1/100 s) since boot. */
  startTicks: number;
  parentPid: number;
  sessionId: number;
  groupId: number;
  /** Device number of the controlling terminal; 0: none. */
  tty: number;
  /** Effective, as are `userGroupId` and all ids that do not say otherwise. */
  userId: number;
  realUserId: number;
  savedUserId: number;
  userGroupId: number;
  realUserGroupId: number;
  savedUserGroupId: number;
  /** At most `maxSupplementalGroups` of them. Undefined: not known. */
  supplementalGroupIds: readonly number[] | undefined;
  supplementalGroupsTruncated: boolean;
  loginUserId: number | undefined;
  /** The mapped file. Undefined for a kernel thread, and where it may not be read. */
  exe: string | undefined;
  /** What it was started by: the script where it runs one, else `exe`. */
  filename: string | undefined;
  /** Why `filename` is not `exe`. */
  inferredFrom: InferredBasis | undefined;
  /** At most `maxDetailArgsBytes` of them. Undefined also where they were known and not read. */
  args: string[] | undefined;
  argsTruncated: boolean;
  workingDirectory: string | undefined;
  cgroupPath: string | undefined;
  /** Its root is the host's root, so that its paths mean what they mean to us. */
  hostRoot: boolean;
  /** A container's id, where it runs in one. */
  containerId: string | undefined;
}

/** Bytes of arguments that are kept of each process in the table: a host has many, and each may have megabytes. */
export const maxDetailArgsBytes = 8 * 1024;

/** A process can have 65536 supplemental groups (credentials(7)). */
export const maxSupplementalGroups = 64;

/** Most processes have none: these share one list. */
const noGroups: readonly number[] = [];

const keptGroups = (ids: number[] | undefined): readonly number[] | undefined =>
  ids?.length === 0 ? noGroups : ids?.slice(0, maxSupplementalGroups);

export interface HostNamespaces {
  pid: string;
  /** Mount namespaces, see `readHostMounts`. */
  mounts: readonly string[];
  /** Device and inode of `/`, and of the package databases' directories. */
  root: string;
  databases: ReadonlyMap<string, string>;
}

/** Where package databases are, in a container as on the host. */
const databaseDirectories = [dpkgDirectory, ...rpmDirectories];

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
 * The container that a process is in. A namespace alone makes no container: systemd gives services mount namespaces,
 * and an attacker can make either kind in one command; the host's package database written from there is still the
 * host's. So: other namespaces, none of the host's package databases, and another root or a pid namespace of its own; or
 * mounts in the user namespace of a user other than root, which are not read.
 * Undefined: the process has ended.
 */
function locationOf(proc: Proc, pid: number, host: HostNamespaces, cgroupPath: string | undefined) {
  const ownNamespaces = proc.readNamespaces(pid);
  if (ownNamespaces === undefined) return undefined;
  const isSeparate = ownNamespaces.pid !== host.pid || !host.mounts.includes(ownNamespaces.mnt);
  const namespace = ownNamespaces.pid === host.pid ? ownNamespaces.mnt : ownNamespaces.pid;
  const nameOf = (): string => (cgroupPath && containerOfCgroup(cgroupPath)) ?? namespace.replaceAll(/[[\]]/g, '');
  // Of a user who is not root here: what is in there is of no consequence to the host, and not to be touched.
  const inside = proc.filesInside(pid);
  if (inside === undefined) return isSeparate ? { hostRoot: false, containerId: nameOf() } : undefined;
  const seesHostDatabase =
    isSeparate && [...host.databases].some(([directory, identity]) => inside.identityOf(directory) === identity);
  // Last: while this can be read, so could all before it.
  const root = inside.identityOf('/');
  if (root === undefined) return undefined;
  const hostRoot = root === host.root;
  const sharesHost = hostRoot && (ownNamespaces.pid === host.pid || host.databases.size === 0);
  if (!isSeparate || sharesHost || seesHostDatabase) return { hostRoot, containerId: undefined };
  return { hostRoot, containerId: nameOf() };
}

/** `argsKnown`: the arguments were observed otherwise and are not read. Undefined: no such process. */
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
  // A zombie has no files any more, but its parent and session stand.
  if (stat === undefined || status === undefined) return undefined;
  const exe = proc.readExe(pid);
  const cmdline = argsKnown ? undefined : proc.readCmdline(pid, maxDetailArgsBytes);
  const cgroupPath = proc.readCgroupPath(pid);
  const workingDirectory = proc.readCwd(pid);
  const location = locationOf(proc, pid, namespaces, cgroupPath);
  // It has ended on the way: half of the truth would be taken for the whole.
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

/** The process table's view of a host's /proc; `namespaces` as they were when the agent began. */
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
