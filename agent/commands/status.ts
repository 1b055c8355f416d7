// `stepparent status`: prints the status of the running agent, or the facts of its database when no agent runs.

import type { Command } from 'commander';
import { action, defineCommand, type GlobalOptions, jsonOption } from './define-command.ts';

interface StatusOptions extends GlobalOptions {
  json?: boolean;
}

export const command = (): Command =>
  defineCommand('status')
    .description('show the status of the agent; exit code 1 when no agent runs')
    .addOption(jsonOption())
    .action(action(printStatus));

/** Returns true if an agent runs. */
async function printStatus({ config, json }: StatusOptions): Promise<boolean> {
  const { formatStatus } = await import('../daemon/agent-status.ts');
  const { readStatus } = await import('../query/read-status.ts');
  const { status } = await readStatus(config);
  process.stdout.write(json ? `${JSON.stringify(status)}\n` : formatStatus(status));
  return status.state !== 'stopped';
}
