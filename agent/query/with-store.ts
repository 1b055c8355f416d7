// Opens the store of the configured agent for a command.

import type { Store, StoreReader } from '../../storage/store.ts';

/** Opens the store for reading, runs `use` on it and closes it. Throws ConfigurationError or StoreError; their messages name the remedy. */
export async function withStoreReader<T>(
  configurationFile: string | undefined,
  use: (store: StoreReader) => T,
): Promise<T> {
  const database = await databaseOf(configurationFile);
  const { openStoreReader } = await import('../../storage/store.ts');
  return closing(openStoreReader(database), use);
}

/** Opens the store for writing, also while the agent runs, and runs `use` on it. Throws StoreError if there is no store yet. */
export async function withStore<T>(configurationFile: string | undefined, use: (store: Store) => T): Promise<T> {
  const database = await databaseOf(configurationFile);
  const { openStore } = await import('../../storage/store.ts');
  return closing(openStore(database, { mustExist: true }), use);
}

/** Runs `use` on an open store and closes the store, also if `use` throws. */
export function closing<S extends { close(): void }, T>(store: S, use: (store: S) => T): T {
  try {
    return use(store);
  } finally {
    store.close();
  }
}

async function databaseOf(configurationFile: string | undefined): Promise<string> {
  const { resolvePaths } = await import('../configuration/paths.ts');
  const { readConfiguration } = await import('../configuration/read-configuration.ts');
  return resolvePaths(readConfiguration(configurationFile).configuration, process.env).database;
}
