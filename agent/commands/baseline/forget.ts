// `stepparent baseline forget`: takes a term out of the baseline.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { withStore } from '../../query/with-store.ts';
import { action, containerOption, defineCommand, type GlobalOptions } from '../define-command.ts';

interface ForgetOptions extends GlobalOptions {
  /** A container's id; without it, the host itself. */
  container?: string;
}

export const forget = (): Command =>
  defineCommand('forget')
    .description('make a term one that was never seen')
    .argument('<rule>')
    .argument('<term...>', "one for each of the rule's fields")
    .addOption(containerOption())
    .action(action(forgetTerm));

const lineChars = 1000;

/** True when it was there. */
async function forgetTerm({ config, container }: ForgetOptions, rule: string, terms: string[]): Promise<boolean> {
  const { baselineTermFault } = await import('../../configuration/baseline-term.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  return await withStore(config, (store) => {
    // Also of a rule that is not loaded any more, whatever the term is.
    if (store.forgetTerm(rule, container ?? '', terms)) {
      console.error('forgotten: the next sighting is an alert, unless it is a known front end');
      return true;
    }
    const fault = baselineTermFault(store, readConfiguration(config), { rule, terms, container });
    if (fault !== undefined) console.error(`stepparent: ${escapeText(fault, lineChars)}`);
    else console.error('not known, so nothing to forget; see `stepparent baseline list`');
    return false;
  });
}
