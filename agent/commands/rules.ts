// `stepparent rules`: which rules there are, what one says, and whether files would be taken.

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { escapeText } from '../../collectors/escape-text.ts';
import { parseRule, readRules } from '../../detectors/rules/load-rules.ts';
import { readSource } from '../../detectors/rules/read-source.ts';
import type { RefusedRule, Rule } from '../../detectors/rules/rule.ts';
import { TomlFileError } from '../../detectors/rules/toml-file.ts';
import { readConfiguration } from '../read-configuration.ts';
import { refusedLine } from '../status.ts';
import { printRows } from './print-rows.ts';

interface RulesOptions {
  config?: string;
}

const lineChars = 1000;

/** Prints the rules that the agent would load; those refused are named on standard error. */
export function rulesListCommand({ config, json }: RulesOptions & { json?: boolean }): void {
  const { rules, refused } = readRules(readConfiguration(config).configuration.rules_directories);
  for (const rule of refused) console.error(`stepparent: ${escapeText(refusedLine(rule), lineChars)}`);
  if (json) for (const rule of rules) process.stdout.write(`${JSON.stringify(summaryOf(rule))}\n`);
  else {
    const rows = rules.map(({ id, severity, riskScore, type, name }) => [id, severity, `${riskScore}`, type, name]);
    printRows(
      rows.map((cells) => ({ cells: cells.map((cell) => escapeText(cell, lineChars)) })),
      'no rules',
    );
  }
}

/** Prints one rule with its query and investigation guide. False when there is no such rule. */
export function rulesShowCommand(id: string, { config }: RulesOptions): boolean {
  const { rules } = readRules(readConfiguration(config).configuration.rules_directories);
  const rule = rules.find((each) => each.id === id);
  if (rule) process.stdout.write(`${describe(rule).join('\n')}\n`);
  else console.error(`stepparent: no rule ${escapeText(id, lineChars)}; see \`stepparent rules list\``);
  return rule !== undefined;
}

/** Checks rule files and folders, or without any the configured folders. Prints what is refused, with the place; true when nothing is. */
export function rulesCheckCommand(paths: readonly string[], { config }: RulesOptions): boolean {
  const asked = paths.length > 0 ? paths : readConfiguration(config).configuration.rules_directories;
  const results = asked.map((path) => checkPath(resolve(path)));
  const refused = results.flatMap((result) => result.refused);
  for (const rule of refused) {
    process.stdout.write(`${escapeText(refusedLine(rule), lineChars)}\n`);
    if (rule.excerpt !== '') process.stdout.write(`${rule.excerpt}\n`);
  }
  const loaded = results.reduce((sum, result) => sum + result.loaded, 0);
  console.error(`${loaded} ${loaded === 1 ? 'rule is' : 'rules are'} right, ${refused.length} refused`);
  return refused.length === 0;
}

function checkPath(path: string): { loaded: number; refused: RefusedRule[] } {
  const refuse = (message: string) => ({
    loaded: 0,
    refused: [{ file: path, id: undefined, line: 1, column: 1, message, excerpt: '' }],
  });
  try {
    if (statSync(path).isDirectory()) {
      const { rules, refused } = readRules([path]);
      return { loaded: rules.length, refused };
    }
    parseRule(path, readSource(path));
    return { loaded: 1, refused: [] };
  } catch (error) {
    if (error instanceof TomlFileError) {
      const { line, column, message, excerpt } = error;
      return { loaded: 0, refused: [{ file: path, id: undefined, line, column, message, excerpt }] };
    }
    if (error instanceof Error && 'code' in error) return refuse(`cannot be read: ${error.code}`);
    throw error;
  }
}

function summaryOf({ id, name, severity, riskScore, type, language, termFields, threat, tags, file }: Rule): unknown {
  return {
    id,
    name,
    severity,
    risk_score: riskScore,
    type,
    language,
    term_fields: termFields,
    techniques: techniquesOf({ threat }).map((technique) => technique.id),
    tags,
    file,
  };
}

const techniquesOf = ({ threat }: Pick<Rule, 'threat'>) =>
  threat.flatMap(({ technique }) => technique.flatMap((each) => [each, ...each.subtechnique]));

function describe(rule: Rule): string[] {
  const facts: [string, string][] = [
    ['rule', rule.id],
    ['name', rule.name],
    ['severity', `${rule.severity}, risk score ${rule.riskScore}`],
    ['kind', `${rule.type}, ${rule.language}`],
    [rule.type === 'new_terms' ? 'new terms' : 'one alert by', rule.termFields.join(', ')],
    ['window', `${rule.windowMs / 3_600_000} h, ${rule.window}`],
    ['known terms', rule.knownTerms.join(', ')],
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
    ...facts.filter(([, value]) => value !== '').map(([heading, value]) => `${heading.padEnd(14)}${shown(value)}`),
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
