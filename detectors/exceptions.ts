// Exceptions: the events that an operator excludes from a rule's alerts. Decides whether an exception covers an event.
// Pure: no clock, no IO.

import { createHash } from 'node:crypto';
import type { FieldReader, StepparentEvent } from '../collectors/event/event.ts';
import { presentValue, someValue, textOf } from './query/field-values.ts';
import { compileWildcard, parseWildcard } from './query/wildcard.ts';

/**
 * The operators of Kibana's exception lists. One of several values is enough: `is` with two values means "is one of".
 */
export const operators = ['is', 'is_not', 'matches', 'does_not_match', 'exists', 'does_not_exist'] as const;

/** How a condition compares a field of the event with its values. */
export type Operator = (typeof operators)[number];

/** One comparison of a field with values. */
export interface Condition {
  field: string;
  operator: Operator;
  /**
   * Empty for `exists` and `does_not_exist`. For `matches` and `does_not_match` they are patterns in which `*` and `?`
   * are wildcards.
   */
  values: readonly string[];
}

/** An entry of `[[exceptions]]` in a configuration file, checked. */
export interface Exception {
  /** Twelve hexadecimal digits derived from rules and conditions: a change of reason, owner or expiry keeps the id. */
  id: string;
  /** Ids of rules, and of hunts as `hunt:NAME`. */
  rules: readonly string[];
  /** All conditions must hold; there is at least one. */
  when: readonly Condition[];
  reason: string;
  owner: string;
  /** When the exception expires, in milliseconds since 1970. Undefined: never. */
  expiresMs: number | undefined;
}

/** The id of an exception; the order of rules and conditions does not change it. */
export function exceptionId(rules: readonly string[], when: readonly Condition[]): string {
  const conditions = when.map(({ field, operator, values }) => JSON.stringify([field, operator, [...values].sort()]));
  return createHash('sha256')
    .update(JSON.stringify([[...rules].sort(), conditions.sort()]))
    .digest('hex')
    .slice(0, 12);
}

/** Whether the exception is in force, which it is until just before its expiry. */
export const isInForce = ({ expiresMs }: Pick<Exception, 'expiresMs'>, nowMs: number): boolean =>
  expiresMs === undefined || nowMs < expiresMs;

/**
 * A test of all conditions together. Values are compared as text, exactly and case-sensitively, like KQL queries here.
 * If a field has several values, one must fit for `is` and `matches`, and none may fit for `is_not` and
 * `does_not_match`. An absent field fits only `does_not_exist`, because a value that was not observed may be anything.
 */
export function compileConditions(when: readonly Condition[]): (read: FieldReader) => boolean {
  const tests = when.map(({ field, operator, values }) => {
    const test = compileOperator(operator, values);
    return (read: FieldReader) => test(presentValue(read(field)));
  });
  return (read) => tests.length > 0 && tests.every((test) => test(read));
}

function compileOperator(operator: Operator, values: readonly string[]): (value: ReturnType<FieldReader>) => boolean {
  if (operator === 'exists') return (value) => value !== undefined;
  if (operator === 'does_not_exist') return (value) => value === undefined;
  const patterns =
    operator === 'matches' || operator === 'does_not_match'
      ? values.map((value) => compileWildcard(parseWildcard(value)))
      : values.map((value) => (text: string) => text === value);
  const fits = (value: ReturnType<FieldReader>): boolean =>
    someValue(value, (one) => {
      const text = textOf(one);
      return text !== undefined && patterns.some((pattern) => pattern(text));
    });
  return operator === 'is' || operator === 'matches' ? fits : (value) => value !== undefined && !fits(value);
}

/** The first exception in force for the rule whose conditions hold; undefined: the alert is delivered. */
export type ExceptionFor = (ruleId: string, read: FieldReader, nowMs: number) => Exception | undefined;

/** Compiles the exceptions of one configuration. A rule without exceptions costs one lookup in a map. */
export function compileExceptions(exceptions: readonly Exception[]): ExceptionFor {
  const byRule = new Map<string, { exception: Exception; covers: (read: FieldReader) => boolean }[]>();
  for (const exception of exceptions) {
    const compiled = { exception, covers: compileConditions(exception.when) };
    for (const rule of new Set(exception.rules)) byRule.set(rule, [...(byRule.get(rule) ?? []), compiled]);
  }
  return (ruleId, read, nowMs) =>
    byRule.get(ruleId)?.find(({ exception, covers }) => isInForce(exception, nowMs) && covers(read))?.exception;
}

type ExceptionFields = NonNullable<NonNullable<StepparentEvent['stepparent']['alert']>['exception']>;

/** The alert's fields about the exception that suppressed it. */
export const exceptionFields = ({ id, reason, owner, expiresMs }: Exception): ExceptionFields => ({
  id,
  reason,
  owner,
  ...(expiresMs === undefined ? {} : { expires: new Date(expiresMs).toISOString() }),
});
