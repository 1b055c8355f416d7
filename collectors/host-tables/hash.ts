// The table `hash`: digests of the regular files that a statement names.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { reportOwnFault } from '../host/read-faults.ts';
import { readPiecesNow, withFile } from '../host/read-file.ts';
import { notRegularFile, openRegularFile, Unreadable } from '../host/regular-file.ts';
import type { Proc } from '../proc/read-proc.ts';
import { filesOf } from './file.ts';
import type { HostTable, SqlValue } from './host-table.ts';

const algorithms = ['md5', 'sha1', 'sha256'] as const;

const mebibyte = 1024 * 1024;

/**
 * File systems whose files the kernel makes as they are read, by the numbers of <linux/magic.h>: to read /proc/kmsg
 * consumes kernel messages, to read a trace pipe consumes events.
 */
const kernelFileSystems: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0x62656570, // configfs
  0x63677270, // cgroup2
  0x27e0eb, // cgroup
  0xcafe4a11, // bpf
]);

interface HashBounds {
  /** Files that one statement can see. */
  maxFiles?: number;
  /** Of a larger file the digests are NULL. */
  maxFileBytes?: number;
}

/** At a bound, the answer has a note. A symlink has the digests of the file that it leads to. */
export const hashTable = (
  proc: Proc,
  { maxFiles = 10_000, maxFileBytes = 512 * mebibyte }: HashBounds = {},
): HostTable => ({
  name: 'hash',
  columns: [
    ['path', 'TEXT'],
    ['directory', 'TEXT'],
    ['md5', 'TEXT'],
    ['sha1', 'TEXT'],
    ['sha256', 'TEXT'],
  ],
  *rows(asked) {
    const reported = new Set<string>();
    for (const { file, directory } of filesOf(proc, asked, 'hash')) {
      const key = file.toString('latin1');
      if (reported.has(key) || !isRegularFile(file)) continue;
      if (reported.size >= maxFiles) {
        asked.note(`the table hash shows the first ${maxFiles} files only`);
        return;
      }
      reported.add(key);
      const text = file.toString();
      yield [text, directory ?? path.dirname(text), ...digestsOf(file, maxFileBytes, asked.note)];
    }
  },
});

/** Asked before the file is opened: to open a device can set it off. */
function isRegularFile(file: Buffer): boolean {
  try {
    return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch (error) {
    reportOwnFault(error);
    return false;
  }
}

function digestsOf(file: Buffer, maxBytes: number, note: (text: string) => void): SqlValue[] {
  const digests = algorithms.map((algorithm) => createHash(algorithm));
  try {
    if (kernelFileSystems.has(fs.statfsSync(file).type)) throw notRegularFile();
    withFile(openRegularFile(file), (opened) => {
      for (const piece of readPiecesNow(opened, maxBytes)) for (const digest of digests) digest.update(piece);
    });
    return digests.map((digest) => digest.digest('hex'));
  } catch (error) {
    reportOwnFault(error);
    const why = error instanceof Unreadable ? error.message : 'it cannot be read';
    note(`the table hash has no digests of a file: ${why}`);
    return algorithms.map(() => null);
  }
}
