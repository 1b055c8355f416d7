// Reads regular files within bounds, whatever lies there and whatever happens to the file meanwhile.

import { createHash } from 'node:crypto';
import { openRegularFile, type RegularFile, Unreadable } from './regular-file.ts';

const chunkBytes = 64 * 1024;
/**
 * A read that does not fill its buffer is the last one, as a rule. Only a file that grows in step with its reader, or a file system
 * that hands out small pieces, makes more of them.
 */
const maxShortReads = 64;

const mebibyte = 1024 * 1024;
/** Of /etc/passwd, of lists of a package's files, of dpkg's status file: each is much smaller. */
export const maxDatabaseBytes = 256 * mebibyte;

const tooLarge = (maxBytes: number): Unreadable =>
  new Unreadable(
    `larger than ${maxBytes < mebibyte ? `${maxBytes} bytes` : `${maxBytes / mebibyte} MiB`}`,
    'too_large',
  );
const grewWhileRead = (): Unreadable => new Unreadable('it grew all the while it was read', 'grew_while_read');

/** Lets `use` have the file, and closes it. */
export function withFile<T>(file: RegularFile, use: (file: RegularFile) => T): T {
  try {
    return use(file);
  } finally {
    file.close();
  }
}

/**
 * The content from the first byte on, a piece at a time; each piece is overwritten by the next. No read is sized by what stat(2) said:
 * the file may be another size by now, and files of the kernel's have none. Throws Unreadable.
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

/** Of the whole content, in lower-case hexadecimal digits. Throws Unreadable. */
export async function digestOf(file: RegularFile, algorithm: 'md5' | 'sha256', maxBytes: number): Promise<string> {
  const digest = createHash(algorithm);
  for await (const piece of readPieces(file, maxBytes)) digest.update(piece);
  return digest.digest('hex');
}

/** The whole text, read beside what else there is to do; closes the file. Throws Unreadable. */
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

/** The first bytes, `maxBytes` of them where there are as many; at once, since there are few. */
export const readHead = (file: RegularFile, maxBytes: number): Buffer =>
  Buffer.concat([...firstPieces(file, maxBytes)]);

/** As `readPieces`, at once: not where events wait for it. */
export function* readPiecesNow(file: RegularFile, maxBytes: number): Generator<Buffer> {
  if (file.stat().size > maxBytes) throw tooLarge(maxBytes);
  let sizeBytes = 0;
  for (const piece of firstPieces(file, maxBytes + 1)) {
    sizeBytes += piece.length;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    yield piece;
  }
}

/** The whole text, at once; closes the file. Throws Unreadable. */
export const readText = (file: RegularFile, maxBytes: number): string =>
  withFile(file, () => Buffer.concat([...readPiecesNow(file, maxBytes)]).toString('utf8'));

/** The text of a file of the agent's own. Throws Unreadable and what open(2) answers. */
export const readTextFile = (file: string, maxBytes: number): string => readText(openRegularFile(file), maxBytes);
