// `stepparent status`: what the running agent says of itself, or the store's facts when none runs.

import { escapeText } from '../../collectors/event/escape-text.ts';
import { openStoreReader } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import { resolvePaths } from '../configuration/paths.ts';
import { checkConfiguration } from '../configuration/read-configuration.ts';
import { type AgentStatus, formatStatus, type StoppedStatus, storeFacts } from '../daemon/agent-status.ts';
import { askControl } from '../daemon/control-socket.ts';
import { closing } from '../query/with-store.ts';

const lineChars = 1000;

/** True when an agent runs. */
export async function statusCommand(options: { config?: string; json?: boolean }): Promise<boolean> {
  // Also where the configuration is wrong by now: the agent that was started with an earlier one says so.
  const { configuration, refused } = checkConfiguration(options.config);
  for (const { message } of refused) console.error(`stepparent: ${escapeText(message, lineChars)}`);
  const paths = resolvePaths(configuration, process.env);
  const answer = await askControl(paths.controlSocket, 'status');
  // The other end is this program, and root's.
  const status = answer === undefined ? readStopped(paths.database) : (answer as AgentStatus);
  process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : formatStatus(status));
  return status.state !== 'stopped';
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
