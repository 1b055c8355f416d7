// `stepparent reload`: makes the running agent reload configuration, rules, hunts and exceptions, and prints the result.

import type { Command } from 'commander';
import { escapeText } from '../../collectors/event/escape-text.ts';
import type { AgentStatus } from '../daemon/agent-status.ts';
import { action, defineCommand, type GlobalOptions } from './define-command.ts';

export const command = (): Command =>
  defineCommand('reload')
    .description('reload configuration, rules, hunts and exceptions; exit code 1 when the agent rejects any of them')
    .action(action(reload));

const lineChars = 1000;
/** The agent answers after the task it is working on. */
const timeoutMs = 60_000;

/** True when everything is in force. False when the reload failed, when the agent rejects a rule or a hunt, or when no agent runs. */
async function reload({ config }: GlobalOptions): Promise<boolean> {
  const { resolvePaths } = await import('../configuration/paths.ts');
  const { checkConfiguration } = await import('../configuration/read-configuration.ts');
  const { rejectedLine } = await import('../daemon/agent-status.ts');
  const { askControl } = await import('../daemon/control-socket.ts');
  // The agent itself reports a wrong configuration: this command only needs the path of the socket.
  const paths = resolvePaths(checkConfiguration(config).configuration, process.env);
  const answer = await askControl(paths.controlSocket, 'reload', timeoutMs);
  if (answer === undefined) {
    printError('the agent is not running');
    return false;
  }
  // The answer comes from this program, run by root.
  const { reloaded, rules, hunts, warnings, restart_needed } = answer as AgentStatus;
  if (reloaded?.rejected !== undefined) {
    printError(`reload failed, keeping the previous configuration: ${reloaded.rejected}`);
    return false;
  }
  const rejected = [...rules.rejected, ...hunts.rejected];
  for (const each of rejected) printError(rejectedLine(each));
  for (const warning of warnings) printError(`warning: ${warning}`);
  if (restart_needed.length > 0) printError(`a restart is needed for: ${restart_needed.join(', ')}`);
  console.log(
    `reloaded: ${rules.loaded.length} rules loaded, ${rejected.length} ${rejected.length === 1 ? 'file' : 'files'} rejected`,
  );
  return rejected.length === 0;
}

const printError = (line: string): void => console.error(`stepparent: ${escapeText(line, lineChars)}`);
