// Asks the running agent for its status, and reads the database when no agent runs.

import { escapeText } from '../../collectors/event/escape-text.ts';
import { openStoreReader } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import { resolvePaths } from '../configuration/paths.ts';
import { checkConfiguration } from '../configuration/read-configuration.ts';
import { type AgentStatus, type StoppedStatus, storeFacts } from '../daemon/agent-status.ts';
import { askControl } from '../daemon/control-socket.ts';
import { closing } from './with-store.ts';

const lineChars = 1000;

/**
 * The status, and the path of the database. Prints what is wrong with the configuration, which is no obstacle: the agent may have been started
 * with an earlier one. Throws what `askControl` throws, and a StoreError if this user may not read the database.
 */
export async function readStatus(
  configurationFile: string | undefined,
): Promise<{ status: AgentStatus | StoppedStatus; database: string }> {
  const { configuration, rejected } = checkConfiguration(configurationFile);
  for (const { message } of rejected) console.error(`stepparent: ${escapeText(message, lineChars)}`);
  const paths = resolvePaths(configuration, process.env);
  const answer = await askControl(paths.controlSocket, 'status');
  // The answer comes from this program, run by root.
  const status = answer === undefined ? readStopped(paths.database) : (answer as AgentStatus);
  return { status, database: paths.database };
}

function readStopped(database: string): StoppedStatus {
  try {
    return closing(openStoreReader(database), (store) => ({
      state: 'stopped',
      store: storeFacts(store, Date.now()),
    }));
  } catch (error) {
    if (!(error instanceof StoreError) || error.trouble === 'privilege') throw error;
    console.error(`stepparent: ${error.message}`);
    return { state: 'stopped' };
  }
}
