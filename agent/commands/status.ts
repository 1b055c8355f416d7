// `stepparent status`: prints the status of the running agent, or the facts of its database when no agent runs.

import type { Command } from 'commander';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { StoreError } from '../../storage/store-error.ts';
import type { AgentStatus, StoppedStatus } from '../daemon/agent-status.ts';
import { closing } from '../query/with-store.ts';
import { action, defineCommand, type GlobalOptions, jsonOption } from './define-command.ts';

interface StatusOptions extends GlobalOptions {
  json?: boolean;
}

export const command = (): Command =>
  defineCommand('status')
    .description('show the status of the agent; exit code 1 when no agent runs')
    .addOption(jsonOption())
    .action(action(printStatus));

const lineChars = 1000;

/** Returns true if an agent runs. */
async function printStatus({ config, json }: StatusOptions): Promise<boolean> {
  const { resolvePaths } = await import('../configuration/paths.ts');
  const { checkConfiguration } = await import('../configuration/read-configuration.ts');
  const { formatStatus } = await import('../daemon/agent-status.ts');
  const { askControl } = await import('../daemon/control-socket.ts');
  // A wrong configuration is no obstacle: the agent may have been started with an earlier one.
  const { configuration, rejected } = checkConfiguration(config);
  for (const { message } of rejected) console.error(`stepparent: ${escapeText(message, lineChars)}`);
  const paths = resolvePaths(configuration, process.env);
  const answer = await askControl(paths.controlSocket, 'status');
  // The answer comes from this program, run by root.
  const status = answer === undefined ? await readStopped(paths.database) : (answer as AgentStatus);
  process.stdout.write(json ? `${JSON.stringify(status)}\n` : formatStatus(status));
  return status.state !== 'stopped';
}

async function readStopped(database: string): Promise<StoppedStatus> {
  const { openStoreReader } = await import('../../storage/store.ts');
  const { storeFacts } = await import('../daemon/agent-status.ts');
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
