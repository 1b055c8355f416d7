// Opens a file as soon as its change is reported, and keeps it open: a file that is deleted a moment later can still be read.

import { createHash, hash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { errorCode } from '../error-message.ts';
import { linux } from '../linux/linux-abi.ts';
import { pathIn } from '../packagedb/file-name.ts';
import type { FileStat } from './file-stat.ts';
import { readPieces } from './read-file.ts';
import { notRegularFile, openRegularFile, type RegularFile, Unreadable } from './regular-file.ts';

const { O_NOATIME, O_NOFOLLOW } = fs.constants;
/** Larger files are not hashed. */
export const maxHashedBytes = 1024 * 1024;

export interface FileContent {
  sha256: string;
  sizeBytes: number;
  /** Not more than was asked for. */
  head: Buffer;
}

export interface OpenedFile {
  /** As of the last stat. */
  readonly stat: FileStat;
  /** Reads the state of the same file again, even if its name leads to another file by now. */
  refresh(): void;
  /** Lower-case hexadecimal digits. Throws `Unhashed` with the reason where there is none. */
  sha256(): Promise<string>;
  /** The hash, and the first `maxBytes` of the content. */
  content(maxBytes: number): Promise<FileContent>;
  /** Of a symbolic link. */
  target(): string | undefined;
  close(): void;
}

/** Why there is no hash. */
export class Unhashed extends Error {
  override name = 'Unhashed';
  readonly reason: Unreadable['reason'];

  constructor({ message, reason }: Pick<Unreadable, 'message' | 'reason'>) {
    super(message);
    this.reason = reason;
  }
}

/** A file that a path named, held without being opened for reading: a fifo has no reader by it, a device is not touched. */
interface HeldFile {
  stat(): FileStat;
  /** Opens the very file, known to be a regular one: no name is followed again. */
  open(): RegularFile;
  /** Of a symbolic link; undefined: it cannot be read. */
  target(): string | undefined;
  close(): void;
}

export function openedFile(held: HeldFile): OpenedFile {
  let stat = held.stat();
  const content = async (maxBytes: number): Promise<FileContent> => {
    if (!stat.isFile()) throw new Unhashed(notRegularFile());
    try {
      return await readContent(held.open(), maxBytes);
    } catch (error) {
      throw error instanceof Unreadable ? new Unhashed(error) : error;
    }
  };
  return {
    get stat() {
      return stat;
    },
    refresh() {
      stat = held.stat();
    },
    sha256: async () => (await content(0)).sha256,
    content,
    target: () => (stat.isSymbolicLink() ? held.target() : undefined),
    close: held.close,
  };
}

/** Undefined: there is no such file any more. Throws other errors of open(2). */
export function openFile(file: string | Buffer): OpenedFile | undefined {
  let fd: number;
  try {
    fd = fs.openSync(file, linux.O_PATH | O_NOFOLLOW);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  return openedFile({
    stat: () => fs.fstatSync(fd, { bigint: true }),
    open: () => openByDescriptor(fd),
    target() {
      try {
        // An empty path means the descriptor's own link in readlinkat(2), which Node does not have.
        return fs.readlinkSync(file);
      } catch {
        return undefined;
      }
    },
    close: () => fs.closeSync(fd),
  });
}

/** When both are undefined, the file no longer exists. */
export interface FileCheck {
  opened: OpenedFile | undefined;
  /** Why the file could not be opened. */
  unseen: 'unreadable' | undefined;
}

/** Opens the file with that path and name, both as text for people (`file-name.ts`). The name `.` stands for the directory itself. */
export function checkFile(shown: string, name: string): FileCheck {
  try {
    const opened = openFile(name === '.' ? shown : pathIn(path.dirname(shown), name));
    return { opened, unseen: undefined };
  } catch {
    return { opened: undefined, unseen: 'unreadable' };
  }
}

/** Most files of a package database are smaller, and were written a moment ago: they are read from memory, without a thread. */
const small = Buffer.alloc(64 * 1024);

/** All of a small file, until the next call; undefined: it is larger. */
function readSmall(file: RegularFile): Buffer | undefined {
  for (let sizeBytes = 0; sizeBytes < small.length; ) {
    const bytesRead = file.readNow(sizeBytes === 0 ? small : small.subarray(sizeBytes), sizeBytes);
    if (bytesRead === 0) return small.subarray(0, sizeBytes);
    sizeBytes += bytesRead;
  }
  return undefined;
}

async function readContent(file: RegularFile, maxBytes: number): Promise<FileContent> {
  try {
    const all = readSmall(file);
    if (all !== undefined)
      return { sha256: hash('sha256', all), sizeBytes: all.length, head: Buffer.from(all.subarray(0, maxBytes)) };
    const digest = createHash('sha256');
    let head = Buffer.alloc(0);
    let sizeBytes = 0;
    for await (const piece of readPieces(file, maxHashedBytes)) {
      sizeBytes += piece.length;
      digest.update(piece);
      if (head.length < maxBytes) head = Buffer.concat([head, piece.subarray(0, maxBytes - head.length)]);
    }
    return { sha256: digest.digest('hex'), sizeBytes, head };
  } finally {
    file.close();
  }
}

function openByDescriptor(pathFd: number): RegularFile {
  const link = `/proc/self/fd/${pathFd}`;
  try {
    return openRegularFile(link, O_NOATIME);
  } catch {
    return openRegularFile(link);
  }
}
