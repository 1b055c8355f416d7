// A compile cache for this test run: tests start the command line some hundred times, and each start would compile it again.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Node reads the variable when it starts, so the workers and the programs that they start use the cache. */
export default function setup(): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-compile-cache-'));
  process.env.NODE_COMPILE_CACHE = directory;
  return () => rmSync(directory, { recursive: true, force: true });
}
