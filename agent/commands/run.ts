// `stepparent run`: the agent in the foreground, or a check of everything that it would load.

import type { Command } from 'commander';
import { printCheck, printWarnings } from '../output/print-check.ts';
import { action, defineCommand, type GlobalOptions, strictOption } from './define-command.ts';

interface RunOptions extends GlobalOptions {
  /** Only check configuration, rules, hunts and exceptions. */
  check?: boolean;
  /** With `check`: a warning fails as well. */
  strict?: boolean;
}

export const command = (): Command =>
  defineCommand('run')
    .description('run the agent in the foreground')
    .option('--check', 'only check configuration, rules, hunts and exceptions')
    .addOption(strictOption())
    .action(action(run));

/** Returns the exit code. */
async function run({ config, check, strict = false }: RunOptions): Promise<number> {
  // The agent continues if its standard output is closed; the sink for standard output then reports that alerts wait.
  process.stdout.removeAllListeners('error').on('error', () => {});
  // Imported before a check too: agent/start.sh runs a check to fill the compile cache.
  const { runAgent } = await import('../daemon/run-agent.ts');
  if (!check) return runAgent(config);
  const { checkHunts } = await import('../configuration/check-hunts.ts');
  const { checkRules } = await import('../configuration/check-rules.ts');
  const { exceptionWarnings } = await import('../configuration/exception-warnings.ts');
  const { readConfiguration } = await import('../configuration/read-configuration.ts');
  const read = readConfiguration(config);
  const warnings = [...read.warnings, ...exceptionWarnings(read, read.exceptions)];
  printWarnings(warnings);
  const areRulesValid = printCheck('rule', checkRules([], config), strict);
  const areHuntsValid = printCheck('hunt', await checkHunts(config), strict);
  return areRulesValid && areHuntsValid && !(strict && warnings.length > 0) ? 0 : 1;
}
