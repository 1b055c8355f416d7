// Opens the store of the configured agent for a command that only reads.

import { openStore, type StoreReader } from '../../storage/open-store.ts';
import { resolvePaths } from '../paths.ts';
import { readConfiguration } from '../read-configuration.ts';

/** Runs `use` on the store and closes it. Throws ConfigurationError or StoreError, both with a line that says what to do. */
export function withStoreReader<T>(configurationFile: string | undefined, use: (store: StoreReader) => T): T {
  const { configuration } = readConfiguration(configurationFile);
  const store = openStore(resolvePaths(configuration, process.env).database, { readonly: true });
  try {
    return use(store);
  } finally {
    store.close();
  }
}
