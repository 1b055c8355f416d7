// Reads the files of a process in /proc. If the process has ended, the result is undefined, not an error.

import { fileIdentity } from '../host/file-identity.ts';
import type { FileStat } from '../host/file-stat.ts';
import { followLinks } from '../host/follow-links.ts';
import type { HostFiles } from '../host/host-files.ts';
import { tryRead } from '../host/read-faults.ts';
import { type ProcStat, type ProcStatus, parseCgroupPath, parseCmdline, parseStat, parseStatus } from './parse-proc.ts';

/**
 * Files as seen by one process. They must be read at once, because the process may enter another user namespace at any
 * time.
 */
export interface FilesInside {
  /**
   * Device and inode of a file; `/` is the root of the process. Links are followed within that root, as the process
   * does: the kernel would follow those out of it for the agent.
   */
  identityOf(file: string): string | undefined;
  /** Device and inode of the file that the process has mapped. */
  mappedIdentity(): string | undefined;
}

/** /proc of one host. */
export interface Proc {
  /** Reads /proc/PID/stat; also of a thread, by its id. */
  readStat(pid: number): ProcStat | undefined;
  /** Reads /proc/PID/status; also of a thread, by its id. */
  readStatus(pid: number): ProcStatus | undefined;
  /**
   * Reads the first `maxBytes` bytes of the arguments of a live process; undefined also for a kernel thread, which has
   * none.
   */
  readCmdline(pid: number, maxBytes: number): { args: string[]; truncated: boolean } | undefined;
  /** Reads the complete strings in the first `maxBytes` bytes of the environment of a live process. */
  readEnvironment(pid: number, maxBytes: number): { environment: string[]; truncated: boolean } | undefined;
  /** Path of the mapped file in the mount namespace of the process, without the suffix ` (deleted)` of the kernel. */
  readExe(pid: number): string | undefined;
  readCwd(pid: number): string | undefined;
  /** Path of the root directory, in the mount namespace of the process. */
  readRoot(pid: number): string | undefined;
  readCgroupPath(pid: number): string | undefined;
  /** The user id of the login; undefined: there was no login, or the kernel does not record it. */
  readLoginUserId(pid: number): number | undefined;
  /** The links that identify the namespaces of a process, such as `mnt:[4026531841]`. */
  readNamespaces(pid: number | 'self'): { pid: string; mnt: string } | undefined;
  /**
   * Checks once whether files can be read as seen by the process, for several reads. Undefined: they cannot
   * (`mayReadInside`).
   */
  filesInside(pid: number): FilesInside | undefined;
  /** Files as a process sees them whose root is that directory of the host. */
  filesBelow(directory: string): Pick<FilesInside, 'identityOf'>;
  /**
   * Device and inode of a file as seen by a process; `/` is its root. Undefined also if it is not safe to read it
   * (`mayReadInside`).
   */
  readIdentityInside(pid: number | 'self', file: string): string | undefined;
  /** Device and inode of the file that the process has mapped; undefined as for `readIdentityInside`. */
  readMappedIdentity(pid: number): string | undefined;
  /**
   * stat(2) of the file that the process has mapped, in two calls. Undefined also if it is not safe to read it
   * (`mayReadInside`). Called for every exec on the host.
   */
  readMappedStat(pid: number): FileStat | undefined;
  /**
   * Whether files can be read as seen by the process. In a user namespace any user can mount file systems that never
   * answer (FUSE below an overlay: stat(2) of such a root never returned), and the read would block the agent. Mounts
   * of root, on the host or in namespaces, are trusted.
   */
  mayReadInside(pid: number): boolean;
  /**
   * The mount namespaces with the files of the host: that of the agent and, if it has the same root, that of pid 1. As
   * a service the agent has a mount namespace of its own (systemd.exec(5), PrivateMounts=) with the files of the host,
   * but no other process is in it.
   */
  readHostMounts(): readonly string[];
  /** The pids of all processes. */
  listPids(): number[];
  /** The ids of the threads of a process, including its own; empty if it has ended. */
  listThreads(pid: number): number[];
  readBootId(): string;
}

/** Maximum number of parts of a path, with those of its links: whoever makes a root directory chooses them. */
const maxPathParts = 256;

/**
 * Returns the reader of /proc below the root of `files`. Reads the user namespace of the agent at once, for
 * `mayReadInside`. Of its functions only `listPids` and `readBootId` throw.
 */
