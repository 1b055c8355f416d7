// Makes a folder and those above it, as `mkdir -p` does.

import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * 0700 each. Throws what mkdir(2) answers. Node's own recursive mkdir never ends where that is ENOENT although the folder
 * above is there (/proc).
 */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}
