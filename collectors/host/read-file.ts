// Reads regular files within bounds, whatever lies there and whatever happens to the file meanwhile.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { promisify } from 'node:util';

const read = promisify(fs.read);

const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = fs.constants;
const chunkBytes = 64 * 1024;
/**
 * A read that does not fill its buffer is the last one, as a rule. Only a file that grows in step with its reader, or a file system
 * that hands out small pieces, makes more of them.
 */
const maxShortReads = 64;

/** The file is not read, or not to its end. `message` is one clause that says why. */
export class Unreadable extends Error {
  override name = 'Unreadable';
}

const mebibyte = 1024 * 1024;
/** Of /etc/passwd, of lists of a package's files, of dpkg's status file: each is much smaller. */
export const maxDatabaseBytes = 256 * mebibyte;

const tooLarge = (maxBytes: number): Unreadable =>
  new Unreadable(`larger than ${maxBytes < mebibyte ? `${maxBytes} bytes` : `${maxBytes / mebibyte} MiB`}`);
const growing = (): Unreadable => new Unreadable('it grew all the while it was read');

/**
 * A descriptor for reading, which the caller closes. Neither a fifo nor a device holds the caller up. Throws Unreadable and what
 * open(2) answers. `moreFlags` of open(2).
 */
export function openRegularFile(file: string | Buffer, moreFlags = 0): number {
  const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | moreFlags);
  try {
    if (!fs.fstatSync(fd).isFile()) throw new Unreadable('not a regular file');
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** Lets `use` have a descriptor of the file while it runs. Throws Unreadable and what open(2) answers. */
export function withRegularFile<T>(file: string | Buffer, use: (fd: number) => T): T {
  const fd = openRegularFile(file);
  try {
    return use(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * The content from the first byte on, a piece at a time; each piece is overwritten by the next. No read is sized by what stat(2) said:
 * the file may be another size by now, and files of the kernel's have none. Throws Unreadable.
 */
export async function* readPieces(fd: number, maxBytes: number): AsyncGenerator<Buffer> {
  if (fs.fstatSync(fd).size > maxBytes) throw tooLarge(maxBytes);
  const chunk = Buffer.allocUnsafe(chunkBytes);
  let shortReads = 0;
  for (let position = 0; ; ) {
    const { bytesRead } = await read(fd, chunk, 0, chunk.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    if (position > maxBytes) throw tooLarge(maxBytes);
    if (bytesRead < chunk.length && ++shortReads > maxShortReads) throw growing();
    yield chunk.subarray(0, bytesRead);
  }
}

/** Of the whole content, in lower-case hexadecimal digits. Throws Unreadable. */
export async function digestOf(fd: number, algorithm: 'md5' | 'sha256', maxBytes: number): Promise<string> {
  const digest = createHash(algorithm);
  for await (const piece of readPieces(fd, maxBytes)) digest.update(piece);
  return digest.digest('hex');
}

/** The text of a regular file, read beside what else there is to do. Throws Unreadable and what open(2) answers. */
export async function loadTextFile(file: string, maxBytes: number): Promise<string> {
  const fd = openRegularFile(file);
  try {
    const pieces: Buffer[] = [];
    for await (const piece of readPieces(fd, maxBytes)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces).toString('utf8');
  } finally {
    fs.closeSync(fd);
  }
}

function* firstPieces(fd: number, maxBytes: number): Generator<Buffer> {
  let shortReads = 0;
  for (let position = 0; position < maxBytes; ) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, maxBytes - position));
    const bytesRead = fs.readSync(fd, chunk, 0, chunk.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    if (bytesRead < chunk.length && ++shortReads > maxShortReads) throw growing();
    yield chunk.subarray(0, bytesRead);
  }
}

/** The first bytes, `maxBytes` of them where there are as many; at once, since there are few. */
export const readHead = (fd: number, maxBytes: number): Buffer => Buffer.concat([...firstPieces(fd, maxBytes)]);

/** As `readPieces`, at once: not where events wait for it. */
export function* readPiecesNow(fd: number, maxBytes: number): Generator<Buffer> {
  if (fs.fstatSync(fd).size > maxBytes) throw tooLarge(maxBytes);
  let sizeBytes = 0;
  for (const piece of firstPieces(fd, maxBytes + 1)) {
    sizeBytes += piece.length;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    yield piece;
  }
}

/** The text of a regular file. Throws Unreadable and what open(2) answers. */
export const readTextFile = (file: string | Buffer, maxBytes: number): string =>
  withRegularFile(file, (fd) => Buffer.concat([...readPiecesNow(fd, maxBytes)]).toString('utf8'));
