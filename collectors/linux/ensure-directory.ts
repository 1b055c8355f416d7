// Makes a directory and those above it, as `mkdir -p` does.

import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * 0700 each. Throws what mkdir(2) answers. Node's own recursive mkdir never ends where that is ENOENT although the directory
 * above is there (/proc).
 */
export function ensureDirectory(directory: string): void {
  if (existsSync(directory)) return;
  ensureDirectory(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (!existsSync(directory)) throw error;
  }
}
