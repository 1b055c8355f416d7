// Reads all that the agent needs of one process from /proc, as one value.

import type { InferredBasis } from '../event/reasons.ts';
import type { Host } from '../host/host.ts';
import { containerOfCgroup } from './parse-proc.ts';
import { type HostNamespaces, onHost, type Place, placeDirectories, placeKind, seesHost } from './place.ts';
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
  /** Undefined: a zombie, which sees no files any more. */
  place: Place | undefined;
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

/** Reads the namespaces of the agent as those of the host. Throws if /proc is not mounted. */
export function readHostNamespaces(proc: Proc): HostNamespaces {
  const ownNamespaces = proc.readNamespaces('self');
  const directories = placeDirectories.flatMap((directory): [string, string][] => {
    const identity = proc.readIdentityInside('self', directory);
    return identity === undefined ? [] : [[directory, identity]];
  });
  if (ownNamespaces === undefined || directories[0]?.[0] !== '/')
    throw new Error('/proc/self cannot be read: mount proc on /proc');
  return { pid: ownNamespaces.pid, mounts: proc.readHostMounts(), directories: new Map(directories) };
}

/** The place of a process. Undefined: it has ended. */
function readPlace(proc: Proc, pid: number, host: HostNamespaces, cgroupPath: string | undefined): Place | undefined {
  const ownNamespaces = proc.readNamespaces(pid);
  if (ownNamespaces === undefined) return undefined;
  const inside = proc.filesInside(pid);
  const root = inside?.identityOf('/');
  if (inside !== undefined && root === undefined) return undefined;
  if (root !== undefined && root === host.directories.get('/')) return onHost;
  // A user other than root cannot change packages of the host in a namespace of his own, and reading its files may block.
  const kind =
    inside === undefined ? 'container' : placeKind({ ...ownNamespaces, identityOf: inside.identityOf }, host);
  const namespace = ownNamespaces.pid === host.pid ? ownNamespaces.mnt : ownNamespaces.pid;
  const nameOf = (): string => (cgroupPath && containerOfCgroup(cgroupPath)) ?? namespace.replaceAll(/[[\]]/g, '');
  // Read last: if the root can still be read, all reads before it were of a live process.
  const path = proc.readRoot(pid);
  if (path === undefined) return undefined;
  return { kind, root: path, containerId: kind === 'container' ? nameOf() : undefined };
}

/**
 * The place to which chroot(2) of a directory leads, among the mounts of the host. Undefined: the process may have seen
 * another directory.
 */
function readPlaceOfRoot(proc: Proc, host: HostNamespaces, directory: string): Place | undefined {
  const inside = proc.filesBelow(directory);
  const root = inside.identityOf('/');
  if (root === undefined) return undefined;
  if (root === host.directories.get('/')) return onHost;
  return { kind: seesHost(inside, host) ? 'host' : 'chroot', root: directory, containerId: undefined };
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
  const place = readPlace(proc, pid, namespaces, cgroupPath);
  // The process ended during the reads: an incomplete result would be taken for a complete one.
  if (exe !== undefined && place === undefined) return undefined;
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
    place,
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
    readEnvironment: proc.readEnvironment,
    readCwd: proc.readCwd,
    placeOfRoot: (directory: string) => readPlaceOfRoot(proc, namespaces, directory),
    processOfThread: (tid: number) => proc.readStatus(tid)?.threadGroupId,
    startTicks: (pid: number) => proc.readStat(pid)?.startTicks,
    listPids: proc.listPids,
    listThreads: proc.listThreads,
  };
}
