// `stepparent baseline`: what counts as seen, and an operator's word on it.

import { escapeText } from '../../collectors/escape-text.ts';
import { huntRuleId } from '../../detectors/hunts/hunt.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import type { TermRecord } from '../../storage/records.ts';
import { localTime } from '../local-time.ts';
import { readConfiguration } from '../read-configuration.ts';
import { printRows } from './print-rows.ts';
import { withStore, withStoreReader } from './with-store.ts';

interface ScopeOptions {
  config?: string;
  /** A container's id; else the host itself. */
  container?: string;
}

const cellChars = 300;

/** Prints the known terms, of one rule or all; without `container`, of the host and of every container. */
export function baselineListCommand({
  config,
  container,
  rule,
  json,
}: ScopeOptions & { rule?: string; json?: boolean }): void {
  withStoreReader(config, (store) => {
    const terms = store.listTerms({ ruleId: rule, scope: container });
    if (json) for (const term of terms) process.stdout.write(`${JSON.stringify(documentOf(term))}\n`);
    else printRows([...terms].map(rowOf), 'nothing is known yet');
  });
}

/** Makes the term one that was never seen. True when it was there. */
export function baselineForgetCommand(
  rule: string,
  terms: readonly string[],
  { config, container = '' }: ScopeOptions,
): boolean {
  const forgotten = withStore(config, (store) => store.forgetTerm(rule, container, terms));
  console.error(
    forgotten
      ? 'forgotten: the next sighting is an alert, unless it is a known front end'
      : 'not known, so nothing to forget; see `stepparent baseline list`',
  );
  return forgotten;
}

/** Makes the term, of a rule or a hunt (`hunt:NAME`), one that counts as seen for ever. False when the rule is not loaded, or has another number of fields. */
export function baselineTrustCommand(
  rule: string,
  terms: readonly string[],
  { config, container = '' }: ScopeOptions,
): boolean {
  const { configuration } = readConfiguration(config);
  const { rules } = readRules(configuration.rules_directories);
  const { hunts } = readHunts(configuration.hunts.directories);
  const fields =
    rules.find(({ id }) => id === rule)?.termFields ?? hunts.find(({ id }) => huntRuleId(id) === rule)?.identity;
  if (fields?.length !== terms.length) {
    const wanted = fields ? `${rule} has ${fields.length}: ${fields.join(', ')}` : 'see `stepparent rules list`';
    console.error(`stepparent: ${fields ? `${terms.length} terms given, and` : `no rule ${rule};`} ${wanted}`);
    return false;
  }
  withStore(config, (store) => store.trustTerm(rule, container, terms, Date.now()));
  console.error('trusted: no alert from now on');
  return true;
}

function rowOf({ ruleId, scope, terms, lastMs, count, origin }: TermRecord) {
  const shown = terms.map((term) => (term === null ? '(not observed)' : escapeText(term, cellChars)));
  const container = scope === '' ? '' : `container ${escapeText(scope.slice(0, 12), cellChars)}`;
  return {
    cells: [escapeText(ruleId, cellChars), localTime(lastMs), `×${count}`, origin, container, shown.join('  ')],
  };
}

function documentOf({ ruleId, scope, terms, firstMs, lastMs, count, origin }: TermRecord): unknown {
  return {
    rule: ruleId,
    ...(scope === '' ? {} : { container: scope }),
    terms,
    first: new Date(firstMs).toISOString(),
    last: new Date(lastMs).toISOString(),
    count,
    origin,
  };
}
