// Writes package-lock.json in the form of this project: run `npm run lock` after `npm install` or `npm update`.

import '../agent/locked-node.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The absolute path of package-lock.json. */
export const lockFile: string = join(import.meta.dirname, '../package-lock.json');

/**
 * The lock file without `engines`. npm compares `engines` with the host's Node, which runs nothing here. It warns about
 * each package that does not fit and omits an optional one, such as the compiled part of vitest's bundler, so that the
 * tests cannot start.
 */
export function withoutEngines(lock: string): string {
  const { packages, ...rest } = JSON.parse(lock) as { packages: Record<string, { engines?: unknown }> };
  const kept = Object.entries(packages).map(([name, { engines: _, ...fields }]) => [name, fields]);
  return `${JSON.stringify({ ...rest, packages: Object.fromEntries(kept) }, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(lockFile, withoutEngines(readFileSync(lockFile, 'utf8')));