export function openProc(files: HostFiles): Proc {
  const readText = (file: string): string | undefined => tryRead(() => files.readText(file));
  const readLink = (file: string): string | undefined => tryRead(() => files.readLink(file));
  const namespaceOf = (pid: number | 'self', kind: 'user' | 'mnt'): string | undefined =>
    readLink(`/proc/${pid}/ns/${kind}`);
  const ownUsers = namespaceOf('self', 'user');
  const statNow = (file: string): FileStat | undefined => tryRead(() => files.stat(file));
  const ownUsersInode = statNow('/proc/self/ns/user')?.ino;
  /** Read once: neither the agent nor pid 1 changes its mount namespace while the agent runs. */
  let hostMounts: readonly string[] | undefined;

  const readStatus = (pid: number): ProcStatus | undefined => {
    const text = readText(`/proc/${pid}/status`);
    return text === undefined ? undefined : parseStatus(text);
  };

  const mayReadInside = (pid: number): boolean => {
    const users = namespaceOf(pid, 'user');
    if (users === undefined || users === ownUsers) return true;
    const mounts = namespaceOf(pid, 'mnt');
    if (mounts === namespaceOf('self', 'mnt') || mounts === namespaceOf(1, 'mnt')) return true;
    const status = readStatus(pid);
    return status === undefined || (status.realUserId === 0 && status.effectiveUserId === 0);
  };

  const filesBelow = (root: string): Pick<FilesInside, 'identityOf'> => ({
    identityOf: (file) =>
      tryRead(() => {
        let parts = 0;
        const linkOf = (part: string): string | undefined => {
          if (++parts > maxPathParts) throw new Error('the path is too long');
          return files.lstat(root + part)?.isSymbolicLink() ? files.readLink(root + part) : undefined;
        };
        return fileIdentity(files, root + followLinks(file, linkOf));
      }),
  });
  const filesOf = (pid: number | 'self'): FilesInside => ({
    ...filesBelow(`/proc/${pid}/root`),
    mappedIdentity: () => fileIdentity(files, `/proc/${pid}/exe`),
  });
  const filesInside = (pid: number): FilesInside | undefined => (mayReadInside(pid) ? filesOf(pid) : undefined);

  const readIdentityInside = (pid: number | 'self', file: string): string | undefined =>
    (pid === 'self' ? filesOf(pid) : filesInside(pid))?.identityOf(file);

  const readNamespaces = (pid: number | 'self'): { pid: string; mnt: string } | undefined =>
    tryRead(() => ({ pid: files.readLink(`/proc/${pid}/ns/pid`), mnt: files.readLink(`/proc/${pid}/ns/mnt`) }));

  return {
    readStat(pid) {
      const text = readText(`/proc/${pid}/stat`);
      return text === undefined ? undefined : parseStat(text);
    },
    readStatus,
    readCmdline(pid, maxBytes) {
      return tryRead(() => {
        const bytes = files.readBytes(`/proc/${pid}/cmdline`, maxBytes + 1);
        if (bytes.length === 0) return undefined;
        return {
          args: parseCmdline(bytes.subarray(0, maxBytes).toString('utf8')),
          // Each argument ends in NUL: a read that ends before one has not got all.
          truncated: bytes.length > maxBytes || bytes.at(-1) !== 0,
        };
      });
    },
    readEnvironment(pid, maxBytes) {
      return tryRead(() => {
        const bytes = files.readBytes(`/proc/${pid}/environ`, maxBytes + 1);
        // The file of a process that has ended, and of a kernel thread, is empty too.
        if (bytes.length === 0 && readLink(`/proc/${pid}/exe`) === undefined) return undefined;
        const end = bytes.subarray(0, maxBytes).lastIndexOf(0) + 1;
        return {
          environment: parseCmdline(bytes.subarray(0, end).toString('utf8')),
          // Each string ends in NUL, unless the process has overwritten it.
          truncated: end < bytes.length,
        };
      });
    },
    readExe: (pid) =>
      tryRead(() => {
        const link = files.readLink(`/proc/${pid}/exe`);
        if (!link.endsWith(' (deleted)')) return link;
        const name = link.slice(0, -' (deleted)'.length);
        const inside = filesInside(pid);
        if (inside === undefined) return name;
        // A file may really have that name: it is still there.
        const identity = inside.mappedIdentity();
        if (identity === undefined) return undefined;
        return inside.identityOf(link) === identity ? link : name;
      }),
    readCwd: (pid) => readLink(`/proc/${pid}/cwd`),
    readRoot: (pid) => readLink(`/proc/${pid}/root`),
    readCgroupPath(pid) {
      const text = readText(`/proc/${pid}/cgroup`);
      return text === undefined ? undefined : parseCgroupPath(text);
    },
    readLoginUserId(pid) {
      const id = Number(readText(`/proc/${pid}/loginuid`) ?? Number.NaN);
      return Number.isInteger(id) && id !== 0xffff_ffff ? id : undefined;
    },
    readNamespaces,
    filesInside,
    filesBelow,
    readIdentityInside,
    readMappedIdentity: (pid) => filesInside(pid)?.mappedIdentity(),
    readMappedStat(pid) {
      // The inode of a namespace costs less than its link, and a process that has ended costs no exception.
      const users = statNow(`/proc/${pid}/ns/user`)?.ino;
      if (users === undefined || (users !== ownUsersInode && !mayReadInside(pid))) return undefined;
      return statNow(`/proc/${pid}/exe`);
    },
    mayReadInside,
    readHostMounts() {
      if (hostMounts !== undefined) return hostMounts;
      const root = readIdentityInside('self', '/');
      const firstRoot = readIdentityInside(1, '/');
      const ownMounts = readNamespaces('self')?.mnt;
      const firstMounts = firstRoot === root ? readNamespaces(1)?.mnt : undefined;
      const found = [ownMounts, firstMounts].filter((mounts) => mounts !== undefined);
      if (firstRoot !== undefined && ownMounts !== undefined) hostMounts = found;
      return found;
    },
    listPids: () => files.readDirectory('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : [])),
    listThreads: (pid) => tryRead(() => files.readDirectory(`/proc/${pid}/task`).map(Number)) ?? [],
    readBootId: () => files.readText('/proc/sys/kernel/random/boot_id').trim(),
  };
}
