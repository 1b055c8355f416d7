// `stepparent baseline`: what counts as seen, and an operator's word on it.

import { isDeepStrictEqual } from 'node:util';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { huntRuleId } from '../../detectors/hunts/hunt.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { nearest } from '../../detectors/rules/toml-file.ts';
import type { TermRecord } from '../../storage/records.ts';
import type { StoreReader } from '../../storage/store.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';
import { patternFault, termFault } from '../configuration/term-fault.ts';
import { localTime } from '../output/local-time.ts';
import { printRows } from '../output/print-rows.ts';
import { withStore, withStoreReader } from '../query/with-store.ts';

interface ScopeOptions {
  config?: string;
  /** A container's id; else the host itself. */
  container?: string;
}

const cellChars = 300;
const lineChars = 1000;

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
export function baselineForgetCommand(rule: string, terms: readonly string[], options: ScopeOptions): boolean {
  const { config, container = '' } = options;
  return withStore(config, (store) => {
    // Also of a rule that is not loaded any more, and whatever the term looks like.
    if (store.forgetTerm(rule, container, terms)) {
      console.error('forgotten: the next sighting is an alert, unless it is a known front end');
      return true;
    }
    const fault = faultOf(rule, terms, options, store);
    if (fault !== undefined) console.error(`stepparent: ${escapeText(fault, lineChars)}`);
    else console.error('not known, so nothing to forget; see `stepparent baseline list`');
    return false;
  });
}

/** Makes the term, of a rule or a hunt (`hunt:NAME`), one that counts as seen for ever. False when there can be no such term. */
export function baselineTrustCommand(rule: string, terms: readonly string[], options: ScopeOptions): boolean {
  const { config, container = '' } = options;
  return withStore(config, (store) => {
    const fault = faultOf(rule, terms, options, store);
    if (fault !== undefined) {
      console.error(`stepparent: ${escapeText(fault, lineChars)}`);
      return false;
    }
    store.trustTerm(rule, container, terms, Date.now());
    console.error('trusted: no alert from now on');
    return true;
  });
}

/** Why there can be no such term. What was seen can be, whatever it looks like. */
function faultOf(
  rule: string,
  terms: readonly string[],
  { config, container }: ScopeOptions,
  store: StoreReader,
): string | undefined {
  const { configuration } = readConfiguration(config);
  const { rules } = readRules(configuration.rules_directories);
  const { hunts } = readHunts(configuration.hunts.directories);
  const fieldsOf = new Map([
    ...rules.map(({ id, termFields }) => [id, termFields] as const),
    ...hunts.map((hunt) => [huntRuleId(hunt.id), hunt.identity] as const),
  ]);
  const fields = fieldsOf.get(rule);
  if (fields === undefined) {
    const near = nearest(rule, [...fieldsOf.keys()]);
    return `no rule ${rule}; ${near === undefined ? '' : `did you mean ${near}? `}see \`stepparent rules list\``;
  }
  if (fields.length !== terms.length) {
    return `${terms.length} terms given, and ${rule} has ${fields.length}: ${fields.join(', ')}`;
  }
  if (container !== undefined) {
    const cut = [...store.listTerms()].find(({ scope }) => scope.startsWith(container) && scope !== container);
    if (container === '' || cut !== undefined) {
      return `--container ${container === '' ? 'is empty' : `needs the whole id, such as ${cut?.scope}`}`;
    }
    const fault = termFault('container.id', container);
    if (fault !== undefined) return `--container "${container}" ${fault}`;
  }
  const seen = [...store.listTerms({ ruleId: rule, scope: container ?? '' })].filter(({ count }) => count > 0);
  if (seen.some((term) => isDeepStrictEqual(term.terms, terms))) return undefined;
  for (const [index, field] of fields.entries()) {
    const value = terms[index] ?? '';
    const fault = termFault(field, value);
    if (fault === undefined) continue;
    const advice =
      fault === patternFault
        ? '; an exception with the operator "matches" can have one: stepparent.toml(5)'
        : '; `stepparent baseline list` shows terms as they are';
    return `${field} "${value}" ${fault}${advice}`;
  }
  return undefined;
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
