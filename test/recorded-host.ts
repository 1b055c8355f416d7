// A host in memory from plain JSON: files, /proc, clocks and the output of rpm. Two runs over a recording give identical bytes.

import { posix } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Clock } from '../collectors/host/clock.ts';
import type { FileStat } from '../collectors/host/file-stat.ts';
import { followLinks } from '../collectors/host/follow-links.ts';
import { type Host, hostOf } from '../collectors/host/host.ts';
import type { HostFiles } from '../collectors/host/host-files.ts';
import { openedFile } from '../collectors/host/opened-file.ts';
import { notRegularFile, type RegularFile } from '../collectors/host/regular-file.ts';
import { RpmFailed } from '../collectors/packages/run-rpm.ts';

/** A string is the content of a regular file. A directory that contains a file needs no entry. */
export type RecordedFile = string | RecordedNode;

interface RecordedNode {
  content?: string;
  /** The content of a file that is no text: compressed by gzip, in base64. */
  gzip?: string;
  /** The target of a symbolic link. With `inode` it is a link in /proc, which leads to the file of that inode whatever the target is. */
  link?: string;
  /** An empty directory. */
  directory?: true;
  /** Permissions (default: 0755 for directories, else 0644). */
  mode?: number;
  uid?: number;
  gid?: number;
  /** Default: consecutive numbers, in the order of the files. */
  inode?: number;
  device?: number;
  /** Milliseconds since 1970 (default: the time at which the file is created). */
  mtimeMs?: number;
  ctimeMs?: number;
}

export interface Recording {
  /** Files by absolute path. */
  files: Readonly<Record<string, RecordedFile>>;
  /** The output of rpm by its arguments, joined with spaces; with other arguments it fails as for a package that is not installed. */
  rpm?: Readonly<Record<string, string>>;
  /** The time of the boot, in milliseconds since 1970. */
  bootEpochMs?: number;
  /** Nanoseconds since boot. */
  bootNs?: number;
}

export interface RecordedHost extends Host {
  /** Creates or replaces files; null removes a path and everything below it. */
  change(files: Readonly<Record<string, RecordedFile | null>>): void;
  /** Sets all clocks to that time, in nanoseconds since boot. */
  setTime(bootNs: number): void;
}

const typeBits = { file: 0o100000, directory: 0o040000, link: 0o120000 } as const;

interface Node {
  type: keyof typeof typeBits;
  content: Buffer;
  link: string | undefined;
  /** Whether it is a link of /proc, which leads to the file of its inode. */
  magic: boolean;
  stat: FileStat;
}

const failure = (code: string, call: string, file: string): Error =>
  Object.assign(new Error(`${code}: ${call} '${file}'`), { code });

