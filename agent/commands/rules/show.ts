// `stepparent rules show`: prints one rule with its query and investigation guide.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import type { Rule } from '../../../detectors/rules/rule.ts';
import type { ConfiguredRule } from '../../configuration/rule-settings.ts';
import { labelLines } from '../../output/label-lines.ts';
import { action, defineCommand, type GlobalOptions } from '../define-command.ts';

export const show = (): Command =>
  defineCommand('show')
    .description('show one rule in full')
    .argument('<id>', 'id of the rule')
    .action(action(showRule));

const lineChars = 1000;

/** Returns false if no rule has the id. */
async function showRule({ config }: GlobalOptions, id: string): Promise<boolean> {
  const { readRules } = await import('../../../detectors/rules/load-rules.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  const { configuredRules, settingsText } = await import('../../configuration/rule-settings.ts');
  const read = readConfiguration(config);
  const rules = configuredRules(readRules(read.configuration.directories.rules).rules, read.ruleSettings);
  const found = rules.find(({ rule }) => rule.id === id);
  if (found) process.stdout.write(`${linesOf(found, settingsText(found)).join('\n')}\n`);
  else console.error(`stepparent: no rule with the id ${escapeText(id, lineChars)}; see \`stepparent rules list\``);
  return found !== undefined;
}

const techniquesOf = ({ threat }: Rule) =>
  threat.flatMap(({ technique }) => technique.flatMap((each) => [each, ...each.subtechnique]));

function linesOf({ rule, enabled }: ConfiguredRule, settings: string): string[] {
  const facts: [string, string][] = [
    ['rule', rule.id],
    ['name', rule.name],
    ['runs', enabled ? '' : 'no'],
    ['set in', settings],
    ['version', rule.version === undefined ? '' : String(rule.version)],
    ['severity', `${rule.severity}, risk score ${rule.riskScore}`],
    ['kind', `${rule.type}, ${rule.language}`],
    [rule.type === 'new_terms' ? 'new terms' : 'one alert by', rule.termFields.join(', ')],
    ['window', `${rule.windowMs / 3_600_000} h, ${rule.window}`],
    ['known terms', rule.knownTerms.join(', ')],
    ['known by', rule.knownBy.join(', ')],
    ['part of', rule.partOf.join(', ')],
    [
      'techniques',
      techniquesOf(rule)
        .map((technique) => `${technique.id} ${technique.name}`)
        .join(', '),
    ],
    ['tags', rule.tags.join(', ')],
    ['references', rule.references.join(' ')],
    ['file', rule.file],
  ];
  const texts: [string, string][] = [
    ['description', rule.description],
    ['query', rule.query],
    ['false positives', rule.falsePositives.join('\n')],
    ['note', rule.note],
  ];
  const shown = (text: string): string => escapeText(text, lineChars);
  return [
    ...labelLines(
      facts.filter(([, value]) => value !== '').map(([label, value]) => [label, shown(value)]),
      { width: 14, indent: '' },
    ),
    ...texts
      .filter(([, value]) => value.trim() !== '')
      .flatMap(([heading, value]) => [
        '',
        `${heading}:`,
        ...value
          .trim()
          .split('\n')
          .map((line) => `  ${shown(line)}`),
      ]),
  ];
}
