// Opens a file as soon as its change is reported, and keeps it open, so that it can be read even if it is deleted a
// moment later.

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
/** Maximum size of a file that is hashed. */
export const maxHashedBytes = 1024 * 1024;

/** The result of one read of a file to its end. `sha256` is in lower-case hexadecimal digits. */
export interface FileContent {
  sha256: string;
  sizeBytes: number;
  /** The first bytes, as many as were asked for. */
  head: Buffer;
}

/** A file that is held open. Its stat and content stay those of the same file after it is renamed or deleted. */
export interface OpenedFile {
  /** Result of the last stat. */
  readonly stat: FileStat;
  /** Calls stat again for the same file, even if its name leads to another file by now. */
  refresh(): void;
  /** Hash in lower-case hexadecimal digits. Rejects with `Unhashed`. */
  sha256(): Promise<string>;
  /** The hash and the first `maxBytes` of the content. Rejects with `Unhashed`. */
  content(maxBytes: number): Promise<FileContent>;
  /** Target of a symbolic link; undefined for other files. */
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

/** A file that is held by O_PATH, not opened for reading, so that this has no effect on fifos and devices. */
interface HeldFile {
  stat(): FileStat;
  /** Opens this regular file for reading, without following its name again. */
  open(): RegularFile;
  /** Target of a symbolic link; undefined: it cannot be read. */
  target(): string | undefined;
  close(): void;
}

/** Returns the file with its stat as of now; `close` also closes `held`. Throws the error of `held.stat`. */
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

/** Opens a file by O_PATH. Undefined: there is no such file. Throws other errors of open(2). */
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
        // readlinkat(2) with an empty path would read the link of the descriptor itself, but Node does not offer it.
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

/**
 * Opens a file by path and name, both as `decodeName` gives them (file-name.ts). The name `.` is the directory itself.
 */
export function checkFile(shown: string, name: string): FileCheck {
  try {
    const opened = openFile(name === '.' ? shown : pathIn(path.dirname(shown), name));
    return { opened, unseen: undefined };
  } catch {
    return { opened: undefined, unseen: 'unreadable' };
  }
}

/**
 * Most files of a package database are smaller and were just written, so that they are in the page cache and are read
 * without a thread.
 */
const small = Buffer.alloc(64 * 1024);

/** Reads all of a small file into a buffer that the next call overwrites; undefined: the file is larger. */
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
