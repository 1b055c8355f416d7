// `stepparent rules check`: checks files of rules as the agent does when it loads them.

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
    .argument('[file...]', 'files or directories (default: the rules that the agent loads)')
    .addOption(strictOption())
    .action(action(checkFiles));

/** Returns true if nothing is rejected; with `strict`, if there is no warning either. */
async function checkFiles({ config, strict }: CheckOptions, files: string[]): Promise<boolean> {
  const { checkRules } = await import('../../configuration/check-rules.ts');
  return printCheck('rule', checkRules(files, config), strict);
}