export function recordedHost(recording: Recording): RecordedHost {
  const bootEpochMs = recording.bootEpochMs ?? Date.parse('2026-01-02T03:04:05Z');
  let bootNs = recording.bootNs ?? 3600e9;
  const clock: Clock = {
    nowMs: () => Math.floor(bootEpochMs + bootNs / 1e6),
    monotonicMs: () => bootNs / 1e6,
    bootNs: () => bootNs,
    bootEpochMs: () => bootEpochMs,
  };
  const nodes = new Map<string, Node>();
  let lastInode = 1000;

  const nodeOf = (recorded: RecordedFile, nowMs: number): Node => {
    const given = typeof recorded === 'string' ? { content: recorded } : recorded;
    const { content = '', gzip, link, directory, uid = 0, gid = 0, device = 2049 } = given;
    const { mtimeMs = nowMs, ctimeMs = nowMs } = given;
    const type = link !== undefined ? 'link' : directory ? 'directory' : 'file';
    const ns = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n;
    const bytes = gzip === undefined ? Buffer.from(content) : gunzipSync(Buffer.from(gzip, 'base64'));
    return {
      type,
      content: bytes,
      link,
      magic: link !== undefined && given.inode !== undefined,
      stat: statOf(type, {
        dev: BigInt(device),
        ino: BigInt(given.inode ?? ++lastInode),
        mode: BigInt(typeBits[type] | (given.mode ?? (type === 'directory' ? 0o755 : 0o644))),
        nlink: 1n,
        uid: BigInt(uid),
        gid: BigInt(gid),
        size: BigInt(bytes.length),
        atimeNs: ns(mtimeMs),
        mtimeNs: ns(mtimeMs),
        ctimeNs: ns(ctimeMs),
        ctimeMs: BigInt(Math.floor(ctimeMs)),
        birthtimeNs: ns(mtimeMs),
      }),
    };
  };

  /** Updates the times of a directory in which an entry was added or removed. */
  const touchDirectory = (directory: string, nowMs: number): void => {
    const before = nodes.get(directory);
    const now = nodeOf({ directory: true, ...(before && { inode: Number(before.stat.ino) }) }, nowMs);
    nodes.set(directory, now);
    if (before === undefined && directory !== '/') touchDirectory(posix.dirname(directory), nowMs);
  };

  const put = (file: string, recorded: RecordedFile | null, nowMs: number): void => {
    if (recorded !== null) nodes.set(file, nodeOf(recorded, nowMs));
    else for (const one of [...nodes.keys()]) if (one === file || one.startsWith(`${file}/`)) nodes.delete(one);
    touchDirectory(posix.dirname(file), nowMs);
  };

  const targetOf = (file: string): string | undefined => {
    const node = nodes.get(file);
    return node?.magic ? undefined : node?.link;
  };
  const resolve = (file: string): string => followLinks(file, targetOf);
  const own = (file: string): Node | undefined =>
    nodes.get(posix.join(resolve(posix.dirname(file)), posix.basename(file)));
  const find = (file: string): Node | undefined => nodes.get(resolve(file));
  const required = (call: string, file: string): Node => {
    const node = find(file);
    if (node === undefined) throw failure('ENOENT', call, file);
    return node;
  };
  const readDirectory = (directory: string): string[] => {
    if (required('scandir', directory).type !== 'directory') throw failure('ENOTDIR', 'scandir', directory);
    const path = resolve(directory);
    return [...nodes.keys()]
      .filter((name) => name !== '/' && posix.dirname(name) === path)
      .map((name) => posix.basename(name))
      .sort();
  };

  const files: HostFiles = {
    exists: (file) => find(file) !== undefined,
    stat: (file) => find(file)?.stat,
    lstat: (file) => own(file)?.stat,
    realPath: (file) => (find(file) === undefined ? undefined : resolve(file)),
    readLink(file) {
      const node = own(file);
      if (node?.link === undefined) throw failure(node === undefined ? 'ENOENT' : 'EINVAL', 'readlink', file);
      return node.link;
    },
    readText: (file) => required('open', file).content.toString(),
    readBytes: (file, maxBytes) => required('open', file).content.subarray(0, maxBytes),
    open(file) {
      const { type, content, stat } = required('open', file);
      if (type === 'directory') throw notRegularFile();
      return openedRegularFile(content, stat);
    },
    openFile(file) {
      const node = own(file);
      if (node === undefined) return undefined;
      const { content, stat, link } = node;
      return openedFile({
        stat: () => stat,
        open: () => openedRegularFile(content, stat),
        target: () => link,
        close() {},
      });
    },
    readDirectory,
    listDirectory: async (directory) => readDirectory(directory),
    statLater: async (file) => find(file)?.stat,
    async openLater(file, root) {
      const { type, content, stat } = required('open', root + file);
      if (type === 'directory') throw notRegularFile();
      const { read } = openedRegularFile(content, stat);
      return { path: resolve(file), stat: async () => stat, read, close() {} };
    },
  };

  for (const [file, recorded] of Object.entries(recording.files)) put(file, recorded, bootEpochMs);
  return {
    ...hostOf(files, clock, async (args) => {
      const output = recording.rpm?.[args.join(' ')];
      if (output === undefined) throw new RpmFailed('it ended with 1', true);
      return output;
    }),
    change(changed) {
      for (const [file, recorded] of Object.entries(changed)) put(file, recorded, clock.nowMs());
    },
    setTime(ns) {
      bootNs = ns;
    },
  };
}

function statOf(type: Node['type'], stat: Omit<FileStat, `is${string}`>): FileStat {
  return {
    ...stat,
    isFile: () => type === 'file',
    isDirectory: () => type === 'directory',
    isSymbolicLink: () => type === 'link',
    isFIFO: () => false,
    isSocket: () => false,
    isBlockDevice: () => false,
  };
}

/** An open file, with the content that it had when it was opened. */
function openedRegularFile(content: Buffer, stat: FileStat): RegularFile {
  const readNow = (into: Buffer, position: number): number => content.copy(into, 0, position);
  return { stat: () => stat, read: async (into, position) => readNow(into, position), readNow, close: () => {} };
}

