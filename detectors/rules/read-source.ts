// Reads a rule or hunt file: only regular files of bounded size, since the directory may hold anything.

import { readTextFile } from '../../collectors/host/read-file.ts';
import { Unreadable } from '../../collectors/host/regular-file.ts';
import { TomlFileError } from './toml-file.ts';

/** Larger files are rejected unread. */
const maxBytes = 1024 * 1024;

/** The text. Throws a TomlFileError for a fifo, a device, a directory or a large file, unread, and what open(2) answers. */
export function readSource(file: string): string {
  try {
    return readTextFile(file, maxBytes);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new TomlFileError(error.message, file, '', { start: 0, end: 1 });
  }
}
