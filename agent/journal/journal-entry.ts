// journald's native protocol: one entry as bytes, and the send.

import { sendDatagram } from '../../collectors/linux/unix-datagram.ts';

/** Where journald listens (systemd-journald.socket(8)). */
export const journalSocket = '/run/systemd/journal/socket';

/** The most that one value takes, in bytes of UTF-8, before it is cut. */
export const fieldBytes = 8192;

/** The same in an entry that would have more than `entryBytes` otherwise. */
const fieldBytesOfMany = 2048;

/** What a datagram takes with any net.core.wmem_max (unix-datagram.ts). */
const entryBytes = 200_000;

/** A field of a journal entry: a name in capitals, and its value. A name may occur again: the field then has several values. */
export type JournalField = readonly [name: string, value: string];

/**
 * The entry as journald takes it. Every value goes with its length in front, so a newline in one is data and cannot
 * begin another field. Values past 8 KiB are cut and end in `… (cut, N bytes)`, past 2 KiB where the entry would be too large
 * for a datagram; a lone surrogate becomes U+FFFD.
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

/** The value as an entry has it. */
export function cutValue(value: string, maxBytes: number): string {
  const bytes = Buffer.byteLength(value);
  if (bytes <= maxBytes) return value;
  const mark = `… (cut, ${bytes} bytes)`;
  const kept = Buffer.alloc(maxBytes - Buffer.byteLength(mark));
  // Buffer.write stops before a character that does not fit whole.
  const written = kept.write(value);
  return kept.toString('utf8', 0, written) + mark;
}

const cutMark = /… \(cut, (\d+) bytes\)$/;

/** What is left of a value that was cut, and the bound. Undefined: it is whole. */
export function leftOfCut(value: string): { text: string; maxBytes: number } | undefined {
  const wholeBytes = Number(cutMark.exec(value)?.[1] ?? 0);
  const bytes = Buffer.byteLength(value);
  const maxBytes = [fieldBytes, fieldBytesOfMany].find((bound) => bytes <= bound && bytes > bound - 4);
  if (maxBytes === undefined || wholeBytes <= maxBytes) return undefined;
  return { text: value.replace(cutMark, ''), maxBytes };
}

/** Sends one entry without waiting. Returns undefined when journald has it, else why not, as `sendDatagram` does. */
export function sendEntry(fields: readonly JournalField[], socket: string = journalSocket): string | undefined {
  return sendDatagram(socket, encodeEntry(fields));
}

/** Whether journald listens at `socket` now: the file remains when journald ends. journald ignores a datagram without content. */
export const journaldListens = (socket: string = journalSocket): boolean =>
  sendDatagram(socket, Buffer.alloc(0)) === undefined;
