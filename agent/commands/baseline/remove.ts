// `stepparent baseline remove`: removes a term from the baseline.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { withStore } from '../../query/with-store.ts';
import {
  action,
  defineCommand,
  type GlobalOptions,
  type PlaceName,
  placeOption,
  scopeNamed,
} from '../define-command.ts';

interface RemoveOptions extends GlobalOptions {
  place?: PlaceName;
}

export const remove = (): Command =>
  defineCommand('remove')
    .description('remove a term or a pattern from the baseline')
    .argument('<rule>', 'id of a rule, or hunt:NAME')
    .argument('<term...>', 'value of each term field of the rule, in order, or a pattern')
    .addOption(placeOption())
    .action(action(removeTerm));

const lineChars = 1000;

/** Returns true if the term was in the baseline. */
async function removeTerm({ config, place = 'host' }: RemoveOptions, rule: string, terms: string[]): Promise<boolean> {
  const { checkBaselineTerm } = await import('../../configuration/baseline-term.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  const scope = scopeNamed(place);
  return await withStore(config, (store) => {
    // Tried before the check below: the term may be of a rule that is no longer loaded.
    if (store.removeTerm(rule, scope, terms)) {
      console.error('removed: the next match raises an alert, unless the term is a known package front end');
      return true;
    }
    const checked = checkBaselineTerm(store, readConfiguration(config), { rule, terms, scope });
    if (checked.kind === 'fault') console.error(`stepparent: ${escapeText(checked.fault, lineChars)}`);
    else console.error('no such term in the baseline; see `stepparent baseline list`');
    return false;
  });
}
