// The message of the reader that all loaders share, for a file that cannot be read as text.

import { readTextFile } from '../collectors/host/read-file.ts';

/** The message of a loader about a file that is not a regular file or larger than 1 MiB. */
export function whyUnreadable(file: string): string {
  try {
    readTextFile(file, 1024 * 1024);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`${file} can be read`);
}
