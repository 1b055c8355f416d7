// Checks that a rule or a hunt can have a term, before `stepparent baseline` changes the term.

import { isDeepStrictEqual } from 'node:util';
import type { Scope } from '../../collectors/event/scope.ts';
import { huntRuleId } from '../../detectors/hunts/hunt.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { nearest } from '../../detectors/rules/toml-file.ts';
import type { StoreReader } from '../../storage/store.ts';
import type { ReadConfiguration } from './read-configuration.ts';
import { patternFault, termFault } from './term-fault.ts';

/** A term as the user typed it for `stepparent baseline`; it may be one that no event can have. */
export interface BaselineTerm {
  /** The id of a rule, or `hunt:NAME`. */
  rule: string;
  /** A value for each of the rule's fields. */
  terms: readonly string[];
  scope: Scope;
}

/** Why the rule cannot have the term, on one line, not escaped; undefined if it can. A term that was seen is always possible. */
export function baselineTermFault(
  store: Pick<StoreReader, 'listTerms'>,
  { configuration }: ReadConfiguration,
  { rule, terms, scope }: BaselineTerm,
): string | undefined {
  const { rules } = readRules(configuration.directories.rules);
  const { hunts } = readHunts(configuration.directories.hunts);
  const fieldsOf = new Map([
    ...rules.map(({ id, termFields }) => [id, termFields] as const),
    ...hunts.map((hunt) => [huntRuleId(hunt.id), hunt.identity] as const),
  ]);
  const fields = fieldsOf.get(rule);
  if (fields === undefined) {
    const near = nearest(rule, [...fieldsOf.keys()]);
    return `no rule with the id ${rule}; ${near === undefined ? '' : `did you mean ${near}? `}see \`stepparent rules list\``;
  }
  if (fields.length !== terms.length) {
    return `${rule} needs ${fields.length} ${fields.length === 1 ? 'term' : 'terms'} (${fields.join(', ')}), ${terms.length} given`;
  }
  const seen = [...store.listTerms({ ruleId: rule, scope })].filter(({ count }) => count > 0);
  if (seen.some((term) => isDeepStrictEqual(term.terms, terms))) return undefined;
  for (const [index, field] of fields.entries()) {
    const value = terms[index] ?? '';
    const fault = termFault(field, value);
    if (fault === undefined) continue;
    const advice =
      fault === patternFault
        ? '; use an exception with the operator "matches": stepparent.toml(5)'
        : '; `stepparent baseline list` shows the spelling of known terms';
    return `${field} "${value}" ${fault}${advice}`;
  }
  return undefined;
}
