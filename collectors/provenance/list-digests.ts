// Collects the SHA-256 digests of a package list while the list is read in pieces.

import { createHash } from 'node:crypto';

/** Length of a digest. */
export const digestBytes = 32;

const field = Buffer.from('\nSHA256:');
const stanza = Buffer.from('\nPackage:');
const newline = 0x0a;
/** A longer line has no digest. */
const maxLineBytes = 64 * 1024;
const usualPieceBytes = 256 * 1024;

/** Digests in 256 parts by their first byte, each in the order of their arrival. */
interface DigestSet {
  readonly size: number;
  /** The digests that begin with that byte, one after the other. */
  part(first: number): Buffer;
}

/** Collects digests of one list. */
export interface ListReader {
  /** Handles the next piece of the list. The piece may be overwritten afterwards. */
  add(piece: Buffer): void;
  /** Must be called after the last piece. */
  end(): ListContent;
}

/** What a list contains. */
export interface ListContent {
  /** SHA-256 of the list, in lower-case hexadecimal digits. */
  sha256: string;
  digests: DigestSet;
  /** Every package of the list has a SHA-256, and none was dropped. */
  isComplete: boolean;
  /** There were more digests than the bound. */
  isCut: boolean;
}

/** Opens a reader that keeps at most `maxDigests`. */
export function openListReader(maxDigests: number): ListReader {
  const hash = createHash('sha256');
  const parts: { bytes: Buffer; used: number }[] = Array.from({ length: 256 }, () => ({
    bytes: Buffer.alloc(0),
    used: 0,
  }));
  let size = 0;
  let stanzas = 0;
  let found = 0;
  /** Begins with the line that has not ended, and the newline before it; the next piece is added behind. */
  let text = Buffer.alloc(usualPieceBytes + maxLineBytes);
  let restBytes = text.write('\n');

  const keep = (digest: Buffer): void => {
    const part = parts[digest[0] ?? 0];
    if (part === undefined) return;
    if (part.used + digestBytes > part.bytes.length) {
      const larger = Buffer.alloc(Math.max(8 * digestBytes, part.bytes.length * 2));
      part.bytes.copy(larger, 0, 0, part.used);
      part.bytes = larger;
    }
    digest.copy(part.bytes, part.used);
    part.used += digestBytes;
    size++;
  };
  /** Handles complete lines: `lines` begins and ends with a newline. */
  const handle = (lines: Buffer): void => {
    for (let at = lines.indexOf(stanza); at >= 0; at = lines.indexOf(stanza, at + stanza.length)) stanzas++;
    for (let at = lines.indexOf(field); at >= 0; at = lines.indexOf(field, at + field.length)) {
      const end = lines.indexOf(newline, at + field.length);
      const value = lines.toString('latin1', at + field.length, Math.min(end, at + field.length + 80)).trim();
      if (!/^[0-9a-f]{64}$/i.test(value)) continue;
      found++;
      if (size < maxDigests) keep(Buffer.from(value, 'hex'));
    }
  };

  return {
    add(piece) {
      hash.update(piece);
      if (restBytes + piece.length > text.length) text = Buffer.concat([text], restBytes + piece.length);
      piece.copy(text, restBytes);
      const used = text.subarray(0, restBytes + piece.length);
      const last = used.lastIndexOf(newline);
      handle(used.subarray(0, last + 1));
      restBytes = used.length - last;
      // The line continues as one that begins with a blank: it is no field.
      if (restBytes > maxLineBytes) restBytes = text.write('\n ');
      else text.copyWithin(0, last, used.length);
    },
    end() {
      handle(Buffer.concat([text.subarray(0, restBytes), Buffer.from('\n')]));
      text = Buffer.alloc(0);
      const isCut = found > size;
      return {
        sha256: hash.digest('hex'),
        digests: {
          size,
          part: (first) => parts[first]?.bytes.subarray(0, parts[first].used) ?? Buffer.alloc(0),
        },
        isComplete: !isCut && found >= stanzas,
        isCut,
      };
    },
  };
}
