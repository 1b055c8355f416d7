// Why a file cannot be read as text, in the words of the reader that all loaders share.

import { readTextFile } from '../collectors/host/read-file.ts';

/** Of a file that is no regular one, or larger than 1 MiB, as a loader reports it. */
export function whyUnreadable(file: string): string {
  try {
    readTextFile(file, 1024 * 1024);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`${file} can be read`);
}
