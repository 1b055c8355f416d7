// What a folder holds, as text short enough to keep for every file; and what two such listings differ in.

import fs from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { FileChangeFields } from '../event/event.ts';
import { decodeName, pathIn } from './file-name.ts';

/** One file as lstat(2) had it: what is remembered over a restart. */
export interface KnownFile {
  /** `.` is the folder itself. */
  name: string;
  ino: bigint;
  sizeBytes: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  /** st_mode: type and permissions. */
  mode: number;
  uid: number;
  gid: number;
}

/** Where listings outlive the agent. */
export interface ListingMemory {
  knownFiles(directory: string): Iterable<KnownFile>;
  saveKnownFiles(directory: string, upserts: Iterable<KnownFile>, deletions: Iterable<string>): void;
}

/** A file's state as one word: `INO:SIZE:MTIME:CTIME:MODE:UID:GID`. Equal words: nothing has changed. */
export type FileState = string;

const typeBits = 0o170000;
const directoryBits = 0o040000;

// What the database takes. Dates after 2262 exceed it, and anybody can set one: they all count as the last.
const int64 = { first: -(2n ** 63n), last: 2n ** 63n - 1n };
const largestSize = BigInt(Number.MAX_SAFE_INTEGER);
const storable = (ns: bigint): bigint => (ns > int64.last ? int64.last : ns < int64.first ? int64.first : ns);

/** A folder's size and times change with what is in it, which is told of by itself: they count as zero. */
export function stateOf(stat: Pick<fs.BigIntStats, 'ino' | 'size' | 'mtimeNs' | 'ctimeNs' | 'mode' | 'uid' | 'gid'>) {
  const { ino, size, mtimeNs, ctimeNs, mode, uid, gid } = stat;
  const contents =
    (Number(mode) & typeBits) === directoryBits
      ? '0:0:0'
      : `${size > largestSize ? largestSize : size}:${storable(mtimeNs)}:${storable(ctimeNs)}`;
  return `${ino}:${contents}:${mode}:${uid}:${gid}`;
}

/** The state of a remembered file. */
export const stateOfKnown = ({ sizeBytes, ...rest }: KnownFile): FileState =>
  stateOf({
    ...rest,
    size: BigInt(sizeBytes),
    mode: BigInt(rest.mode),
    uid: BigInt(rest.uid),
    gid: BigInt(rest.gid),
  });

export function knownFile(name: string, state: FileState): KnownFile {
  const [ino = '0', size, mtimeNs = '0', ctimeNs = '0', mode, uid, gid] = state.split(':');
  return {
    name,
    ino: BigInt(ino),
    sizeBytes: Number(size),
    mtimeNs: BigInt(mtimeNs),
    ctimeNs: BigInt(ctimeNs),
    mode: Number(mode),
    uid: Number(uid),
    gid: Number(gid),
  };
}

export const rootUser = 0;
export const isOwnedByRoot = (state: FileState | undefined): boolean => state?.split(':')[5] === String(rootUser);

/** The state of a name now; undefined: it is not there. Other errors are thrown. */
export function readState(directory: string, name: string): FileState | undefined {
  const path = name === '.' ? directory : pathIn(directory, name);
  const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && stateOf(stat);
}

/** Whether an empty file is as it was, its times apart: a lock that was taken. Cheaper than `readState`, for a storm of them. */
export function isStillEmpty(directory: string, name: string, before: FileState): boolean {
  const [ino, size, , , mode, uid, gid] = before.split(':');
  if (size !== '0') return false;
  const now = fs.lstatSync(pathIn(directory, name), { throwIfNoEntry: false });
  if (now === undefined || !now.isFile() || now.size !== 0) return false;
  return `${now.ino}:${now.mode}:${now.uid}:${now.gid}` === `${ino}:${mode}:${uid}:${gid}`;
}

const namesAtATime = 64;

/** The names in a folder, some at a time; others have their turn in between. Throws what opendir(3) throws. */
export async function* listNames(directory: string, namePrefix = ''): AsyncGenerator<string[]> {
  // The encoding is missing in the types of Dir's entries: names are bytes then.
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: 256 };
  let names: string[] = [];
  for await (const { name } of await fs.promises.opendir(directory, options)) {
    const text = decodeName(name as unknown as Buffer);
    if (!text.startsWith(namePrefix)) continue;
    names.push(text);
    if (names.length < namesAtATime) continue;
    yield names;
    names = [];
    await setImmediate();
  }
  yield names;
}

