// `stepparent baseline list`: lists the known terms.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import type { TermRecord } from '../../../storage/records.ts';
import { localTime } from '../../output/local-time.ts';
import { printRows } from '../../output/print-rows.ts';
import { withStoreReader } from '../../query/with-store.ts';
import {
  action,
  defineCommand,
  type GlobalOptions,
  jsonOption,
  type PlaceName,
  placeOption,
  scopeNamed,
} from '../define-command.ts';

interface ListOptions extends GlobalOptions {
  rule?: string;
  /** Default: every place. */
  place?: PlaceName;
  json?: boolean;
}

export const list = (): Command =>
  defineCommand('list')
    .description('list the known terms')
    .option('--rule <id>', 'only terms of this rule')
    .addOption(placeOption('only terms of the host, of chroots or of containers'))
    .addOption(jsonOption())
    .action(action(listTerms));

const cellChars = 300;

/** Prints the known terms of one rule or of all. */
async function listTerms({ config, place, rule, json }: ListOptions): Promise<void> {
  await withStoreReader(config, (store) => {
    const terms = store.listTerms({ ruleId: rule, scope: place && scopeNamed(place) });
    if (json) for (const term of terms) process.stdout.write(`${JSON.stringify(documentOf(term))}\n`);
    else printRows([...terms].map(rowOf), 'no known terms');
  });
}

function rowOf({ ruleId, scope, terms, lastMs, count, origin }: TermRecord) {
  const shown = terms.map((term) => (term === null ? '(not observed)' : escapeText(term, cellChars)));
  return {
    cells: [
      escapeText(ruleId, cellChars),
      localTime(lastMs),
      `×${count}`,
      origin,
      escapeText(scope, cellChars),
      shown.join('  '),
    ],
  };
}

function documentOf({ ruleId, scope, terms, firstMs, lastMs, count, origin }: TermRecord): unknown {
  return {
    rule: ruleId,
    ...(scope === '' ? {} : { place: scope }),
    terms,
    first: new Date(firstMs).toISOString(),
    last: new Date(lastMs).toISOString(),
    count,
    origin,
  };
}
