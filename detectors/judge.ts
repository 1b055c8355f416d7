// Lets rules look at one event. Pure: nothing is learned here.

import type { FieldReader, FieldValue } from '../collectors/event/event.ts';
import type { Rule, Verdict } from './rules/rule.ts';

/** A term's value as text; several values are one term, sorted, since their order says nothing. */
const termOf = (value: FieldValue): string | null => {
  if (value === undefined) return null;
  return Array.isArray(value) ? [...value].map(String).sort().join('\n') : String(value);
};

/** The rules that match, in the order given. A rule that throws is passed over and reported: the others still look. */
export function matchingRules(
  rules: readonly Rule[],
  read: FieldReader,
  onFault: (rule: Rule, error: unknown) => void,
): Rule[] {
  return rules.filter((rule) => {
    try {
      return rule.matches(read);
    } catch (error) {
      onFault(rule, error);
      return false;
    }
  });
}

/** A matching rule's verdict: with the values by which it tells one case from another. */
export const verdictOf = (rule: Rule, read: FieldReader): Verdict => ({
  rule,
  terms: rule.termFields.map((field) => termOf(read(field))),
});
