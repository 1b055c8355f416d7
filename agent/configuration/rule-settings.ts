// The `[[rules]]` of a configuration file: whether a rule runs, with which severity and with which window.

import * as z from 'zod';
import { severityNumbers } from '../../detectors/alert.ts';
import type { Rule, Severity } from '../../detectors/rules/rule.ts';
import { lineOfKey, nearest, parseToml, TomlFileError } from '../../detectors/rules/toml-file.ts';
import { duration } from './configuration.ts';
import { ConfigurationError } from './configuration-error.ts';

/** The keys of one `[[rules]]` that change a rule. */
const settingKeys = ['enabled', 'severity', 'window'] as const;
type SettingKey = (typeof settingKeys)[number];

/** The key `rules` of a configuration file. */
export const ruleSettingsSchema = z
  .array(
    z
      .strictObject({
        id: z.string().regex(/^(?=.{1,128}$)[a-z0-9]+(?:-[a-z0-9]+)*$/, 'the id of a rule'),
        enabled: z.boolean().optional(),
        severity: z.enum(['low', 'medium', 'high', 'critical']).optional(),
        window: duration.optional(),
      })
      .superRefine((table, context) => {
        if (settingKeys.every((key) => table[key] === undefined))
          context.addIssue('a table with `enabled`, `severity` or `window`');
      }),
  )
  .max(256);

/** One `[[rules]]` and its position. `window` is in milliseconds, `line` counts from 1. */
export interface RuleSetting {
  id: string;
  enabled?: boolean | undefined;
  severity?: Severity | undefined;
  window?: number | undefined;
  file: string;
  line: number;
}

const fileSchema = z.looseObject({ rules: ruleSettingsSchema.optional() });

/** The settings of rules in the text of a file. Throws ConfigurationError. */
export function parseRuleSettings(text: string, file: string): RuleSetting[] {
  try {
    const { rules = [] } = parseToml(file, text, fileSchema);
    return rules.map((setting, i) => ({ ...setting, file, line: lineOfKey(text, ['rules', i]) }));
  } catch (error) {
    throw error instanceof TomlFileError ? new ConfigurationError(file, error.message, error) : error;
  }
}

/** A rule as the configuration has it. */
export interface ConfiguredRule {
  rule: Rule;
  enabled: boolean;
  /** What the configuration sets: the last file, and in it the last table, that has the key. */
  settings: { key: SettingKey; file: string; line: number }[];
}

/** The rules with the settings of all files applied, in their order. A severity brings the risk score of its name. Pure. */
export function configuredRules(rules: readonly Rule[], settings: readonly RuleSetting[]): ConfiguredRule[] {
  const ofRule = Map.groupBy(settings, ({ id }) => id);
  return rules.map((rule) => {
    const own = ofRule.get(rule.id) ?? [];
    const { enabled = true, severity, window } = Object.assign({}, ...own.map(setKeys)) as Partial<RuleSetting>;
    return {
      rule: {
        ...rule,
        ...(severity && { severity, riskScore: severityNumbers[severity] }),
        ...(window && { windowMs: window }),
      },
      enabled,
      settings: settingKeys.flatMap((key) => {
        const last = own.findLast((setting) => setting[key] !== undefined);
        return last ? [{ key, file: last.file, line: last.line }] : [];
      }),
    };
  });
}

const setKeys = (setting: RuleSetting): Partial<RuleSetting> =>
  Object.fromEntries(settingKeys.flatMap((key) => (setting[key] === undefined ? [] : [[key, setting[key]]])));

/** Warnings about settings of rules that are not loaded, one line each with file and line. Not escaped. */
export function ruleSettingWarnings(rules: readonly Pick<Rule, 'id'>[], settings: readonly RuleSetting[]): string[] {
  const ids = rules.map(({ id }) => id);
  return settings
    .filter(({ id }) => !ids.includes(id))
    .map(({ id, file, line }) => {
      const near = nearest(id, ids);
      return `${file}:${line}: no rule "${id}" is loaded${near === undefined ? '' : `; did you mean "${near}"?`}`;
    });
}

/** What the configuration sets, with the place: `severity, window: /etc/stepparent/config.toml:12`. Not escaped. */
export const settingsText = ({ settings }: ConfiguredRule): string =>
  [...Map.groupBy(settings, ({ file, line }) => `${file}:${line}`)]
    .map(([place, ofPlace]) => `${ofPlace.map(({ key }) => key).join(', ')}: ${place}`)
    .join('; ');
