// What the kernel wrote, read back: recorded reads with their story, and bytes that no kernel writes.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type DirectoryEntry,
  type FanotifyEvent,
  fanotifyMask,
  parseFanotify,
} from '../../../collectors/packagedb/parse-fanotify.ts';

interface Recording {
  story: string;
  base64: string;
  /** Directories as hexadecimal digits. */
  expected: { pid: number; mask: string[]; entry?: FanotifyEvent['entry']; oldEntry?: FanotifyEvent['oldEntry'] }[];
}

const directory = path.join(import.meta.dirname, 'fixtures');
const recordings = fs
  .readdirSync(directory)
  .map((name): [string, Recording] => [name, JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8'))]);

const inHex = ({ directory, name }: DirectoryEntry): DirectoryEntry => ({
  directory: Buffer.from(directory, 'latin1').toString('hex'),
  name,
});
const bitsOf = (mask: number): string[] =>
  Object.entries(fanotifyMask).flatMap(([name, bit]) => (mask & bit ? [name] : []));

describe.each(recordings)('%s', (_, { base64, expected }) => {
  const bytes = Buffer.from(base64, 'base64');

  test('has exactly the recorded events', () => {
    const events = parseFanotify(bytes).map(({ pid, mask, entry, oldEntry }) => ({
      pid,
      mask: bitsOf(mask),
      ...(entry && { entry: inHex(entry) }),
      ...(oldEntry && { oldEntry: inHex(oldEntry) }),
    }));
    expect(events).toEqual(expected);
  });

  test('gives the events before a cut at any byte', () => {
    const all = parseFanotify(bytes);
    for (let length = 0; length < bytes.length; length++) {
      const events = parseFanotify(bytes.subarray(0, length));
      expect(events).toEqual(all.slice(0, events.length));
      expect(events.length).toBeLessThan(all.length);
    }
  });

  test('ends without an error if any byte is changed', () => {
    for (let offset = 0; offset < bytes.length; offset++) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const changed = Buffer.from(bytes);
        changed[offset] = value;
        expect(parseFanotify(changed).length).toBeLessThanOrEqual(bytes.length / 24);
      }
    }
  });
});

test('an overflow has no name', () => {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(24, 0);
  bytes.writeUInt16LE(24, 6);
  bytes.writeBigUInt64LE(BigInt(fanotifyMask.overflow), 8);
  expect(parseFanotify(bytes)).toEqual([
    { mask: fanotifyMask.overflow, pid: 0, entry: undefined, oldEntry: undefined },
  ]);
});

test('an event of a marked file has the file, whatever comes before and after', () => {
  const handle = Buffer.from('0c00000001000000aabbccddeeff001122334455', 'hex');
  const info = Buffer.concat([Buffer.from('01002000', 'hex'), Buffer.from('1122334455667788', 'hex'), handle]);
  const metadata = Buffer.alloc(24);
  metadata.writeUInt32LE(24 + info.length, 0);
  metadata.writeUInt16LE(24, 6);
  metadata.writeBigUInt64LE(BigInt(fanotifyMask.open), 8);
  metadata.writeInt32LE(77, 20);
  const bytes = Buffer.concat([metadata, info]);
  const file = Buffer.concat([info.subarray(4, 12), handle]).toString('latin1');
  expect(parseFanotify(Buffer.concat([bytes, bytes]))).toEqual(
    Array(2).fill({ mask: fanotifyMask.open, pid: 77, entry: undefined, oldEntry: undefined, file }),
  );
  for (let length = 24; length < bytes.length; length++) expect(parseFanotify(bytes.subarray(0, length))).toEqual([]);
});