export interface RecordedProcess {
  parentPid?: number;
  exe: string;
  args?: readonly string[];
  /** Clock ticks (1/100 s) since boot. */
  startTicks?: number;
  sessionId?: number;
  groupId?: number;
  /** Device number of the controlling terminal. */
  tty?: number;
  /** All user and group ids. */
  userId?: number;
  /** The real user id, and the group ids, if they are others. */
  realUserId?: number;
  loginUserId?: number;
  workingDirectory?: string;
  /** The environment in /proc, as `NAME=value` (default: `recordedEnvironment`). */
  environment?: readonly string[];
  cgroup?: string;
  /** The root directory and the names of the namespaces (default: the host's). */
  root?: string;
  namespaces?: Partial<Record<'pid' | 'mnt' | 'user', string>>;
}

const hostNamespaces = { pid: 'pid:[4026531836]', mnt: 'mnt:[4026531841]', user: 'user:[4026531837]' };

/** The environment with which `stories/record.ts` starts an act, without variables that no event has. */
export const recordedEnvironment: readonly string[] = [
  'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
  'APT_CONFIG=/srv/apt.conf',
  'DEBIAN_FRONTEND=noninteractive',
];

/** The files in /proc of a process, as files of a recording. */
export function processFiles(pid: number, process: RecordedProcess): Record<string, RecordedFile> {
  const { exe, args = [exe], parentPid = 1, startTicks = 100, sessionId = pid, groupId = pid, tty = 0 } = process;
  const { userId = 0, loginUserId = 0xffff_ffff, workingDirectory = '/', cgroup = '/', root = '/' } = process;
  const { realUserId = userId } = process;
  const userIds = [realUserId, userId, userId, userId].join('\t');
  const groupIds = Array(4).fill(realUserId).join('\t');
  const comm = posix.basename(exe).slice(0, 15);
  const numbers = [parentPid, groupId, sessionId, tty, ...Array(14).fill(0), startTicks, 0, 0];
  const namespaces = { ...hostNamespaces, ...process.namespaces };
  const own: Record<string, RecordedFile> = {
    stat: `${pid} (${comm}) S ${numbers.join(' ')}\n`,
    status: `Name:\t${comm}\nTgid:\t${pid}\nUid:\t${userIds}\nGid:\t${groupIds}\nGroups:\t \n`,
    cmdline: args.map((arg) => `${arg}\0`).join(''),
    environ: {
      content: (process.environment ?? recordedEnvironment).map((text) => `${text}\0`).join(''),
      inode: pid,
    },
    exe: { link: exe },
    cwd: { link: workingDirectory },
    root: { link: root },
    cgroup: `0::${cgroup}\n`,
    loginuid: String(loginUserId),
    [`task/${pid}/comm`]: `${comm}\n`,
  };
  for (const [kind, name] of Object.entries(namespaces)) own[`ns/${kind}`] = { link: name, inode: inodeOf(name) };
  return Object.fromEntries(Object.entries(own).map(([name, file]) => [`/proc/${pid}/${name}`, file]));
}

const inodeOf = (namespace: string): number => Number(/\d+/.exec(namespace)?.[0] ?? 0);

/** An unused Debian: pid 1, the agent itself as pid 2000, the users root and alice, an empty dpkg database. */
export const plainHost: Readonly<Record<string, RecordedFile>> = {
  '/proc/sys/kernel/hostname': 'web1\n',
  '/proc/sys/kernel/osrelease': '6.12.0-amd64\n',
  '/proc/sys/kernel/random/boot_id': '01234567-89ab-cdef-0123-456789abcdef\n',
  '/proc/self': { link: '/proc/2000' },
  ...processFiles(1, { exe: '/usr/lib/systemd/systemd', parentPid: 0, startTicks: 1, cgroup: '/init.scope' }),
  ...processFiles(2000, { exe: '/usr/lib/stepparent/node', cgroup: '/system.slice/stepparent.service' }),
  '/etc/os-release': 'NAME="Debian GNU/Linux"\nVERSION_ID="13"\nID=debian\n',
  '/etc/machine-id': 'a1b2c3d4e5f60718293a4b5c6d7e8f90\n',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n',
  '/etc/group': 'root:x:0:\nalice:x:1000:\n',
  '/bin': { link: 'usr/bin' },
  '/sbin': { link: 'usr/sbin' },
  '/usr/bin/dash': '\x7fELF dash',
  '/usr/bin/sh': { link: 'dash' },
  '/usr/lib/systemd/systemd': '\x7fELF systemd',
  '/usr/lib/stepparent/node': '\x7fELF node',
  '/var/lib/dpkg/status': '',
  '/var/lib/dpkg/info': { directory: true },
  '/var/lib/dpkg/updates': { directory: true },
};
