// Reads a process's files under /proc. A process that has ended reads as undefined: that is no error.

import fs from 'node:fs';
import { fileIdentity } from '../host/file-identity.ts';
import { tryRead } from '../host/read-faults.ts';
import { type ProcStat, type ProcStatus, parseCgroupPath, parseCmdline, parseStat, parseStatus } from './parse-proc.ts';

const readText = (file: string): string | undefined => tryRead(() => fs.readFileSync(file, 'utf8'));

/** /proc/PID/stat; also of a thread, by its id. */
export function readStat(pid: number): ProcStat | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

/** /proc/PID/status; also of a thread, by its id. */
export function readStatus(pid: number): ProcStatus | undefined {
  const text = readText(`/proc/${pid}/status`);
  return text === undefined ? undefined : parseStatus(text);
}

/** The kernel hands out a page at a time, and most arguments fit into one. */
const page = Buffer.alloc(4096);

/** Arguments of a live process, `maxBytes` of them at most; undefined also for a kernel thread, which has none. */
export function readCmdline(pid: number, maxBytes: number): { args: string[]; truncated: boolean } | undefined {
  const file = `/proc/${pid}/cmdline`;
  // Most that are asked for have ended: a look costs less than an exception.
  if (!fs.existsSync(file)) return undefined;
  return tryRead(() => {
    const fd = fs.openSync(file, 'r');
    try {
      const chunks: Buffer[] = [];
      let total = 0;
      let size = 0;
      do {
        if (size > 0) chunks.push(Buffer.from(page));
        size = fs.readSync(fd, page);
        total += size;
      } while (size === page.length && total <= maxBytes);
      if (total === 0) return undefined;
      const last = page.subarray(0, size);
      const bytes = (chunks.length === 0 ? last : Buffer.concat([...chunks, last])).subarray(0, maxBytes);
      return { args: parseCmdline(bytes.toString('utf8')), truncated: total > maxBytes };
    } finally {
      fs.closeSync(fd);
    }
  });
}

/** The mapped file, as the process's own mount namespace names it; the kernel's ` (deleted)` is taken off. */
export const readExe = (pid: number): string | undefined =>
  tryRead(() => {
    const link = fs.readlinkSync(`/proc/${pid}/exe`);
    if (!link.endsWith(' (deleted)')) return link;
    const name = link.slice(0, -' (deleted)'.length);
    if (!mayLookInside(pid)) return name;
    // A file may really have that name: it is still there.
    const identity = fileIdentity(`/proc/${pid}/exe`);
    if (identity === undefined) return undefined;
    return readIdentityInside(pid, link) === identity ? link : name;
  });

export const readCwd = (pid: number): string | undefined => tryRead(() => fs.readlinkSync(`/proc/${pid}/cwd`));

export const readCgroupPath = (pid: number): string | undefined => {
  const text = readText(`/proc/${pid}/cgroup`);
  return text === undefined ? undefined : parseCgroupPath(text);
};

/** The user id that logged in; undefined: nobody did, or the kernel keeps no account of it. */
export const readLoginUserId = (pid: number): number | undefined => {
  const id = Number(readText(`/proc/${pid}/loginuid`) ?? Number.NaN);
  return Number.isInteger(id) && id !== 0xffff_ffff ? id : undefined;
};

/** The inode numbers that identify a process's namespaces. */
export const readNamespaces = (pid: number | 'self'): { pid: string; mnt: string } | undefined =>
  tryRead(() => ({ pid: fs.readlinkSync(`/proc/${pid}/ns/pid`), mnt: fs.readlinkSync(`/proc/${pid}/ns/mnt`) }));

/** Device and inode of a file as a process sees it: `/` for its root. Undefined also where nobody should look (`mayLookInside`). */
export const readIdentityInside = (pid: number | 'self', file: string): string | undefined =>
  pid === 'self' || mayLookInside(pid) ? fileIdentity(`/proc/${pid}/root${file}`) : undefined;

/** The same of the file that the process has mapped. */
export const readMappedIdentity = (pid: number): string | undefined =>
  mayLookInside(pid) ? fileIdentity(`/proc/${pid}/exe`) : undefined;

const namespaceOf = (pid: number | 'self', kind: 'user' | 'mnt'): string | undefined =>
  tryRead(() => fs.readlinkSync(`/proc/${pid}/ns/${kind}`));
const ownUsers = namespaceOf('self', 'user');

/**
 * Whether files can be looked at as the process sees them. In a user namespace anybody may mount file systems that never answer
 * (FUSE below an overlay: seen with stat(2) of such a root, which took no end), and the look would hold the agent up for as long. What
 * root has mounted, on the host or in namespaces, is not feared.
 */
export function mayLookInside(pid: number): boolean {
  const users = namespaceOf(pid, 'user');
  if (users === undefined || users === ownUsers) return true;
  const mounts = namespaceOf(pid, 'mnt');
  if (mounts === namespaceOf('self', 'mnt') || mounts === namespaceOf(1, 'mnt')) return true;
  const status = readStatus(pid);
  return status === undefined || (status.realUserId === 0 && status.effectiveUserId === 0);
}

/**
 * The mount namespaces where the host's files are: our own and, where it has the same root, that of pid 1. As a service the
 * agent has one to itself (systemd.exec(5), PrivateMounts=): what it sees there is the host's, but nobody else is in it.
 */
export function readHostMounts(): string[] {
  const root = readIdentityInside('self', '/');
  const own = readNamespaces('self')?.mnt;
  const first = readIdentityInside(1, '/') === root ? readNamespaces(1)?.mnt : undefined;
  return [own, first].filter((mounts) => mounts !== undefined);
}

/** The pids of all processes. */
export const listPids = (): number[] =>
  fs.readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));

/** The ids of a process's threads, its own among them; empty when it has ended. */
export const listThreads = (pid: number): number[] =>
  tryRead(() => fs.readdirSync(`/proc/${pid}/task`).map(Number)) ?? [];

export const readBootId = (): string => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
