// Checks that a rule or a hunt can have a term or a pattern, before `stepparent baseline` changes it.

import { isDeepStrictEqual } from 'node:util';
import type { Scope } from '../../collectors/event/scope.ts';
import { huntRuleId } from '../../detectors/hunts/hunt.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import type { Rule } from '../../detectors/rules/rule.ts';
import { nearest } from '../../detectors/rules/toml-file.ts';
import type { StoreReader } from '../../storage/store.ts';
import type { ReadConfiguration } from './read-configuration.ts';
import { baselinePatternFault, isPattern, patternFault, termFault } from './term-fault.ts';

/** A term as the user typed it for `stepparent baseline`; it may be one that no event can have. */
export interface BaselineTerm {
  /** The id of a rule, or `hunt:NAME`. */
  rule: string;
  /** A value for each of the rule's fields, or a pattern. */
  terms: readonly string[];
  scope: Scope;
}

/** What a typed term is. */
export type CheckedTerm =
  | { kind: 'term' }
  /** At least one of the terms is a pattern. */
  | { kind: 'pattern'; rule: Rule }
  /** Why the rule cannot have it, on one line, not escaped. */
  | { kind: 'fault'; fault: string };

const faulty = (fault: string): CheckedTerm => ({ kind: 'fault', fault });

/** Finds out what a typed term is. A term that was seen is always possible. */
export function checkBaselineTerm(
  store: Pick<StoreReader, 'listTerms'>,
  { configuration }: ReadConfiguration,
  { rule, terms, scope }: BaselineTerm,
): CheckedTerm {
  const { rules } = readRules(configuration.directories.rules);
  const { hunts } = readHunts(configuration.directories.hunts);
  const fieldsOf = new Map([
    ...rules.map(({ id, termFields }) => [id, termFields] as const),
    ...hunts.map((hunt) => [huntRuleId(hunt.id), hunt.identity] as const),
  ]);
  const fields = fieldsOf.get(rule);
  if (fields === undefined) {
    const near = nearest(rule, [...fieldsOf.keys()]);
    return faulty(
      `no rule with the id ${rule}; ${near === undefined ? '' : `did you mean ${near}? `}see \`stepparent rules list\``,
    );
  }
  if (fields.length !== terms.length) {
    return faulty(
      `${rule} needs ${fields.length} ${fields.length === 1 ? 'term' : 'terms'} (${fields.join(', ')}), ${terms.length} given`,
    );
  }
  const known = rules.find(({ id }) => id === rule);
  const isPatternAt = fields.map((field, index) => known !== undefined && isPattern(field, terms[index] ?? ''));
  if (known !== undefined && isPatternAt.includes(true)) {
    if (known.type !== 'new_terms') return faulty(`${rule} has no baseline: its type is "${known.type}"`);
  } else {
    const seen = [...store.listTerms({ ruleId: rule, scope })].filter(({ count }) => count > 0);
    if (seen.some((term) => isDeepStrictEqual(term.terms, terms))) return { kind: 'term' };
  }
  for (const [index, field] of fields.entries()) {
    const value = terms[index] ?? '';
    const fault = isPatternAt[index] ? baselinePatternFault(field, value) : termFault(field, value);
    if (fault !== undefined) return faulty(`${field} "${value}" ${fault}${isPatternAt[index] ? '' : adviceOn(fault)}`);
  }
  return known !== undefined && isPatternAt.includes(true) ? { kind: 'pattern', rule: known } : { kind: 'term' };
}

const adviceOn = (fault: string): string =>
  fault === patternFault
    ? '; use "*" and "?" only, and only for terms of rules'
    : '; `stepparent baseline list` shows the spelling of known terms';
