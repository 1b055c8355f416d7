// Reads regular files within bounds, even if a file changes while it is read.

import { createHash } from 'node:crypto';
import { openRegularFile, type RegularFile, Unreadable } from './regular-file.ts';

const chunkBytes = 64 * 1024;
/**
 * Maximum number of reads that do not fill the buffer. Usually only the last read does not; there are more only if the
 * file grows while it is read, or the file system returns small pieces.
 */
const maxShortReads = 64;

const mebibyte = 1024 * 1024;
/**
 * Maximum size of /etc/passwd, of a package's list of files, and of the status file of dpkg, which are all much
 * smaller.
 */
export const maxDatabaseBytes = 256 * mebibyte;

const tooLarge = (maxBytes: number): Unreadable =>
  new Unreadable(
    `larger than ${maxBytes < mebibyte ? `${maxBytes} bytes` : `${maxBytes / mebibyte} MiB`}`,
    'too_large',
  );
const grewWhileRead = (): Unreadable => new Unreadable('it kept growing while it was read', 'grew_while_read');

/** Calls `use` with the file, then closes the file. */
export function withFile<T>(file: RegularFile, use: (file: RegularFile) => T): T {
  try {
    return use(file);
  } finally {
    file.close();
  }
}

/**
 * Reads the content in pieces; each piece is overwritten by the next one. The size by stat(2) does not determine the
 * reads: the file may have another size by now, and files of the kernel show none. Throws Unreadable.
 */
export async function* readPieces(file: RegularFile, maxBytes: number): AsyncGenerator<Buffer> {
  if (file.stat().size > maxBytes) throw tooLarge(maxBytes);
  const chunk = Buffer.allocUnsafe(chunkBytes);
  let shortReads = 0;
  for (let position = 0; ; ) {
    const bytesRead = await file.read(chunk, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    if (position > maxBytes) throw tooLarge(maxBytes);
    if (bytesRead < chunk.length && ++shortReads > maxShortReads) throw grewWhileRead();
    yield chunk.subarray(0, bytesRead);
  }
}

/** Digest of the whole content in lower-case hexadecimal digits. Rejects with Unreadable. */
export async function digestOf(file: RegularFile, algorithm: 'md5' | 'sha256', maxBytes: number): Promise<string> {
  const digest = createHash(algorithm);
  for await (const piece of readPieces(file, maxBytes)) digest.update(piece);
  return digest.digest('hex');
}

/** Reads the whole text in the background, and closes the file. Rejects with Unreadable. */
export async function loadText(file: RegularFile, maxBytes: number): Promise<string> {
  try {
    const pieces: Buffer[] = [];
    for await (const piece of readPieces(file, maxBytes)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces).toString('utf8');
  } finally {
    file.close();
  }
}

function* firstPieces(file: RegularFile, maxBytes: number): Generator<Buffer> {
  let shortReads = 0;
  for (let position = 0; position < maxBytes; ) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, maxBytes - position));
    const bytesRead = file.readNow(chunk, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    if (bytesRead < chunk.length && ++shortReads > maxShortReads) throw grewWhileRead();
    yield chunk.subarray(0, bytesRead);
  }
}

/** Reads the first `maxBytes` bytes, fewer if the file is shorter. Blocks, so that `maxBytes` must be small. */
export const readHead = (file: RegularFile, maxBytes: number): Buffer =>
  Buffer.concat([...firstPieces(file, maxBytes)]);

/** The blocking form of `readPieces`. Must not be used while events wait. */
export function* readPiecesNow(file: RegularFile, maxBytes: number): Generator<Buffer> {
  if (file.stat().size > maxBytes) throw tooLarge(maxBytes);
  let sizeBytes = 0;
  for (const piece of firstPieces(file, maxBytes + 1)) {
    sizeBytes += piece.length;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    yield piece;
  }
}

/** Reads the whole text, blocking, and closes the file. Throws Unreadable. */
export const readText = (file: RegularFile, maxBytes: number): string =>
  withFile(file, () => Buffer.concat([...readPiecesNow(file, maxBytes)]).toString('utf8'));

/** Reads the text of a file of the agent. Throws Unreadable and the errors of open(2). */
export const readTextFile = (file: string, maxBytes: number): string => readText(openRegularFile(file), maxBytes);
