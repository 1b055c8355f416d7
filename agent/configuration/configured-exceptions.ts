// The `[[exceptions]]` of a configuration file: their format, their line numbers, and warnings about them.

import * as z from 'zod';
import { eventFields, isEventField } from '../../collectors/event/event-classes.ts';
import { type Condition, type Exception, exceptionId, isInForce, operators } from '../../detectors/exceptions.ts';
import { huntRuleId } from '../../detectors/hunts/hunt.ts';
import type { Rule } from '../../detectors/rules/rule.ts';
import { lineOfKey, nearest, parseToml, TomlFileError } from '../../detectors/rules/toml-file.ts';
import { localTime } from '../output/local-time.ts';
import { ConfigurationError } from './configuration-error.ts';
import { parseTime } from './duration.ts';
import { unknownField } from './rule-warnings.ts';
import { patternFault, termFault } from './term-fault.ts';

/** An exception and its position; `line` counts from 1. */
export interface ConfiguredException extends Exception {
  file: string;
  line: number;
  /** The lines of its keys. */
  keyLines: { rule: number; expires: number; when: { field: number; values: number }[] };
}

const maxChars = 8192;
const longMs = 366 * 86_400_000;

const isRuleId = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= 160 && /^(?:hunt:)?[a-z0-9]+(?:-[a-z0-9]+)*$/.test(value);
const ruleIds = z.custom<string | string[]>(
  (value) => (Array.isArray(value) ? value.length > 0 && value.every(isRuleId) : isRuleId(value)),
  'the id of a rule, "hunt:" and the name of a hunt, or a list of these; there is no value for all rules',
);
const sentence = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^(?=[^\0-\x1f\x7f]*$).*\S/, 'a text of one line that is not empty');

/** The fields that an alert adds to an event: they are missing when exceptions are evaluated. */
const alertOnly = /^(?:message|tags|rule\..*|threat\..*|event\.(?:kind|severity|risk_score)|stepparent\.alert\..*)$/;

/** What a field in a condition must be, if `field` is not allowed there; undefined if it is allowed. */
export function fieldNameFault(field: string): string | undefined {
  if (field.length > 256 || !/^@?[A-Za-z_][\w-]*(?:\.[\w-]+)*$/.test(field)) {
    return 'a field\'s whole name, such as "process.parent.executable"';
  }
  return alertOnly.test(field) ? 'a field of the event: this one is set on alerts only' : undefined;
}

const condition = z
  .strictObject({
    field: z.string().superRefine((field, context) => {
      const fault = fieldNameFault(field);
      if (fault !== undefined) context.addIssue(fault);
    }),
    operator: z.enum(operators),
    values: z.array(z.string().max(maxChars)).max(1000).default([]),
  })
  .superRefine(({ operator, values }, context) => {
    const takesNoValues = operator === 'exists' || operator === 'does_not_exist';
    if (takesNoValues === (values.length === 0)) return;
    const message = takesNoValues
      ? `left out with the operator "${operator}"`
      : 'a list of at least one text in quotes';
    context.addIssue({ code: 'custom', path: ['values'], message });
  });

const expiry = z.unknown().superRefine((value, context) => {
  if (!Number.isNaN(expiryMs(value) ?? 0)) return;
  context.addIssue('a date or time such as 2027-01-31 or 2027-01-31T12:00:00Z, or "never"');
});

/** Milliseconds since 1970; undefined for "never"; NaN for an invalid value. Accepts TOML dates and dates in quotes. */
function expiryMs(value: unknown): number | undefined {
  if (value === 'never') return undefined;
  const text = value instanceof Date ? value.toISOString() : value;
  return typeof text === 'string' ? (parseTime(text) ?? Number.NaN) : Number.NaN;
}

/** The key `exceptions` of a configuration file. */
export const exceptionsSchema = z.array(
  z.strictObject({
    rule: ruleIds,
    when: z.array(condition).min(1).max(100),
    reason: sentence(1000),
    owner: sentence(200),
    expires: expiry,
  }),
);

const fileSchema = z.looseObject({ exceptions: exceptionsSchema.optional() });

