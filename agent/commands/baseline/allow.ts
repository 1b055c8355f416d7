// `stepparent baseline allow`: allows a term permanently.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { withStore } from '../../query/with-store.ts';
import { action, containerOption, defineCommand, type GlobalOptions } from '../define-command.ts';

interface AllowOptions extends GlobalOptions {
  /** A container's id; without it, the host itself. */
  container?: string;
}

export const allow = (): Command =>
  defineCommand('allow')
    .description('allow a term permanently')
    .argument('<rule>')
    .argument('<term...>', "one for each of the rule's fields")
    .addOption(containerOption())
    .action(action(allowTerm));

const lineChars = 1000;

/** The rule may be a hunt (`hunt:NAME`). False when there can be no such term. */
async function allowTerm({ config, container }: AllowOptions, rule: string, terms: string[]): Promise<boolean> {
  const { baselineTermFault } = await import('../../configuration/baseline-term.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  return await withStore(config, (store) => {
    const fault = baselineTermFault(store, readConfiguration(config), { rule, terms, container });
    if (fault !== undefined) {
      console.error(`stepparent: ${escapeText(fault, lineChars)}`);
      return false;
    }
    store.allowTerm(rule, container ?? '', terms, Date.now());
    console.error('allowed: this term raises no more alerts');
    return true;
  });
}
