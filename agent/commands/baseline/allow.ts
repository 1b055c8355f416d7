// `stepparent baseline allow`: allows a term permanently.

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

interface AllowOptions extends GlobalOptions {
  place?: PlaceName;
}

export const allow = (): Command =>
  defineCommand('allow')
    .description('allow a term permanently')
    .argument('<rule>', 'id of a rule, or hunt:NAME')
    .argument('<term...>', 'value of each term field of the rule, in order')
    .addOption(placeOption())
    .action(action(allowTerm));

const lineChars = 1000;

/** `rule` is the id of a rule or `hunt:NAME`. Returns false if the rule cannot have such a term. */
async function allowTerm({ config, place = 'host' }: AllowOptions, rule: string, terms: string[]): Promise<boolean> {
  const { baselineTermFault } = await import('../../configuration/baseline-term.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  const scope = scopeNamed(place);
  return await withStore(config, (store) => {
    const fault = baselineTermFault(store, readConfiguration(config), { rule, terms, scope });
    if (fault !== undefined) {
      console.error(`stepparent: ${escapeText(fault, lineChars)}`);
      return false;
    }
    store.allowTerm(rule, scope, terms, Date.now());
    console.error('allowed: this term no longer raises alerts');
    return true;
  });
}
