// `stepparent baseline allow`: allows a term, or all terms that a pattern covers, permanently.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { limits } from '../../../storage/limits.ts';
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
  dryRun?: boolean;
}

export const allow = (): Command =>
  defineCommand('allow')
    .description('allow a term or a pattern permanently')
    .argument('<rule>', 'id of a rule, or hunt:NAME')
    .argument('<term...>', 'value of each term field of the rule, in order, or a pattern with * and ?')
    .addOption(placeOption())
    .option('--dry-run', 'only show which stored alerts a pattern would suppress')
    .action(action(allowTerm));

const lineChars = 1000;

/** `rule` is the id of a rule or `hunt:NAME`. Returns false if the rule cannot have such a term. */
async function allowTerm(
  { config, place = 'host', dryRun }: AllowOptions,
  rule: string,
  terms: string[],
): Promise<boolean> {
  const { checkBaselineTerm } = await import('../../configuration/baseline-term.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  const { coversAlert } = await import('../../../detectors/baseline-pattern.ts');
  const { describePreview } = await import('../../output/exception-lines.ts');
  const { previewSuppression } = await import('../../query/preview-exception.ts');
  const scope = scopeNamed(place);
  return await withStore(config, (store) => {
    const checked = checkBaselineTerm(store, readConfiguration(config), { rule, terms, scope });
    if (checked.kind === 'fault') {
      console.error(`stepparent: ${escapeText(checked.fault, lineChars)}`);
      return false;
    }
    if (checked.kind === 'pattern') {
      const { rule: known } = checked;
      const preview = previewSuppression(
        store,
        [rule],
        (alert) => alert.scope === scope && coversAlert(terms, alert, known.termFields),
      );
      process.stdout.write(`${describePreview(preview).join('\n')}\n`);
    }
    if (dryRun) {
      console.error('nothing was changed');
      return true;
    }
    if (checked.kind === 'term') {
      store.allowTerm(rule, scope, terms, Date.now());
      console.error('allowed: this term no longer raises alerts');
      return true;
    }
    if (!store.allowPattern(rule, scope, terms, Date.now())) {
      console.error(
        `stepparent: ${rule} has ${limits.patternsPerRule} patterns, which is the maximum; remove one with \`stepparent baseline remove\``,
      );
      return false;
    }
    console.error('allowed: what this pattern covers no longer raises alerts');
    return true;
  });
}
