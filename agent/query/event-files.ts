// Reads the events that hosts have exported: NDJSON files, plain or compressed, in directories below one.

import fs from 'node:fs';
import { join } from 'node:path';
import { Readable, type Transform } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { errorCode } from '../../collectors/error-message.ts';
import { openRegularFile, type RegularFile } from '../../collectors/host/regular-file.ts';

/** Names of files with events, also after a rotation (`.1`). */
const fileName = /^[^.].*\.(?:ndjson|jsonl|json)(?:[.-]\d+)?(?<compression>\.gz|\.zst)?$/;

const maxDepth = 32;
/**
 * An event of stepparent's has 3 to 10 KB as a rule, and 3 MB with the longest command line of control characters. Parsed, a line of
 * small objects takes 20 times its bytes of memory.
 */
const maxLineBytes = 4 * 1024 * 1024;
/** What one file may hold, decompressed. */
const maxFileBytes = 64 * 1024 ** 3;
/** A compressed file may expand to this many bytes, or to `maxExpansion` times its own: events shrink to a tenth or so, zeros to a thousandth. */
const freeBytes = 256 * 1024 * 1024;
const maxExpansion = 500;
const chunkBytes = 1024 * 1024;
const newline = 0x0a;

/** What was left out. `other`: files whose names are not those of events. */
export type LeftOut = Readonly<Record<'line' | 'file' | 'directory' | 'symlink' | 'other', Omission>>;

interface Omission {
  count: number;
  /** The place of the first, with the reason where there is one. */
  first: string;
}

const none = (): Omission => ({ count: 0, first: '' });

/** Creates counts of 0. `leaveOut` changes them in place. */
export const nothingLeftOut = (): LeftOut => ({
  line: none(),
  file: none(),
  directory: none(),
  symlink: none(),
  other: none(),
});

/** Counts a line, file or directory; `place` says where it is, and why it was left out. */
export function leaveOut(leftOut: LeftOut, kind: keyof LeftOut, place: string): void {
  const omission = leftOut[kind];
  if (omission.count++ === 0) omission.first = place;
}

/** A file with events. */
export interface EventFile {
  path: string;
  /** The same file by the descriptor of its directory: a symlink that takes the place of the directory is not followed. */
  opened: string;
  compression: '.gz' | '.zst' | undefined;
}

/**
 * The files below the directory, in no order; each can be read until the next one is asked for. Symlinks below the directory are not
 * followed: they could lead in a circle, or to files of another host. Throws what opening the directory itself throws.
 */
export function findEventFiles(directory: string, leftOut: LeftOut): Generator<EventFile> {
  fs.opendirSync(directory).closeSync();
  return filesBelow({ path: directory, opened: directory }, leftOut, maxDepth);
}

function* filesBelow(
  { path: directory, opened }: Pick<EventFile, 'path' | 'opened'>,
  leftOut: LeftOut,
  depth: number,
): Generator<EventFile> {
  if (depth === 0) {
    leaveOut(leftOut, 'directory', `${directory}: more than ${maxDepth} directories deep`);
    return;
  }
  let fd: number | undefined;
  let entries: fs.Dir;
  try {
    fd = fs.openSync(opened, fs.constants.O_DIRECTORY | (depth === maxDepth ? 0 : fs.constants.O_NOFOLLOW));
    entries = fs.opendirSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    if (fd !== undefined) fs.closeSync(fd);
    leaveOut(leftOut, 'directory', `${directory}: ${errorCode(error)}`);
    return;
  }
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      const file = { path: join(directory, entry.name), opened: `/proc/self/fd/${fd}/${entry.name}` };
      const found = fileName.exec(entry.name);
      if (entry.isSymbolicLink()) leaveOut(leftOut, 'symlink', file.path);
      else if (entry.isDirectory()) yield* filesBelow(file, leftOut, depth - 1);
      else if (found === null) leaveOut(leftOut, 'other', file.path);
      else yield { ...file, compression: found.groups?.compression as EventFile['compression'] };
    }
  } finally {
    entries.closeSync();
    fs.closeSync(fd);
  }
}

/**
 * The lines of the file, several at a time. Undefined stands for a line that is too long. Throws Unreadable, what open(2) and read(2)
 * answer, and zlib's errors, after the lines before the fault.
 */
export async function* readLines({ opened, compression }: EventFile): AsyncGenerator<(string | undefined)[]> {
  const file = openRegularFile(opened, fs.constants.O_NOFOLLOW);
  try {
    const pieces = piecesOf(file);
    yield* linesOf(compression === undefined ? pieces : decompress(pieces, compression));
  } finally {
    file.close();
  }
}

/** Each piece is overwritten by the next one. Before each, also that of an empty file, the process gets its signals. */
async function* piecesOf(file: RegularFile): AsyncGenerator<Buffer> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (let position = 0; ; ) {
    await setImmediate();
    const bytesRead = file.readNow(chunk, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

async function* decompress(pieces: AsyncIterable<Buffer>, compression: '.gz' | '.zst'): AsyncGenerator<Buffer> {
  let bytesRead = 0;
  const copies = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      bytesRead += piece.length;
      yield Buffer.from(piece);
    }
  };
  const source = Readable.from(copies());
  const decompressor: Transform = compression === '.gz' ? createGunzip() : createZstdDecompress();
  source.on('error', (error) => decompressor.destroy(error));
  source.pipe(decompressor);
  try {
    let expanded = 0;
    for await (const piece of decompressor as AsyncIterable<Buffer>) {
      expanded += piece.length;
      if (expanded > Math.max(freeBytes, bytesRead * maxExpansion)) {
        throw new Error(`expands to more than ${maxExpansion} times its size`);
      }
      yield piece;
    }
  } finally {
    source.destroy();
    decompressor.destroy();
  }
}

async function* linesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<(string | undefined)[]> {
  let started: Buffer[] = [];
  let startedBytes = 0;
  let total = 0;
  for await (const piece of pieces) {
    total += piece.length;
    if (total > maxFileBytes) throw new Error(`larger than ${maxFileBytes / 1024 ** 3} GiB`);
    const lines: (string | undefined)[] = [];
    let start = 0;
    for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, start)) {
      if (startedBytes + end - start > maxLineBytes) lines.push(undefined);
      else if (startedBytes === 0) lines.push(piece.toString('utf8', start, end));
      else lines.push(Buffer.concat([...started, piece.subarray(start, end)]).toString());
      started = [];
      startedBytes = 0;
      start = end + 1;
    }
    const rest = piece.subarray(start);
    startedBytes += rest.length;
    // Of a line that is too long only its length is kept.
    if (startedBytes > maxLineBytes) started = [];
    else if (rest.length > 0) started.push(Buffer.from(rest));
    if (lines.length > 0) yield lines;
  }
  if (startedBytes > 0) yield [startedBytes > maxLineBytes ? undefined : Buffer.concat(started).toString()];
}
