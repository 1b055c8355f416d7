// Writes a tar archive (POSIX ustar) of regular files, entry by entry, readable only by its owner.

import { closeSync, constants, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';

const blockBytes = 512;

/** One archive that is being written. */
export interface TarArchive {
  /** `name` is at most 100 bytes of ASCII. */
  add(name: string, content: Buffer | string): void;
}

/**
 * Creates the archive, mode 0600, with the entries that `write` adds. Throws EEXIST if the path exists, also as a link; if `write`
 * throws, no file remains.
 */
export function writeTar(file: string, nowMs: number, write: (archive: TarArchive) => void): void {
  const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  let isComplete = false;
  try {
    write({
      add(name, content) {
        const data = Buffer.isBuffer(content) ? content : Buffer.from(content);
        writeAll(fd, headerOf(name, data.length, nowMs));
        writeAll(fd, data);
        writeAll(fd, Buffer.alloc((blockBytes - (data.length % blockBytes)) % blockBytes));
      },
    });
    // Two empty blocks end an archive.
    writeAll(fd, Buffer.alloc(2 * blockBytes));
    fsyncSync(fd);
    isComplete = true;
  } finally {
    closeSync(fd);
    if (!isComplete) rmSync(file, { force: true });
  }
}

/** write(2) may write less than it was given. */
function writeAll(fd: number, data: Buffer): void {
  for (let written = 0; written < data.length; ) written += writeSync(fd, data, written);
}

function headerOf(name: string, sizeBytes: number, nowMs: number): Buffer {
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  const fields: [offset: number, text: string][] = [
    [0, name],
    [100, octal(0o600, 7)],
    [108, octal(0, 7)],
    [116, octal(0, 7)],
    [124, octal(sizeBytes, 11)],
    [136, octal(Math.floor(nowMs / 1000), 11)],
    [148, ' '.repeat(8)],
    [156, '0'],
    [257, 'ustar\0' + '00'],
    [265, 'root'],
    [297, 'root'],
  ];
  for (const [offset, text] of fields) header.write(text, offset, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