/** The exceptions in the text of a file. Throws ConfigurationError. */
export function parseExceptions(text: string, file: string): ConfiguredException[] {
  try {
    const { exceptions = [] } = parseToml(file, text, fileSchema);
    return exceptions.map(({ rule, when, reason, owner, expires }, i) => {
      const rules = [rule].flat();
      const lineAt = (...path: (string | number)[]): number => lineOfKey(text, ['exceptions', i, ...path]);
      return {
        id: exceptionId(rules, when),
        rules,
        when: when satisfies Condition[],
        reason,
        owner,
        expiresMs: expiryMs(expires),
        file,
        line: lineAt(),
        keyLines: {
          rule: lineAt('rule'),
          expires: lineAt('expires'),
          when: when.map((_, n) => ({
            field: lineAt('when', n, 'field'),
            values: lineAt('when', n, 'values'),
          })),
        },
      };
    });
  } catch (error) {
    throw error instanceof TomlFileError ? new ConfigurationError(file, error.message, error) : error;
  }
}

/** The names that exceptions can refer to: ids of rules, hunts as `hunt:NAME`, and the fields that rules read. */
export interface KnownNames {
  rules: readonly string[];
  fields: readonly string[];
}

/** Collects the names from loaded rules and hunts; each field is listed once. */
export const knownNames = (rules: readonly Pick<Rule, 'id' | 'fields'>[], hunts: readonly { id: string }[]) => ({
  rules: [...rules.map(({ id }) => id), ...hunts.map(({ id }) => huntRuleId(id))],
  fields: [...new Set(rules.flatMap(({ fields }) => [...fields]))],
});

/**
 * Likely mistakes in exceptions, one line each with file and line: an exception has expired, ends in more than a year, is a duplicate, or
 * names an unknown rule or field. These are warnings: a wrong clock or a removed rule must not keep the agent from starting.
 */
function exceptionWarnings(exceptions: readonly ConfiguredException[], known: KnownNames, nowMs: number): string[] {
  const seen = new Map<string, ConfiguredException>();
  return exceptions.flatMap((exception) => {
    const { id, rules, when, expiresMs, file, line, keyLines } = exception;
    const earlier = seen.get(id);
    if (earlier === undefined) seen.set(id, exception);
    const isLong = expiresMs !== undefined && expiresMs > nowMs + longMs;
    const expired = `the exception expired ${localTime(expiresMs ?? 0)} and suppresses nothing`;
    const warnings: (readonly [line: number, warning: string])[] = [
      ...(isInForce(exception, nowMs) ? [] : [[keyLines.expires, expired] as const]),
      ...(isLong ? [[keyLines.expires, '`expires` is more than a year ahead'] as const] : []),
      ...(earlier === undefined ? [] : [[line, `the same exception is in ${earlier.file}:${earlier.line}`] as const]),
      ...rules
        .filter((rule) => !known.rules.includes(rule))
        .map(
          (rule) => [keyLines.rule, `\`rule\`: no rule or hunt "${rule}" is loaded${hint(rule, known.rules)}`] as const,
        ),
      ...when.flatMap((condition, n) => {
        const { field } = condition;
        const lines = keyLines.when[n] ?? { field: line, values: line };
        const isUnknown = !isEventField(field) && !known.fields.includes(field);
        const unknown = `\`field\`: ${unknownField(field, [...eventFields, ...known.fields])}`;
        return [
          ...(isUnknown ? [[lines.field, unknown] as const] : []),
          ...wholeValueWarnings(condition).map((warning) => [lines.values, warning] as const),
        ];
      }),
    ];
    return warnings.map(([warningLine, warning]) => `${file}:${warningLine}: ${warning}`);
  });
}

/** Warnings about `is` and `is_not` with values that no event can have. */
function wholeValueWarnings({ field, operator, values }: Condition): string[] {
  if (operator !== 'is' && operator !== 'is_not') return [];
  return values.flatMap((value) => {
    const fault = termFault(field, value);
    if (fault === undefined) return [];
    const advice = fault === patternFault ? '; the operator "matches" accepts patterns' : '';
    return [`\`values\`: ${field} "${value}" ${fault}${advice}`];
  });
}

/** The exceptions as `status` reports them. */
export interface ExceptionsReport {
  in_force: number;
  expired: number;
  /** One line each, with file and line. */
  warnings: string[];
}

/** The counts of the exceptions, and the warnings about them at `nowMs`. */
export const exceptionsReport = (
  exceptions: readonly ConfiguredException[],
  known: KnownNames,
  nowMs: number,
): ExceptionsReport => {
  const in_force = exceptions.filter((exception) => isInForce(exception, nowMs)).length;
  const expired = exceptions.length - in_force;
  return { in_force, expired, warnings: exceptionWarnings(exceptions, known, nowMs) };
};

function hint(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}
