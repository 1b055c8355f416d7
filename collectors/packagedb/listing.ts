// Lists a directory, with the state of each file as a short text.

import fs from 'node:fs';
import { decodeName, pathIn } from './file-name.ts';

/** The state of one file by lstat(2), as it is stored across restarts of the agent. */
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

/** The store of listings, which outlives the agent. */
export interface ListingMemory {
  knownFiles(directory: string): Iterable<KnownFile>;
  saveKnownFiles(directory: string, upserts: Iterable<KnownFile>, deletions: Iterable<string>): void;
}

/**
 * The state of a file as one word, `INO:SIZE:MTIME:CTIME:MODE:UID:GID`. Equal words mean that the file has not changed.
 */
export type FileState = string;

const typeBits = 0o170000;
const directoryBits = 0o040000;

// The range of integers in the database. Dates after 2262 exceed it, and any user can set one: they are cut to the last
// date.
const int64 = { first: -(2n ** 63n), last: 2n ** 63n - 1n };
const largestSize = BigInt(Number.MAX_SAFE_INTEGER);
const storable = (ns: bigint): bigint => (ns > int64.last ? int64.last : ns < int64.first ? int64.first : ns);

/**
 * The state by a stat. Size and times of a directory are zero: they change with its files, whose changes are reported
 * themselves.
 */
export function stateOf(stat: Pick<fs.BigIntStats, 'ino' | 'size' | 'mtimeNs' | 'ctimeNs' | 'mode' | 'uid' | 'gid'>) {
  const { ino, size, mtimeNs, ctimeNs, mode, uid, gid } = stat;
  const contents =
    (Number(mode) & typeBits) === directoryBits
      ? '0:0:0'
      : `${size > largestSize ? largestSize : size}:${storable(mtimeNs)}:${storable(ctimeNs)}`;
  return `${ino}:${contents}:${mode}:${uid}:${gid}`;
}

/** The state of a stored file. */
export const stateOfKnown = ({ sizeBytes, ...rest }: KnownFile): FileState =>
  stateOf({
    ...rest,
    size: BigInt(sizeBytes),
    mode: BigInt(rest.mode),
    uid: BigInt(rest.uid),
    gid: BigInt(rest.gid),
  });

/** Parses a state. */
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

/** Whether root owns the file in this state. False if there is no file. */
export const isOwnedByRoot = (state: FileState | undefined): boolean => state?.split(':')[5] === '0';

const linkBits = 0o120000;
const regularBits = 0o100000;
const typeOf = (state: FileState): number => Number(state.split(':')[4]) & typeBits;

/** Whether the state is that of a regular file. */
export const isRegularFile = (state: FileState): boolean => typeOf(state) === regularBits;

/** Whether the state is that of a directory, or of a link, which may lead to one. */
export function mayBeDirectory(state: FileState): boolean {
  const type = typeOf(state);
  return type === directoryBits || type === linkBits;
}

/** Reads the current state of a name; undefined: there is no file of that name. Throws other errors of lstat(2). */
export function readState(directory: string, name: string): FileState | undefined {
  const path = name === '.' ? directory : pathIn(directory, name);
  const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && stateOf(stat);
}

/**
 * Whether an empty file is unchanged except for its times, as after taking a lock. Cheaper than `readState`, since dpkg
 * takes many locks.
 */
export function isStillEmpty(directory: string, name: string, before: FileState): boolean {
  const [ino, size, , , mode, uid, gid] = before.split(':');
  if (size !== '0') return false;
  const now = fs.lstatSync(pathIn(directory, name), { throwIfNoEntry: false });
  if (now === undefined || !now.isFile() || now.size !== 0) return false;
  return `${now.ino}:${now.mode}:${now.uid}:${now.gid}` === `${ino}:${mode}:${uid}:${gid}`;
}

const namesAtATime = 64;

/**
 * Lists the names in a directory in batches. Throws the errors of opendir(3).
 */
export async function* listNames(directory: string, namePrefix = ''): AsyncGenerator<string[]> {
  // With this encoding, which the types do not know, the names of entries are buffers.
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: 256 };
  let names: string[] = [];
  for await (const { name } of await fs.promises.opendir(directory, options)) {
    const text = decodeName(name as unknown as Buffer);
    if (!text.startsWith(namePrefix)) continue;
    names.push(text);
    if (names.length < namesAtATime) continue;
    yield names;
    names = [];
  }
  yield names;
}

/** Lists the first `max` names of a directory, and blocks meanwhile. Throws the errors of opendir(3). */
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

/** Octal permissions such as `0755`, including the set-id and sticky bits. */
export const permissionsOf = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');

/**
 * ISO 8601 date in milliseconds. A time outside of the range of Date (a damaged file system, utimes of an attacker) is
 * cut to it.
 */
export function dateOfNs(ns: bigint): string {
  const ms = Number(ns / 1_000_000n);
  const maxMs = 8.64e15;
  return new Date(Math.max(-maxMs, Math.min(maxMs, ms))).toISOString();
}
