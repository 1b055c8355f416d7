// Opens regular files for reading, and no others: a fifo or a device could block the reader.

import fs from 'node:fs';
import { promisify } from 'node:util';
import type { UnobservedReason } from '../event/reasons.ts';
import type { FileStat } from './file-stat.ts';

const readAsync = promisify(fs.read);

const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = fs.constants;

/** A regular file that is open for reading. Functions throw or reject with the errors of their system calls. */
export interface RegularFile {
  stat(): FileStat;
  /** Reads into the buffer from that byte of the file on. Resolves to the number of bytes; 0 at the end. */
  read(buffer: Buffer, position: number): Promise<number>;
  /** The blocking form of `read`. */
  readNow(buffer: Buffer, position: number): number;
  close(): void;
}

/** The file was not read, or not to its end. `message` has the reason in one clause. */
export class Unreadable extends Error {
  override name = 'Unreadable';
  readonly reason: UnreadableReason;

  constructor(message: string, reason: UnreadableReason) {
    super(message);
    this.reason = reason;
  }
}

type UnreadableReason = Extract<UnobservedReason, 'not_regular_file' | 'too_large' | 'grew_while_read'>;

/** Returns the error, without throwing it, for a fifo, a device, a directory or the like. */
export const notRegularFile = (): Unreadable => new Unreadable('not a regular file', 'not_regular_file');

/**
 * Opens a file, which the caller must close. `moreFlags`: further flags of open(2). Throws Unreadable and the errors of
 * open(2).
 */
export function openRegularFile(file: string | Buffer, moreFlags = 0): RegularFile {
  const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | moreFlags);
  try {
    if (!fs.fstatSync(fd).isFile()) throw notRegularFile();
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  return {
    stat: () => fs.fstatSync(fd, { bigint: true }),
    read: async (buffer, position) => (await readAsync(fd, buffer, 0, buffer.length, position)).bytesRead,
    readNow: (buffer, position) => fs.readSync(fd, buffer, 0, buffer.length, position),
    close: () => fs.closeSync(fd),
  };
}
