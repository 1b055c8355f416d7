// Creates a directory and its parents, as `mkdir -p` does.

import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates directories with mode 0700. Throws the errors of mkdir(2). Node's recursive mkdir would loop endlessly if
 * mkdir(2) fails with ENOENT although the parent exists, as in /proc.
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
