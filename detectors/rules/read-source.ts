// Reads a file that somebody put into a folder of ours: a regular one of bounded size, whatever else may lie there.

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { TomlFileError } from './toml-file.ts';

/** Larger files are refused unread. */
const maxBytes = 1024 * 1024;

/** The text. Throws a TomlFileError for a fifo, a device, a folder or a large file, unread, and what open(2) answers. */
export function readSource(file: string): string {
  // O_NONBLOCK: a fifo must not hold us up.
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw refusal(file, 'not a regular file');
    if (stat.size > maxBytes) throw refusal(file, `larger than ${maxBytes / 1024 / 1024} MiB`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

const refusal = (file: string, message: string): TomlFileError =>
  new TomlFileError(message, file, '', { start: 0, end: 1 });
