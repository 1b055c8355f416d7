// Files of all kinds, as they are seen a moment before they are gone.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { maxHashedBytes, openFile } from '../../../collectors/host/opened-file.ts';
import { scratch } from '../packagedb/watch-double.ts';

const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
const witnessOf = (file: string | Buffer) => {
  const opened = openFile(file);
  if (opened === undefined) throw new Error('no such file');
  return opened;
};

/** How often this process has called read(2) and its like (proc_pid_io(5)). */
const readCalls = (): number => Number(/^syscr: (\d+)$/m.exec(fs.readFileSync('/proc/self/io', 'utf8'))?.[1]);

test('a missing file is undefined', () => {
  const directory = scratch();
  fs.writeFileSync(path.join(directory, 'file'), '');
  expect(openFile(path.join(directory, 'none'))).toBe(undefined);
  expect(openFile(path.join(directory, 'file/none'))).toBe(undefined);
  expect(() => openFile(path.join(directory, 'x'.repeat(256)))).toThrow(/ENAMETOOLONG/);
});

describe('a hash', () => {
  test.each<[string, string | Buffer]>([
    ['of nothing', ''],
    ['of a line', 'a\n'],
    ['of more than a chunk', 'ab'.repeat(100_000)],
    ['of as much as is read', Buffer.alloc(maxHashedBytes)],
  ])('%s', async (_, content) => {
    const file = path.join(scratch(), 'file');
    fs.writeFileSync(file, content);
    const opened = witnessOf(file);
    await expect(opened.sha256()).resolves.toBe(sha256(content));
    opened.close();
  });

  test('is that of the opened file after another has replaced it', async () => {
    const file = path.join(scratch(), 'file');
    fs.writeFileSync(file, 'first');
    const opened = witnessOf(file);
    fs.writeFileSync(`${file}.new`, 'second');
    fs.renameSync(`${file}.new`, file);
    await expect(opened.sha256()).resolves.toBe(sha256('first'));
    opened.refresh();
    expect(opened.stat.nlink).toBe(0n);
    opened.close();
  });

  test('of a file that was empty at stat is computed in large pieces', async () => {
    const file = path.join(scratch(), 'file');
    fs.writeFileSync(file, '');
    const opened = witnessOf(file);
    fs.writeFileSync(file, Buffer.alloc(200_000));
    const before = readCalls();
    await expect(opened.sha256()).resolves.toBe(sha256(Buffer.alloc(200_000)));
    expect(readCalls() - before).toBeLessThan(2000);
    opened.close();
  });

  test('of a file that was too large at stat is computed after it shrank', async () => {
    const file = path.join(scratch(), 'file');
    fs.writeFileSync(file, Buffer.alloc(maxHashedBytes + 1));
    const opened = witnessOf(file);
    fs.truncateSync(file, 10);
    await expect(opened.sha256()).resolves.toBe(sha256(Buffer.alloc(10)));
    opened.close();
  });

  test('does not change the access time', async () => {
    const file = path.join(scratch(), 'file');
    fs.writeFileSync(file, 'x');
    fs.utimesSync(file, 1, fs.statSync(file).mtime);
    const opened = witnessOf(file);
    await opened.sha256();
    opened.close();
    expect(fs.statSync(file).atimeMs).toBe(1000);
  });

  test.each<[string, (file: string) => void, string]>([
    ['a larger file', (file) => fs.writeFileSync(file, Buffer.alloc(maxHashedBytes + 1)), 'larger than 1 MiB'],
    ['a sparse one that has grown', (file) => fs.truncateSync(file, 2 ** 40), 'larger than 1 MiB'],
    ['a directory', (file) => fs.mkdirSync(file), 'not a regular file'],
    ['a fifo', (file) => execFileSync('mkfifo', [file]), 'not a regular file'],
    ['a link', (file) => fs.symlinkSync('/etc/passwd', file), 'not a regular file'],
  ])('none of %s', async (title, make, reason) => {
    const file = path.join(scratch(), 'file');
    if (title.includes('grown')) fs.writeFileSync(file, '');
    const early = title.includes('grown') ? witnessOf(file) : undefined;
    make(file);
    const opened = early ?? witnessOf(file);
    await expect(opened.sha256()).rejects.toThrow(reason);
    opened.close();
  });
});

test('a dangling link has its target', () => {
  const link = path.join(scratch(), 'link');
  fs.symlinkSync('/no/where', link);
  const opened = witnessOf(link);
  expect(opened.target()).toBe('/no/where');
  expect(opened.stat.isSymbolicLink()).toBe(true);
  opened.close();
});
