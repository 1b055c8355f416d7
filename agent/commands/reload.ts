// `stepparent reload`: makes the running agent reload configuration, rules, hunts and exceptions, and prints the result.

import type { Command } from 'commander';
import { escapeText } from '../../collectors/event/escape-text.ts';
import type { AgentStatus } from '../daemon/agent-status.ts';
import { action, defineCommand, type GlobalOptions } from './define-command.ts';

export const command = (): Command =>
  defineCommand('reload')
    .description(
      'have the agent read configuration, rules, hunts and exceptions again; exit code 1 when it refuses any',
    )
    .action(action(reload));

const lineChars = 1000;
/** The agent handles what it has in hand first. */
const timeoutMs = 60_000;

/** True when all of it is in force. False when the agent refused it, refuses a rule or a hunt, or when none runs. */
async function reload({ config }: GlobalOptions): Promise<boolean> {
  const { resolvePaths } = await import('../configuration/paths.ts');
  const { checkConfiguration } = await import('../configuration/read-configuration.ts');
  const { refusedLine } = await import('../daemon/agent-status.ts');
  const { askControl } = await import('../daemon/control-socket.ts');
  // Where the configuration is wrong it is for the agent to refuse it.
  const paths = resolvePaths(checkConfiguration(config).configuration, process.env);
  const answer = await askControl(paths.controlSocket, 'reload', timeoutMs);
  if (answer === undefined) {
    printError('stepparent is not running');
    return false;
  }
  // The other end is this program, and root's.
  const { reloaded, rules, hunts, warnings, restart_needed } = answer as AgentStatus;
  if (reloaded?.refused !== undefined) {
    printError(`reload failed, keeping the previous configuration: ${reloaded.refused}`);
    return false;
  }
  const refused = [...rules.refused, ...hunts.refused];
  for (const rejected of refused) printError(refusedLine(rejected));
  for (const warning of warnings) printError(`warning: ${warning}`);
  if (restart_needed.length > 0) printError(`a restart is needed for: ${restart_needed.join(', ')}`);
  console.log(`reloaded: ${rules.loaded.length} rules loaded, ${refused.length} files refused`);
  return refused.length === 0;
}

const printError = (line: string): void => console.error(`stepparent: ${escapeText(line, lineChars)}`);
