// `stepparent baseline remove`: removes a term from the baseline.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { withStore } from '../../query/with-store.ts';
import { action, containerOption, defineCommand, type GlobalOptions } from '../define-command.ts';

interface RemoveOptions extends GlobalOptions {
  /** A container's id; without it, the host itself. */
  container?: string;
}

export const remove = (): Command =>
  defineCommand('remove')
    .description('remove a term from the baseline')
    .argument('<rule>')
    .argument('<term...>', "one for each of the rule's fields")
    .addOption(containerOption())
    .action(action(removeTerm));

const lineChars = 1000;

/** True when it was there. */
async function removeTerm({ config, container }: RemoveOptions, rule: string, terms: string[]): Promise<boolean> {
  const { baselineTermFault } = await import('../../configuration/baseline-term.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  return await withStore(config, (store) => {
    // Also of a rule that is not loaded any more, whatever the term is.
    if (store.removeTerm(rule, container ?? '', terms)) {
      console.error('removed: the next match raises an alert, unless the term is a known package front end');
      return true;
    }
    const fault = baselineTermFault(store, readConfiguration(config), { rule, terms, container });
    if (fault !== undefined) console.error(`stepparent: ${escapeText(fault, lineChars)}`);
    else console.error('no such term in the baseline; see `stepparent baseline list`');
    return false;
  });
}
