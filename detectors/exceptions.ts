// Exceptions: the events that an operator has excluded from a rule's alerts, and whether one covers an event. Pure: no clock, no IO.

import { createHash } from 'node:crypto';
import type { FieldReader, StepparentEvent } from '../collectors/event/event.ts';
import { presentValue, someValue, textOf } from './query/field-values.ts';
import { compileWildcard, parseWildcard } from './query/wildcard.ts';

/** The words of Kibana's exception lists. Of several values one is enough: `is` with two is "is one of". */
export const operators = ['is', 'is_not', 'matches', 'does_not_match', 'exists', 'does_not_exist'] as const;
export type Operator = (typeof operators)[number];

export interface Condition {
  field: string;
  operator: Operator;
  /** None for `exists` and `does_not_exist`; for `matches` patterns in which `*` and `?` are wildcards. */
  values: readonly string[];
}

export interface Exception {
  /** Twelve hexadecimal digits made of rules and conditions: another reason or a later end is still the same exception. */
  id: string;
  /** Ids of rules, and of hunts as `hunt:NAME`. */
  rules: readonly string[];
  /** All must hold; at least one. */
  when: readonly Condition[];
  reason: string;
  owner: string;
  /** From this millisecond since 1970 on it hides nothing; undefined: never. */
  expiresMs: number | undefined;
}

/** The same for the same rules and conditions, in whatever order they are written. */
export function exceptionId(rules: readonly string[], when: readonly Condition[]): string {
  const conditions = when.map(({ field, operator, values }) => JSON.stringify([field, operator, [...values].sort()]));
  return createHash('sha256')
    .update(JSON.stringify([[...rules].sort(), conditions.sort()]))
    .digest('hex')
    .slice(0, 12);
}

/** Whether it still hides: up to its end, not at it. */
export const isInForce = ({ expiresMs }: Pick<Exception, 'expiresMs'>, nowMs: number): boolean =>
  expiresMs === undefined || nowMs < expiresMs;

/**
 * A test of all conditions together. Values are compared as text, exactly and with case, as KQL does here. Of a field with several
 * values one that fits is enough for `is` and `matches`, and none may fit for `is_not` and `does_not_match`. A field that
 * is absent fits nothing but `does_not_exist`: what was not observed may be anything.
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

/** Prepares the question for one configuration. A rule without exceptions costs one lookup in a map. */
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

/** The alert's fields about the exception that hid it. */
export const exceptionFields = ({ id, reason, owner, expiresMs }: Exception): ExceptionFields => ({
  id,
  reason,
  owner,
  ...(expiresMs === undefined ? {} : { expires: new Date(expiresMs).toISOString() }),
});
