// Settings of rules in configuration files: what they change, errors with their position, and warnings.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfigurationFile } from '../../../agent/configuration/configuration-file.ts';
import {
  configuredRules,
  parseRuleSettings,
  ruleSettingWarnings,
  settingsText,
} from '../../../agent/configuration/rule-settings.ts';
import { readRules } from '../../../detectors/rules/load-rules.ts';

const { rules } = readRules([join(import.meta.dirname, '../../../detectors/rules')]);
const [first, second] = rules;
if (first === undefined || second === undefined) throw new Error('no rules');

const days = 86_400_000;
const configured = (...texts: string[]) =>
  configuredRules(
    rules,
    texts.flatMap((text, i) => parseRuleSettings(text, `/etc/${i}.toml`)),
  );

test('a rule without settings is as its file has it', () => {
  expect(configured().map(({ rule }) => rule)).toEqual(rules);
  expect(configured().every(({ enabled, settings }) => enabled && settings.length === 0)).toBe(true);
});

test('settings change the rule that they name only', () => {
  const [one, ...others] = configured(`[[rules]]\nid = "${first.id}"\nseverity = "critical"\nwindow = "2w"\n`);
  expect(one).toMatchObject({
    rule: { ...first, severity: 'critical', riskScore: 99, windowMs: 14 * days },
    enabled: true,
    settings: [
      { key: 'severity', file: '/etc/0.toml', line: 1 },
      { key: 'window', file: '/etc/0.toml', line: 1 },
    ],
  });
  expect(others.map(({ rule }) => rule)).toEqual(rules.slice(1));
});

test('the last setting of each key counts', () => {
  const [one] = configured(
    `[[rules]]\nid = "${first.id}"\nenabled = false\nseverity = "low"\n`,
    `[[rules]]\nid = "${second.id}"\nenabled = false\n[[rules]]\nid = "${first.id}"\nenabled = true\n`,
  );
  if (one === undefined) return expect.unreachable();
  expect(one).toMatchObject({ enabled: true, rule: { severity: 'low', riskScore: 21 } });
  expect(settingsText(one)).toBe('enabled: /etc/1.toml:4; severity: /etc/0.toml:1');
});

test.each([
  ['id = "a"', '`rules[0]` must be a table with `enabled`, `severity` or `window`'],
  ['enabled = false', '`rules[0].id` '],
  ['id = "A rule"\nenabled = false', '`rules[0].id` must be the id of a rule'],
  ['id = "a"\nenabled = "no"', '`rules[0].enabled` '],
  ['id = "a"\nseverity = "loud"', '`rules[0].severity` '],
  ['id = "a"\nwindow = "soon"', '`rules[0].window` '],
  ['id = "a"\nenabled = true\nquery = "x"', 'query'],
])('rejects %j', (text, reason) => {
  const { rejected } = parseConfigurationFile(`[[rules]]\n${text}\n`, 'c.toml');
  expect(rejected.map(({ message }) => message)).toEqual([expect.stringContaining(reason)]);
  expect(rejected[0]?.message).toMatch(/^c\.toml:[1-4]:1: /);
});

test('warns of a rule that is not loaded', () => {
  const settings = parseRuleSettings(`\n[[rules]]\nid = "${first.id}x"\nenabled = false\n`, 'c.toml');
  expect(ruleSettingWarnings(rules, settings)).toEqual([
    `c.toml:2: no rule "${first.id}x" is loaded; did you mean "${first.id}"?`,
  ]);
  expect(ruleSettingWarnings([...rules, { id: `${first.id}x` }], settings)).toEqual([]);
});
