// journald's native protocol: one entry as bytes, and the send.

import { sendDatagram } from './unix-datagram.ts';

/** Where journald listens (systemd-journald.socket(8)). */
export const journalSocket = '/run/systemd/journal/socket';

/** The most that one value takes, in bytes of UTF-8, before it is cut. */
export const fieldBytes = 8192;

/** A field of a journal entry: a name in capitals, and its value. A name may occur again: the field then has several values. */
export type JournalField = readonly [name: string, value: string];

/**
 * The entry as journald takes it. Every value goes with its length in front, so a newline in one is data and cannot
 * begin another field. Values past 8 KiB are cut and end in `… (cut, N bytes)`; a lone surrogate becomes U+FFFD.
 */
export function encodeEntry(fields: readonly JournalField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => {
      const data = Buffer.from(cutValue(value));
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(BigInt(data.length));
      return [Buffer.from(`${name}\n`), size, data, Buffer.from('\n')];
    }),
  );
}

function cutValue(value: string): string {
  const bytes = Buffer.byteLength(value);
  if (bytes <= fieldBytes) return value;
  const mark = `… (cut, ${bytes} bytes)`;
  const kept = Buffer.alloc(fieldBytes - Buffer.byteLength(mark));
  // Buffer.write stops before a character that does not fit whole.
  const written = kept.write(value);
  return kept.toString('utf8', 0, written) + mark;
}

/** Sends one entry without waiting. Returns undefined when journald has it, else why not, as `sendDatagram` does. */
export function sendEntry(fields: readonly JournalField[], socket: string = journalSocket): string | undefined {
  return sendDatagram(socket, encodeEntry(fields));
}

/** Whether somebody takes datagrams at `socket` now: its file stays behind when journald ends. journald passes over one without content. */
export const journaldListens = (socket: string = journalSocket): boolean =>
  sendDatagram(socket, Buffer.alloc(0)) === undefined;
