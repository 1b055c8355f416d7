// Folders and stores that are gone when the test ends.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openStore, type Store, type StoreOptions } from '../../storage/open-store.ts';
import { start } from './examples.ts';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stepparent-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A store that is closed when the test ends; made at `start` unless said otherwise. */
export function temporaryStore(options: StoreOptions = {}, path = join(temporaryFolder(), 'stepparent.db')): Store {
  const store = openStore(path, { sinks: ['journald'], nowMs: start, ...options });
  onTestFinished(() => store.close());
  return store;
}
