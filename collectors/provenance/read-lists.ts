// Reads the files in apt's directory of package lists, in the background and in pieces.

import { errorCode } from '../error-message.ts';
import type { Host } from '../host/host.ts';
import { piecesOf } from '../host/open-later.ts';
import type { ListName } from './list-names.ts';

/** The host, and apt's program that unpacks lists. */
export interface ListFiles {
  host: Pick<Host, 'listDirectory' | 'openLater'>;
  /** Reads a compressed list. */
  unpack(file: string): AsyncIterable<Buffer>;
}

/** Maximum number of lists in a directory that are read. */
export const maxLists = 512;
const maxReleaseBytes = 4 * 1024 * 1024;

/** The names of the files in the directory; none if it is not there. */
export async function readListNames({ host }: Pick<ListFiles, 'host'>, directory: string): Promise<string[]> {
  try {
    return await host.listDirectory(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** A Release file or its signature. Throws the errors of the file, and Unreadable if it is too large. */
export async function readReleaseBytes({ host }: Pick<ListFiles, 'host'>, file: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of plainPieces(host, file, maxReleaseBytes)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/** The content of a list. A piece may be overwritten by the next one. Throws if it has more than `maxBytes`. */
export async function* readList(
  { host, unpack }: ListFiles,
  directory: string,
  { name, isCompressed }: Pick<ListName, 'name' | 'isCompressed'>,
  maxBytes: number,
): AsyncGenerator<Buffer> {
  const file = `${directory}/${name}`;
  if (!isCompressed) {
    yield* plainPieces(host, file, maxBytes);
    return;
  }
  let sizeBytes = 0;
  for await (const piece of unpack(file)) {
    sizeBytes += piece.length;
    if (sizeBytes > maxBytes) throw new Error(`${file}: larger than ${maxBytes} bytes`);
    yield piece;
  }
}

async function* plainPieces(host: ListFiles['host'], file: string, maxBytes: number): AsyncGenerator<Buffer> {
  const opened = await host.openLater(file, '');
  try {
    yield* piecesOf(opened, maxBytes);
  } finally {
    opened.close();
  }
}
