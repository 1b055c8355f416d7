// `stepparent reload`: has the running agent read configuration, rules, hunts and exceptions again, and says what it did.

import { escapeText } from '../../collectors/event/escape-text.ts';
import { resolvePaths } from '../configuration/paths.ts';
import { checkConfiguration } from '../configuration/read-configuration.ts';
import { type AgentStatus, refusedLine } from '../daemon/agent-status.ts';
import { askControl } from '../daemon/control-socket.ts';

const lineChars = 1000;
/** The agent handles what it has in hand first. */
const timeoutMs = 60_000;

/** True when all of it is in force. False when the agent refused it, refuses a rule or a hunt, or when none runs. */
export async function reloadCommand({ config }: { config?: string }): Promise<boolean> {
  // Where the configuration is wrong it is for the agent to refuse it.
  const paths = resolvePaths(checkConfiguration(config).configuration, process.env);
  const answer = await askControl(paths.controlSocket, 'reload', timeoutMs);
  if (answer === undefined) {
    say('stepparent is not running');
    return false;
  }
  // The other end is this program, and root's.
  const { reloaded, rules, hunts, warnings, restart_needed } = answer as AgentStatus;
  if (reloaded?.refused !== undefined) {
    say(`reload failed, keeping the previous configuration: ${reloaded.refused}`);
    return false;
  }
  const refused = [...rules.refused, ...hunts.refused];
  for (const each of refused) say(refusedLine(each));
  for (const warning of warnings) say(`warning: ${warning}`);
  if (restart_needed.length > 0) say(`a restart is needed for: ${restart_needed.join(', ')}`);
  console.log(`reloaded: ${rules.loaded.length} rules loaded, ${refused.length} files refused`);
  return refused.length === 0;
}

const say = (line: string): void => console.error(`stepparent: ${escapeText(line, lineChars)}`);
