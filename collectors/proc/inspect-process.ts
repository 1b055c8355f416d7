// Everything that /proc shows of one process, in one value.

import fs from 'node:fs';
import { containerOfCgroup } from './parse-proc.ts';
import {
  listPids,
  listThreads,
  mayLookInside,
  readCgroupPath,
  readCmdline,
  readCwd,
  readExe,
  readHostMounts,
  readIdentityInside,
  readLoginUserId,
  readNamespaces,
  readStat,
  readStatus,
} from './read-proc.ts';
import { scriptOfInterpreter } from './script-of-interpreter.ts';

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
  inferredFrom: string | undefined;
  /** At most `maxDetailArgsBytes` of them. */
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
  /** Device and inode of `/`, and of the package databases' folders. */
  root: string;
  databases: ReadonlyMap<string, string>;
}

/** Where package databases are, in a container as on the host. */
const databaseDirectories = ['/var/lib/dpkg', '/var/lib/rpm', '/usr/lib/sysimage/rpm'];

export function readHostNamespaces(): HostNamespaces {
  const own = readNamespaces('self');
  const root = readIdentityInside('self', '/');
  if (own === undefined || root === undefined) throw new Error('/proc/self cannot be read: mount proc on /proc');
  const databases = databaseDirectories.flatMap((directory): [string, string][] => {
    const identity = readIdentityInside('self', directory);
    return identity === undefined ? [] : [[directory, identity]];
  });
  return { pid: own.pid, mounts: readHostMounts(), root, databases: new Map(databases) };
}

/**
 * The container that a process is in. A namespace alone makes no container: systemd gives services mount namespaces,
 * and an attacker can make either kind in one command; the host's package database written from there is still the
 * host's. So: other namespaces, none of the host's package databases, and another root or a pid namespace of its own; or
 * mounts in a user namespace of somebody's who is not root, where it is not looked.
 * Undefined: the process has ended.
 */
function placeOf(pid: number, host: HostNamespaces, cgroupPath: string | undefined) {
  const own = readNamespaces(pid);
  if (own === undefined) return undefined;
  const isSeparate = own.pid !== host.pid || !host.mounts.includes(own.mnt);
  const namespace = own.pid === host.pid ? own.mnt : own.pid;
  const nameOf = (): string => (cgroupPath && containerOfCgroup(cgroupPath)) ?? namespace.replaceAll(/[[\]]/g, '');
  // Of a user who is not root here: what is in there is of no consequence to the host, and not to be touched.
  if (isSeparate && !mayLookInside(pid)) return { hostRoot: false, containerId: nameOf() };
  const seesHostDatabase =
    isSeparate && [...host.databases].some(([directory, identity]) => readIdentityInside(pid, directory) === identity);
  // Last: while this can be read, so could all before it.
  const root = readIdentityInside(pid, '/');
  if (root === undefined) return undefined;
  const hostRoot = root === host.root;
  const sharesHost = hostRoot && (own.pid === host.pid || host.databases.size === 0);
  if (!isSeparate || sharesHost || seesHostDatabase) return { hostRoot, containerId: undefined };
  return { hostRoot, containerId: nameOf() };
}

/** Undefined: no such process. */
export function inspectProcess(pid: number, host: HostNamespaces): ProcessDetails | undefined {
  // One cheap look first: a process that has ended costs one call, not ten exceptions.
  if (!fs.existsSync(`/proc/${pid}`)) return undefined;
  const stat = readStat(pid);
  const status = readStatus(pid);
  // A zombie has no files any more, but its parent and session stand.
  if (stat === undefined || status === undefined) return undefined;
  const exe = readExe(pid);
  const cmdline = readCmdline(pid, maxDetailArgsBytes);
  const cgroupPath = readCgroupPath(pid);
  const workingDirectory = readCwd(pid);
  const place = placeOf(pid, host, cgroupPath);
  // It has ended on the way: half of the truth would be taken for the whole.
  if (exe !== undefined && place === undefined) return undefined;
  const script = exe && cmdline && scriptOfInterpreter(exe, cmdline.args, workingDirectory);
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
    loginUserId: readLoginUserId(pid),
    exe,
    filename: script ?? exe,
    inferredFrom: script === undefined ? undefined : "the interpreter's argument",
    args: cmdline?.args,
    argsTruncated: cmdline?.truncated ?? false,
    workingDirectory,
    cgroupPath,
    hostRoot: place?.hostRoot ?? false,
    containerId: exe === undefined ? undefined : place?.containerId,
  };
}

/** The process table's view of the real /proc. */
export const openProcView = (host: HostNamespaces) => ({
  inspect: (pid: number) => inspectProcess(pid, host),
  readArgs: readCmdline,
  readCwd,
  processOfThread: (tid: number) => readStatus(tid)?.threadGroupId,
  startTicks: (pid: number) => readStat(pid)?.startTicks,
  listPids,
  listThreads,
});
