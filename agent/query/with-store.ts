// Opens the store of the configured agent for a command.

import { openStore, openStoreReader, type Store, type StoreReader } from '../../storage/store.ts';
import { resolvePaths } from '../configuration/paths.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';

/** Runs `use` on the store, for reading, and closes it. Throws ConfigurationError or StoreError, both with a line that says what to do. */
export const withStoreReader = <T>(configurationFile: string | undefined, use: (store: StoreReader) => T): T =>
  closing(openStoreReader(databaseOf(configurationFile)), use);

/** The same, for writing, beside the agent: there must be a store already. */
export const withStore = <T>(configurationFile: string | undefined, use: (store: Store) => T): T =>
  closing(openStore(databaseOf(configurationFile), { mustExist: true }), use);

/** Runs `use` on an open store and closes it, whatever happens. */
export function closing<S extends { close(): void }, T>(store: S, use: (store: S) => T): T {
  try {
    return use(store);
  } finally {
    store.close();
  }
}

const databaseOf = (configurationFile: string | undefined): string =>
  resolvePaths(readConfiguration(configurationFile).configuration, process.env).database;
