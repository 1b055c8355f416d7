// `stepparent rules`: which rules there are, what one says, and whether files would be taken.

import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { errorCode } from '../../collectors/error-message.ts';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { readRuleFiles, readRules, ruleFilesIn } from '../../detectors/rules/load-rules.ts';
import type { Rule } from '../../detectors/rules/rule.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';
import { ruleWarnings } from '../configuration/rule-warnings.ts';
import { formatFault, refusedLine } from '../daemon/agent-status.ts';
import { labelLines } from '../output/label-lines.ts';
import { printRows } from '../output/print-rows.ts';

interface RulesOptions {
  config?: string;
}

export interface CheckOptions extends RulesOptions {
  /** A warning fails as well. */
  strict?: boolean;
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

/**
 * Checks the rules as the agent loads them, or, together with these, files and folders: then only what is wrong with them counts. Prints
 * what is refused and each warning, with the place. True when nothing is refused; with `strict`, when there is no warning either.
 */
export function rulesCheckCommand(paths: readonly string[], { config, strict = false }: CheckOptions): boolean {
  const configured = configuredRuleFiles(config, paths.length > 0);
  const asked = paths.length > 0 ? ruleFilesAt(paths) : configured;
  const known = new Set(configured.files.map(identityOf));
  // Each once, also where it is given by its name and by its folder.
  const more = new Map(asked.files.map((file) => [identityOf(file), file]));
  const files = [...configured.files, ...[...more].flatMap(([identity, file]) => (known.has(identity) ? [] : [file]))];
  const wanted = new Set(asked.files.map(identityOf));
  const isWanted = ({ file }: { file: string }): boolean => wanted.has(identityOf(file));
  const read = readRuleFiles(files);
  const rules = read.rules.filter(isWanted);
  const refused = [...asked.refused, ...read.refused.filter(isWanted)];
  const warnings = ruleWarnings(rules);
  for (const rule of refused) printFault(refusedLine(rule), rule.excerpt);
  for (const warning of warnings) printFault(`warning: ${formatFault(warning)}`, warning.excerpt);
  const count = warnings.length === 0 ? '' : `, ${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`;
  console.error(
    `${rules.length} ${rules.length === 1 ? 'rule is' : 'rules are'} right, ${refused.length} refused${count}`,
  );
  return refused.length === 0 && !(strict && warnings.length > 0);
}

function printFault(line: string, excerpt: string): void {
  process.stdout.write(`${escapeText(line, lineChars)}\n`);
  if (excerpt !== '') process.stdout.write(`${excerpt}\n`);
}

/** With `optional` none where this user may not read the configuration: files can be checked by themselves, which is said. */
function configuredRuleFiles(config: string | undefined, optional: boolean): ReturnType<typeof ruleFilesIn> {
  try {
    return ruleFilesIn(readConfiguration(config).configuration.rules_directories);
  } catch (error) {
    const isDenied = ['EACCES', 'EPERM'].includes(errorCode(error));
    if (!optional || !isDenied) throw error;
    console.error('stepparent: the configuration may not be read: not checked against the rules that are loaded');
    return { files: [], refused: [] };
  }
}

/** A path that is no folder counts as a file, also where there is none. */
function ruleFilesAt(paths: readonly string[]): ReturnType<typeof ruleFilesIn> {
  const found = paths.map((path) => {
    const full = resolve(path);
    const isDirectory = statSync(full, { throwIfNoEntry: false })?.isDirectory() ?? false;
    return isDirectory ? ruleFilesIn([full]) : { files: [full], refused: [] };
  });
  return { files: found.flatMap(({ files }) => files), refused: found.flatMap(({ refused }) => refused) };
}

/** The same for a file under all its names. */
function identityOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
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
