// `stepparent baseline remove`: removes a term from the baseline.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { withStore } from '../../query/with-store.ts';
import { action, containerOption, defineCommand, type GlobalOptions } from '../define-command.ts';

interface RemoveOptions extends GlobalOptions {
  /** The id of a container. Default: the host itself. */
  container?: string;
}

export const remove = (): Command =>
  defineCommand('remove')
    .description('remove a term from the baseline')
    .argument('<rule>', 'id of a rule, or hunt:NAME')
    .argument('<term...>', 'value of each term field of the rule, in order')
    .addOption(containerOption())
    .action(action(removeTerm));

const lineChars = 1000;

/** Returns true if the term was in the baseline. */
async function removeTerm({ config, container }: RemoveOptions, rule: string, terms: string[]): Promise<boolean> {
  const { baselineTermFault } = await import('../../configuration/baseline-term.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  return await withStore(config, (store) => {
    // Tried before the check below: the term may be of a rule that is no longer loaded.
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