/** At most so many names of a folder, at once. Throws what opendir(3) throws. */
export function listSome(directory: string, max: number): string[] {
  const opened = fs.opendirSync(directory, { encoding: 'buffer' as BufferEncoding });
  try {
    const names: string[] = [];
    for (let entry = opened.readSync(); entry && names.length < max; entry = opened.readSync()) {
      names.push(decodeName(entry.name as unknown as Buffer));
    }
    return names;
  } finally {
    opened.closeSync();
  }
}

export type FileAction = 'creation' | 'rename' | 'modification' | 'deletion' | 'attribute-change';

/** What happened to a file between two looks. */
export interface FileDifference {
  action: FileAction;
  changed: string[];
  /** Why `action` is a conclusion. */
  inferredFrom?: string;
}

const parts = ['inode', 'size', 'mtime', 'ctime', 'mode', 'uid', 'gid'] as const;

/**
 * What two states of a name differ in. `copied`: the folder was replaced by another one, so that inodes and change
 * times, which nobody can copy, say nothing. Undefined: nothing, or an empty file that is still empty (a lock that was taken).
 */
export function differenceOf(
  before: FileState | undefined,
  after: FileState | undefined,
  copied = false,
): FileDifference | undefined {
  if (before === after) return undefined;
  if (before === undefined) return { action: 'creation', changed: [] };
  if (after === undefined) return { action: 'deletion', changed: [] };
  const old = before.split(':');
  const now = after.split(':');
  const changed: string[] = parts.filter((_, i) => old[i] !== now[i]);
  const has = (...names: string[]): boolean => names.some((name) => changed.includes(name));
  if (copied && !has('size', 'mtime', 'mode', 'uid', 'gid')) return undefined;
  const stillEmpty = old[1] === '0' && now[1] === '0' && !has('inode', 'mode', 'uid', 'gid');
  if (stillEmpty) return undefined;
  if (has('size', 'mtime') || (has('inode') && !copied)) return { action: 'modification', changed };
  if (has('mode', 'uid', 'gid')) return { action: 'attribute-change', changed };
  return {
    action: 'attribute-change',
    changed,
    inferredFrom: 'its change time alone: attributes were set, or it was written and its time set back',
  };
}

/** Of a folder itself: that it is another one is no change of a file. */
export const ownDifference = (
  before: FileState | undefined,
  after: FileState | undefined,
): FileDifference | undefined =>
  before === undefined || after === undefined ? undefined : differenceOf(before, after, true);

/** A difference that a look at a folder has found. */
export interface Found {
  name: string;
  before: FileState | undefined;
  after: FileState | undefined;
  difference: FileDifference;
  /** Of a rename: the name that is gone. */
  from?: string;
}

/** Makes one of a name that is gone and a new one that has all of it: an inode alone is soon used again. */
export function withRenames<T extends Found>(found: readonly T[]): T[] {
  const identity = (state: FileState | undefined): string => {
    const [inode, size, mtime] = state?.split(':') ?? [];
    return `${inode}:${size}:${mtime}`;
  };
  const gone = new Map(
    found.flatMap((one) => (one.difference.action === 'deletion' ? [[identity(one.before), one] as const] : [])),
  );
  const sources = new Set<T>();
  const renamed = found.map((one) => {
    const source = one.difference.action === 'creation' ? gone.get(identity(one.after)) : undefined;
    if (source === undefined || sources.has(source)) return one;
    sources.add(source);
    return { ...one, from: source.name, difference: { ...one.difference, action: 'rename' as const } };
  });
  return renamed.filter((one) => !sources.has(one));
}

/** What was known of a file, as far as it has changed. */
export function previousOf(before: FileState, changed: readonly string[]): NonNullable<FileChangeFields['previous']> {
  const { ino, sizeBytes, mtimeNs, ctimeNs, mode, uid, gid } = knownFile('', before);
  const all: Required<NonNullable<FileChangeFields['previous']>> = {
    inode: String(ino),
    size: sizeBytes,
    mtime: dateOfNs(mtimeNs),
    ctime: dateOfNs(ctimeNs),
    mode: permissionsOf(mode),
    uid: String(uid),
    gid: String(gid),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => changed.includes(name)));
}

/** `0755`, with the set-id and sticky bits. */
export const permissionsOf = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');

/** ISO 8601 in milliseconds; what no date can be (a damaged file system, an attacker's utimes) is cut to what can. */
export function dateOfNs(ns: bigint): string {
  const ms = Number(ns / 1_000_000n);
  const most = 8.64e15;
  return new Date(Math.max(-most, Math.min(most, ms))).toISOString();
}
