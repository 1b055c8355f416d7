// Directories and stores that are removed when the test ends.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openStore, type Store, type StoreOptions } from '../../storage/store.ts';
import { start } from './examples.ts';

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-store-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A store that is closed when the test ends; made at `start` unless said otherwise. */
export function temporaryStore(options: StoreOptions = {}, path = join(temporaryDirectory(), 'stepparent.db')): Store {
  const store = openStore(path, { sinks: ['journald'], nowMs: start, ...options });
  onTestFinished(() => store.close());
  return store;
}
