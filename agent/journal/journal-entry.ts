// journald's native protocol: encodes an entry and sends it.

import { sendDatagram } from '../../collectors/linux/unix-datagram.ts';

/** The socket of journald (systemd-journald.socket(8)). */
export const journalSocket = '/run/systemd/journal/socket';

/** Maximum size of one value, in bytes of UTF-8. */
export const fieldBytes = 8192;

/** Maximum size of one value in an entry that would otherwise exceed `entryBytes`. */
const fieldBytesOfMany = 1024;

/** Maximum size of an entry: a datagram of this size is accepted with any net.core.wmem_max (unix-datagram.ts). */
const entryBytes = 200_000;

/** A field of a journal entry: a name in capitals, and its value. A repeated name gives the field several values. */
export type JournalField = readonly [name: string, value: string];

/**
 * The entry in journald's format. Each value is preceded by its length, so a newline in a value cannot begin another field.
 * Values over 8 KiB are cut and end in `… (cut, N bytes)`; values over 1 KiB if the entry would be too large for a datagram.
 * A lone surrogate becomes U+FFFD.
 */
export function encodeEntry(fields: readonly JournalField[]): Buffer {
  const entry = encode(fields, fieldBytes);
  return entry.length > entryBytes ? encode(fields, fieldBytesOfMany) : entry;
}

function encode(fields: readonly JournalField[], maxBytes: number): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => {
      const data = Buffer.from(cutValue(value, maxBytes));
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(BigInt(data.length));
      return [Buffer.from(`${name}\n`), size, data, Buffer.from('\n')];
    }),
  );
}

/** The value, cut to at most `maxBytes` bytes of UTF-8 including the mark that it was cut. */
export function cutValue(value: string, maxBytes: number): string {
  const bytes = Buffer.byteLength(value);
  if (bytes <= maxBytes) return value;
  const mark = `… (cut, ${bytes} bytes)`;
  const kept = Buffer.alloc(maxBytes - Buffer.byteLength(mark));
  // Buffer.write stops before a character that does not fit completely.
  const written = kept.write(value);
  return kept.toString('utf8', 0, written) + mark;
}

const cutMark = /… \(cut, (\d+) bytes\)$/;

/** The remaining text of a value that was cut, and its bound. Undefined if the value is complete. */
export function leftOfCut(value: string): { text: string; maxBytes: number } | undefined {
  const wholeBytes = Number(cutMark.exec(value)?.[1] ?? 0);
  const bytes = Buffer.byteLength(value);
  const maxBytes = [fieldBytes, fieldBytesOfMany].find((bound) => bytes <= bound && bytes > bound - 4);
  if (maxBytes === undefined || wholeBytes <= maxBytes) return undefined;
  return { text: value.replace(cutMark, ''), maxBytes };
}

/** Sends one entry without waiting. Returns undefined on success, else the name of the error, as `sendDatagram` does. */
export function sendEntry(fields: readonly JournalField[], socket: string = journalSocket): string | undefined {
  return sendDatagram(socket, encodeEntry(fields));
}

/** Whether journald listens at `socket` now. The file is no proof: it remains when journald ends. journald ignores an empty datagram. */
export const journaldListens = (socket: string = journalSocket): boolean =>
  sendDatagram(socket, Buffer.alloc(0)) === undefined;
