// Joins conditions by `and`, `or` and `not`, and decides whether a condition can be true when only some fields of an event are known.

import type { FieldValue } from '../../collectors/event/event.ts';
import type { Predicate } from './query.ts';

/** True when the condition is false. */
export function not(condition: Predicate): Predicate {
  const negation: Predicate = (read) => !condition(read);
  negation.joined = { by: 'not', conditions: [condition] };
  return negation;
}

/** True when all conditions are true, so also for an empty list. They are read in order until one is false. */
export function and(conditions: readonly Predicate[]): Predicate {
  const [only] = conditions;
  if (only !== undefined && conditions.length === 1) return only;
  const all: Predicate = (read) => {
    for (const condition of conditions) if (!condition(read)) return false;
    return true;
  };
  all.joined = { by: 'and', conditions };
  return all;
}

/** True when one condition is true, so never for an empty list. They are read in order until one is true. */
export function or(conditions: readonly Predicate[]): Predicate {
  const [only] = conditions;
  if (only !== undefined && conditions.length === 1) return only;
  const any: Predicate = (read) => {
    for (const condition of conditions) if (condition(read)) return true;
    return false;
  };
  any.joined = { by: 'or', conditions };
  return any;
}

/** The known value of a field, with `{ value: undefined }` for an absent one. Undefined: the value is unknown. */
export type KnownField = (field: string) => { value: FieldValue } | undefined;

/** `fields` are the fields that decide the result; empty while it is open. */
export interface Outcome {
  result: 'true' | 'false' | 'open';
  fields: ReadonlySet<string>;
}

const open: Outcome = { result: 'open', fields: new Set() };

/**
 * The result of a condition for every event with these known fields. Open conditions are not combined: `a and not a` is
 * open.
 */
export function outcomeOf(condition: Predicate, known: KnownField): Outcome {
  const { joined } = condition;
  if (joined === undefined) return outcomeOfTest(condition, known);
  const outcomes = joined.conditions.map((each) => outcomeOf(each, known));
  if (joined.by === 'not') {
    const [{ result, fields } = open] = outcomes;
    return { result: result === 'open' ? result : result === 'true' ? 'false' : 'true', fields };
  }
  const decisive = joined.by === 'and' ? 'false' : 'true';
  const deciding = outcomes.filter(({ result }) => result === decisive);
  if (deciding.length > 0) return { result: decisive, fields: union(deciding) };
  if (outcomes.some(({ result }) => result === 'open')) return open;
  return { result: decisive === 'false' ? 'true' : 'false', fields: union(outcomes) };
}

const union = (outcomes: readonly Outcome[]): ReadonlySet<string> =>
  new Set(outcomes.flatMap(({ fields }) => [...fields]));

/**
 * The result of a test. A test is a function of the fields that it reads: if all of them are known, the result is
 * known.
 */
function outcomeOfTest(test: Predicate, known: KnownField): Outcome {
  const isAbsent = (field: string): boolean => {
    const found = known(field);
    return found !== undefined && found.value === undefined;
  };
  const absent = new Set(test.needs?.filter(isAbsent));
  if (absent.size > 0) return { result: 'false', fields: absent };
  const fields = new Set<string>();
  let isOpen = false;
  const result = test((field) => {
    fields.add(field);
    const found = known(field);
    if (found === undefined) isOpen = true;
    return found?.value;
  });
  return isOpen ? open : { result: result ? 'true' : 'false', fields };
}
