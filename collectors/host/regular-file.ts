// A regular file that is held open for reading: neither a fifo nor a device holds the reader up.

import fs from 'node:fs';
import { promisify } from 'node:util';
import type { UnobservedReason } from '../event/reasons.ts';
import type { FileStat } from './file-stat.ts';

const readAsync = promisify(fs.read);

const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = fs.constants;

export interface RegularFile {
  stat(): FileStat;
  /** Into the buffer, from that byte of the file on. The number of bytes; 0 at the end. */
  read(buffer: Buffer, position: number): Promise<number>;
  /** The same at once. */
  readNow(buffer: Buffer, position: number): number;
  close(): void;
}

/** The file is not read, or not to its end. `message` is one clause that says why. */
export class Unreadable extends Error {
  override name = 'Unreadable';
  readonly reason: UnreadableReason;

  constructor(message: string, reason: UnreadableReason) {
    super(message);
    this.reason = reason;
  }
}

type UnreadableReason = Extract<UnobservedReason, 'not_regular_file' | 'too_large' | 'grew_while_read'>;

export const notRegularFile = (): Unreadable => new Unreadable('not a regular file', 'not_regular_file');

/** The caller closes it. Throws Unreadable and what open(2) answers. `moreFlags` of open(2). */
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
