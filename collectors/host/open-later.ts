// Opens and reads regular files in the background, so that a file system that does not answer (FUSE, NFS) blocks no event.

import fs from 'node:fs';
import { promisify } from 'node:util';
import { errorCode } from '../error-message.ts';
import { linux } from '../linux/linux-abi.ts';
import type { FileStat } from './file-stat.ts';
import { followLinksLater } from './follow-links.ts';
import { notRegularFile, Unreadable } from './regular-file.ts';

const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_NOATIME } = fs.constants;

const openAsync = promisify(fs.open);
const closeAsync = promisify(fs.close);
const realPath = promisify(fs.realpath.native);
const readAsync = promisify(fs.read);
const fstatAsync = promisify(
  (fd: number, done: (error: NodeJS.ErrnoException | null, stat: fs.BigIntStats) => void): void =>
    fs.fstat(fd, { bigint: true }, done),
);

/** A regular file that is held open. Functions reject with the errors of their system calls. */
export interface LaterFile {
  /** Path without symlinks, below the root. */
  readonly path: string;
  stat(): Promise<FileStat>;
  /** Reads into the buffer from that byte of the file on. Resolves to the number of bytes; 0 at the end. */
  read(buffer: Buffer, position: number): Promise<number>;
  close(): void;
}

/** Undefined: no link, or no such file. */
async function linkAt(file: string): Promise<string | undefined> {
  try {
    return (await fs.promises.lstat(file)).isSymbolicLink() ? await fs.promises.readlink(file) : undefined;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL') return undefined;
    throw error;
  }
}

/** stat(2) in the background; undefined: there is no such file. */
export async function statLater(file: string): Promise<FileStat | undefined> {
  try {
    return await fs.promises.stat(file, { bigint: true });
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/**
 * Opens a file, with links resolved below `root` as a process does whose root that is. Rejects with Unreadable and with
 * the errors of the system calls. A file of /proc is rejected: its links would lead to files of the agent.
 */
export async function openLater(file: string, root: string): Promise<LaterFile> {
  // One call is cheaper than one for each part of the path. Within another root, and of a link that may lead through /proc,
  // the kernel would not go the way of the process.
  const isDirect = root === '' && (await linkAt(file)) === undefined;
  const path = isDirect ? await realPath(file) : await followLinksLater(file, (part) => linkAt(root + part));
  if (path.startsWith('/proc/')) throw notRegularFile();
  // O_PATH has no effect on a fifo or a device, and the type cannot change afterwards.
  const held = await openAsync(root + path, linux.O_PATH | O_NOFOLLOW);
  try {
    if (!(await fstatAsync(held)).isFile()) throw notRegularFile();
    const link = `/proc/self/fd/${held}`;
    const flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    const fd = await openAsync(link, flags | O_NOATIME).catch(() => openAsync(link, flags));
    return {
      path,
      stat: () => fstatAsync(fd),
      read: async (buffer, position) => (await readAsync(fd, buffer, 0, buffer.length, position)).bytesRead,
      close: () => void closeAsync(fd).catch(() => {}),
    };
  } finally {
    await closeAsync(held);
  }
}

/** Reads the whole content in pieces; each piece is overwritten by the next one. Throws Unreadable. */
export async function* piecesOf(file: LaterFile, maxBytes: number): AsyncGenerator<Buffer> {
  const chunk = Buffer.allocUnsafeSlow(pieceBytes);
  for (let position = 0; ; ) {
    const bytesRead = await file.read(chunk, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    if (position > maxBytes) throw new Unreadable(`larger than ${maxBytes} bytes`, 'too_large');
    yield chunk.subarray(0, bytesRead);
  }
}

/** Large enough that few reads wait for a thread, and hashed in a fraction of a millisecond. */
const pieceBytes = 256 * 1024;
