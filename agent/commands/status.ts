// `stepparent status`: what the running agent says of itself, or the store's facts when none runs.

import { openStore } from '../../storage/open-store.ts';
import { StoreError } from '../../storage/store-error.ts';
import { askControl } from '../control-socket.ts';
import { resolvePaths } from '../paths.ts';
import { readConfiguration } from '../read-configuration.ts';
import { type AgentStatus, formatStatus, type StoppedStatus, storeFacts } from '../status.ts';
import { closing } from './with-store.ts';

/** True when an agent runs. */
export async function statusCommand(options: { config?: string; json?: boolean }): Promise<boolean> {
  const { configuration } = readConfiguration(options.config);
  const paths = resolvePaths(configuration, process.env);
  const answer = await askControl(paths.controlSocket, 'status');
  // The other end is this program, and root's.
  const status = answer === undefined ? readStopped(paths.database) : (answer as AgentStatus);
  process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : formatStatus(status));
  return status.state !== 'stopped';
}

function readStopped(database: string): StoppedStatus {
  try {
    return closing(openStore(database, { readonly: true }), (store) => ({
      state: 'stopped',
      store: storeFacts(store, Date.now()),
    }));
  } catch (error) {
    if (!(error instanceof StoreError) || error.trouble === 'privilege') throw error;
    console.error(`stepparent: ${error.message}`);
    return { state: 'stopped' };
  }
}
