// Files of all kinds and sizes, and those that change while they are read.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { readHead, readPieces, readPiecesNow, readTextFile, withFile } from '../../../collectors/host/read-file.ts';
import { openRegularFile } from '../../../collectors/host/regular-file.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

let file: string;
beforeEach(() => {
  file = path.join(temporaryDirectory(), 'file');
});

async function read(maxBytes: number, onPiece: (piece: Buffer) => void = () => {}): Promise<string> {
  const opened = openRegularFile(file);
  try {
    let text = '';
    for await (const piece of readPieces(opened, maxBytes)) {
      text += piece.toString('latin1');
      onPiece(piece);
    }
    return text;
  } finally {
    opened.close();
  }
}

const readNow = (maxBytes: number, onPiece: (piece: Buffer) => void = () => {}): string =>
  withFile(openRegularFile(file), (opened) => {
    let text = '';
    for (const piece of readPiecesNow(opened, maxBytes)) {
      text += piece.toString('latin1');
      onPiece(piece);
    }
    return text;
  });

describe.each([
  ['piece by piece', read],
  ['at once', async (...how: Parameters<typeof read>) => readNow(...how)],
])('%s', (_, reading) => {
  test.each([0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 200_000])(
    'reads %d bytes, and rejects them over the limit',
    async (size) => {
      fs.writeFileSync(file, 'x'.repeat(size));
      await expect(reading(size)).resolves.toBe('x'.repeat(size));
      if (size > 0) await expect(reading(size - 1)).rejects.toThrow(`larger than ${size - 1} bytes`);
    },
  );

  test('rejects a file larger than memory', async () => {
    fs.writeFileSync(file, '');
    fs.truncateSync(file, 2 ** 40);
    await expect(reading(1024 * 1024)).rejects.toThrow('larger than 1 MiB');
  });

  test('rejects a file that grows beyond the limit', async () => {
    fs.writeFileSync(file, 'x'.repeat(100));
    await expect(reading(120, () => fs.appendFileSync(file, 'y'.repeat(100)))).rejects.toThrow('larger than 120 bytes');
  });

  test('reads a file that shrinks to its new end', async () => {
    fs.writeFileSync(file, 'x'.repeat(200_000));
    const text = await reading(200_000, () => fs.truncateSync(file, 70_000));
    expect(text).toBe('x'.repeat(70_000));
  });

  test('rejects a file that grows with each read', async () => {
    fs.writeFileSync(file, 'x');
    let pieces = 0;
    const grow = (): void => {
      pieces++;
      fs.appendFileSync(file, 'x');
    };
    await expect(reading(1024 * 1024, grow)).rejects.toThrow('it kept growing while it was read');
    expect(pieces).toBeLessThan(100);
  });
});

test('a file of the kernel with size 0 is read', () => {
  expect(fs.statSync('/proc/self/status').size).toBe(0);
  expect(readTextFile('/proc/self/status', 64 * 1024)).toMatch(/^Pid:\t\d+$/m);
  expect(() => readTextFile('/proc/self/status', 10)).toThrow('larger than 10 bytes');
});

test('readHead reads the beginning of a file', () => {
  fs.writeFileSync(file, 'abc');
  expect(
    [0, 2, 3, 1000].map((size) => withFile(openRegularFile(file), (opened) => readHead(opened, size).toString())),
  ).toEqual(['', 'ab', 'abc', 'abc']);
});

test.each<[string, () => void]>([
  ['a fifo', () => execFileSync('mkfifo', [file])],
  ['a directory', () => fs.mkdirSync(file)],
  ['a device', () => fs.symlinkSync('/dev/zero', file)],
])('%s is not read', (_, make) => {
  make();
  expect(() => readTextFile(file, 100)).toThrow('not a regular file');
});

test('no descriptor is left open', () => {
  const count = (): number => fs.readdirSync('/proc/self/fd').filter((fd) => leadsTo(fd)?.startsWith(file)).length;
  const leadsTo = (fd: string): string | undefined => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return undefined;
    }
  };
  fs.mkdirSync(file);
  expect(() => openRegularFile(file)).toThrow();
  expect(() => openRegularFile(`${file}/none`)).toThrow('ENOENT');
  fs.writeFileSync(`${file}/large`, 'xx');
  expect(() => readTextFile(`${file}/large`, 1)).toThrow();
  expect(count()).toBe(0);
});
