// The head of ELF files: made by hand, of this machine's programs, and hostile.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { elfHeadBytes, parseElf } from '../../../collectors/host/elf-file.ts';

describe('a program of this machine', () => {
  const file = process.execPath;
  const head = Buffer.alloc(elfHeadBytes);
  const descriptor = fs.openSync(file, 'r');
  fs.readSync(descriptor, head, 0, elfHeadBytes, 0);
  fs.closeSync(descriptor);
  const notes = execFileSync('readelf', ['-nlW', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

  test('has the dynamic linker and the build ID that readelf shows', () => {
    expect(parseElf(head)).toMatchObject({
      linker: /Requesting program interpreter: ([^\]]+)/.exec(notes)?.[1],
      buildId: /Build ID: ([0-9a-f]+)/.exec(notes)?.[1],
    });
  });
  test('cut anywhere raises no error', () => {
    for (let bytes = 0; bytes < head.length; bytes += 7) parseElf(head.subarray(0, bytes));
    expect(parseElf(head.subarray(0, 63))).toBe(undefined);
  });
  test('with any byte changed raises no error', () => {
    for (let at = 0; at < 1024; at++) {
      const changed = Buffer.from(head);
      changed[at] = 0xff;
      parseElf(changed);
    }
    expect(parseElf(head)?.entryOffset).toBeGreaterThan(0);
  });
});

describe('entry point', () => {
  const elf = (entry: number, segments: [type: number, offset: number, address: number, size: number][]): Buffer => {
    const bytes = Buffer.alloc(64 + segments.length * 56);
    bytes.writeUInt32BE(0x7f454c46, 0);
    bytes[4] = 2;
    bytes[5] = 1;
    bytes.writeBigUInt64LE(BigInt(entry), 24);
    bytes.writeBigUInt64LE(64n, 32);
    bytes.writeUInt16LE(56, 54);
    bytes.writeUInt16LE(segments.length, 56);
    segments.forEach(([type, offset, address, size], i) => {
      bytes.writeUInt32LE(type, 64 + i * 56);
      bytes.writeBigUInt64LE(BigInt(offset), 64 + i * 56 + 8);
      bytes.writeBigUInt64LE(BigInt(address), 64 + i * 56 + 16);
      bytes.writeBigUInt64LE(BigInt(size), 64 + i * 56 + 32);
    });
    return bytes;
  };
  test.each([
    ['in a segment at another address', elf(0x401050, [[1, 0x1000, 0x401000, 0x500]]), 0x1050],
    [
      'position-independent',
      elf(0x7cd0, [
        [4, 0, 0, 1],
        [1, 0, 0, 0x61f0],
        [1, 0x7000, 0x7000, 0x2a151],
      ]),
      0x7cd0,
    ],
    ['in no segment', elf(0x10, [[1, 0x1000, 0x401000, 0x500]]), undefined],
    ['a script', Buffer.from('#!/bin/sh\n'.padEnd(80)), undefined],
    ['a torn file', Buffer.from([0x7f, 0x45, 0x4c, 0x46]), undefined],
    ['a table past the end', elf(0x10, [[1, 0, 0, 0x500]]).subarray(0, 70), undefined],
  ])('%s', (_what, head, expected) => expect(parseElf(head)?.entryOffset).toBe(expected));
});
