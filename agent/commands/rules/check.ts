// `stepparent rules check`: whether the agent would load the rules in files.

import type { Command } from 'commander';
import { printCheck } from '../../output/print-check.ts';
import { action, defineCommand, type GlobalOptions, strictOption } from '../define-command.ts';

interface CheckOptions extends GlobalOptions {
  /** A warning fails as well. */
  strict?: boolean;
}

export const check = (): Command =>
  defineCommand('check')
    .description('check rules; exit code 1 when any is rejected')
    .argument('[file...]', 'files or directories of rules; without them, the rules that the agent loads')
    .addOption(strictOption())
    .action(action(checkFiles));

/** True when nothing is rejected; with `strict`, when there is no warning either. */
async function checkFiles({ config, strict }: CheckOptions, files: string[]): Promise<boolean> {
  const { checkRules } = await import('../../configuration/check-rules.ts');
  return printCheck('rule', checkRules(files, config), strict);
}
