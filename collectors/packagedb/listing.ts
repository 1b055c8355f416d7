// Lists a directory: the state of each file as text that is short enough to keep.

import fs from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { decodeName, pathIn } from './file-name.ts';

/** One file as lstat(2) described it; kept over a restart of the agent. */
export interface KnownFile {
  /** `.` is the directory itself. */
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

/** A file's state as one word: `INO:SIZE:MTIME:CTIME:MODE:UID:GID`. Equal words mean that nothing has changed. */
export type FileState = string;

const typeBits = 0o170000;
const directoryBits = 0o040000;

// What the database can store. Dates after 2262 exceed that, and any user can set one: they all count as the last.
const int64 = { first: -(2n ** 63n), last: 2n ** 63n - 1n };
const largestSize = BigInt(Number.MAX_SAFE_INTEGER);
const storable = (ns: bigint): bigint => (ns > int64.last ? int64.last : ns < int64.first ? int64.first : ns);

/** A directory's size and times change with its files, whose changes are reported themselves: they count as zero. */
export function stateOf(stat: Pick<fs.BigIntStats, 'ino' | 'size' | 'mtimeNs' | 'ctimeNs' | 'mode' | 'uid' | 'gid'>) {
  const { ino, size, mtimeNs, ctimeNs, mode, uid, gid } = stat;
  const contents =
    (Number(mode) & typeBits) === directoryBits
      ? '0:0:0'
      : `${size > largestSize ? largestSize : size}:${storable(mtimeNs)}:${storable(ctimeNs)}`;
  return `${ino}:${contents}:${mode}:${uid}:${gid}`;
}

/** The state of a file that was kept. */
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

/** The state of a name now; undefined: there is no file of that name. Throws other errors of lstat(2). */
export function readState(directory: string, name: string): FileState | undefined {
  const path = name === '.' ? directory : pathIn(directory, name);
  const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && stateOf(stat);
}

/** Whether an empty file has changed in nothing but its times: a lock was taken. Cheaper than `readState`, for a storm of them. */
export function isStillEmpty(directory: string, name: string, before: FileState): boolean {
  const [ino, size, , , mode, uid, gid] = before.split(':');
  if (size !== '0') return false;
  const now = fs.lstatSync(pathIn(directory, name), { throwIfNoEntry: false });
  if (now === undefined || !now.isFile() || now.size !== 0) return false;
  return `${now.ino}:${now.mode}:${now.uid}:${now.gid}` === `${ino}:${mode}:${uid}:${gid}`;
}

const namesAtATime = 64;

/** The names in a directory, some at a time; the event loop runs other tasks in between. Throws what opendir(3) throws. */
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

/** The first names of a directory, in one go. Throws what opendir(3) throws. */
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

/** `0755`, with the set-id and sticky bits. */
export const permissionsOf = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');

/** ISO 8601 in milliseconds; what no date can be (a damaged file system, an attacker's utimes) is cut to what can. */
export function dateOfNs(ns: bigint): string {
  const ms = Number(ns / 1_000_000n);
  const maxMs = 8.64e15;
  return new Date(Math.max(-maxMs, Math.min(maxMs, ms))).toISOString();
}
