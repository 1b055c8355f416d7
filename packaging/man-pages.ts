// Makes the man pages from the command table, the table of configuration keys, documents, and the text in
// packaging/man.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configurationKeys, configurationTables } from '../agent/configuration/configuration.ts';
import { tomlValue } from '../agent/configuration/toml-value.ts';
import { version } from '../agent/version.ts';
import { checkout } from './bundle.ts';
import { type CommandRow, commandTable } from './command-table.ts';
import { asInstalled, requiresRestart } from './sample-configuration.ts';

/** A page as roff; `name` is the name of its file, such as `stepparent.8`. */
export interface ManPage {
  name: string;
  text: string;
}

/** All pages. `epochSeconds`: their date, in seconds since 1970. */
export function manPages(epochSeconds: number): ManPage[] {
  const parts: Readonly<Record<string, () => string>> = {
    OPTIONS: optionsPart,
    COMMANDS: commandsPart,
    KEYS: keysPart,
    EXCEPTIONS: () => {
      const text = document('exceptions');
      return ['Write one', 'What is counted, and when it ends']
        .map((title) => `### ${title}\n\n${chapter(text, title)}`)
        .join('\n\n');
    },
    SETTINGS: () => chapter(document('rules'), 'Settings of a rule'),
    RULES: () => sections(document('rules')),
    HUNTS: () => sections(document('hunts')),
    QUERIES: () => demoted(document('query-languages')),
  };
  return ['stepparent.8', 'stepparent.toml.5', 'stepparent-rules.7', 'stepparent-hunts.7'].map((name) => {
    const source = readFileSync(join(checkout, 'packaging/man', `${name}.md`), 'utf8');
    const markdown = source.replaceAll(/^@([A-Z]+)@$/gm, (_, part) => parts[part]?.().trim() ?? '');
    return { name, text: roffOf(withLists(plainLinks(markdown)), epochSeconds) };
  });
}

function roffOf(markdown: string, epochSeconds: number): string {
  const program = fileURLToPath(new URL('../bin/marked-man.js', import.meta.resolve('marked-man')));
  const args = ['--no-breaks', '--version', `stepparent ${version}`, '--manual', 'stepparent'];
  const roff = execFileSync(process.execPath, [program, ...args], {
    input: markdown,
    encoding: 'utf8',
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epochSeconds) },
  });
  const dated = roff.replace(/^(\.TH "[^"]*" "[^"]*") "[^"]*"/m, `$1 "${isoDate(epochSeconds)}"`);
  return tidy(dated)
    .replaceAll(/^\.IP \\\(bu 2\n(.*)\n\.br\n/gm, '.TP\n$1\n')
    .replaceAll(/^\.RS 2\n/gm, '.P\n.RS 4\n')
    .replaceAll(/^(\.S[HS] .*\n)\.P\n/gm, '$1')
    .replaceAll(/&quot;/g, '"')
    .replaceAll(/&#39;|[^\0-\x7f]|['`^~]/gu, (character) => glyphs[character] ?? glyphOf(character));
}

const isoDate = (epochSeconds: number): string => new Date(epochSeconds * 1000).toISOString().slice(0, 10);

/** Characters that roff would print as others, with their glyph names (groff_char(7)). */
const glyphs: Readonly<Record<string, string>> = {
  '&#39;': '\\(aq',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
};

const glyphOf = (character: string): string =>
  `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`;

/** Lists begin at the margin of the text, and only code has empty lines. */
function tidy(roff: string): string {
  const isList: boolean[] = [];
  let isCode = false;
  return roff
    .split('\n')
    .filter((line) => {
      if (line === '.nf' || line === '.fi') isCode = line === '.nf';
      if (line.startsWith('.RS')) isList.push(line === '.RS 1');
      if (line === '.RE') return isList.pop() === false;
      return line !== '.RS 1' && (isCode || line !== '');
    })
    .join('\n')
    .concat('\n');
}

const document = (name: string): string => readFileSync(join(checkout, 'docs', `${name}.md`), 'utf8');

/** A document without its title, with chapters in capitals as in man pages. */
const sections = (text: string): string =>
  text.replace(/^# .*\n/, '').replaceAll(/^## ([^`\n]*)$/gm, (_, title: string) => `## ${title.toUpperCase()}`);

/** A document without its title, as part of a chapter. */
const demoted = (text: string): string =>
  text
    .replace(/^# .*\n/, '')
    .replaceAll(/^### (.*)$/gm, '**$1**')
    .replaceAll(/^## /gm, '### ');

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

/** The text between this heading and the next one of its level. */
function chapter(text: string, title: string): string {
  const start = text.indexOf(`\n## ${title}\n`);
  if (start < 0) throw new Error(`no chapter "${title}"`);
  const end = text.indexOf('\n## ', start + 1);
  return text.slice(start, end < 0 ? undefined : end).replace(/^\n## .*\n/, '');
}

/** A page has no links: a link to a file becomes its text, an address is written out. */
const plainLinks = (markdown: string): string =>
  markdown
    .replaceAll(/\[([^\]]+)\]\((https?:[^)]+)\)/g, '$1 ($2)')
    .replaceAll(/\[([^\]]+)\]\((?!https?:)[^)\s]+\)/g, '$1');

/** Tables as lists of terms: columns would be a few letters wide. */
function withLists(markdown: string): string {
  return markdown.replaceAll(/^\|.*\|\n\|[ :|-]+\|\n(?:\|.*\|\n?)+/gm, (table) => {
    const [heading = [], , ...rows] = table.trimEnd().split('\n').map(cells);
    const isNamed = heading.length === 2 && heading.every((cell) => cell !== '');
    const named = isNamed ? [heading.map((cell) => `*${cell}*`)] : [];
    return `${[...named, ...rows].map((row) => entry(row, heading)).join('\n')}\n`;
  });
}

const cells = (row: string): string[] =>
  row
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));

/** A row as a term; a value between the first and the last column gets the heading of its column. */
function entry([term = '', ...rest]: readonly string[], heading: readonly string[]): string {
  const last = rest.pop() ?? '';
  const between = rest.flatMap((cell, i) => (cell === '' ? [] : [`${heading[i + 1]}: ${cell}.`]));
  return item(term, [...between, last].join(' ').trim());
}

/** One of a list of terms; `roffOf` makes such a one of it. */
const item = (term: string, text: string): string => `* ${term}${text === '' ? '' : `  \n  ${text}`}`;

const optionsPart = (): string => {
  const [program] = commandTable;
  return [
    ...(program?.options ?? []).map(optionItem),
    item('`--help`', 'Shows the help of the program, or of a command.'),
  ].join('\n');
};

const commandsPart = (): string =>
  commandTable
    .filter(({ commands }) => commands.length === 0)
    .map(commandText)
    .join('\n\n');

function commandText({ path, description, arguments: taken, options }: CommandRow): string {
  const words = taken.map(({ name, isRequired, isVariadic }) => {
    const shown = `*${name}*${isVariadic ? '...' : ''}`;
    return isRequired ? shown : `[${shown}]`;
  });
  const isDefault = commandTable.some(
    (row) => row.defaultCommand === path.at(-1) && row.path.join(' ') === path.slice(0, -1).join(' '),
  );
  const described = taken.filter((argument) => argument.description !== '');
  return [
    `### ${[...path, ...words].join(' ')}${options.length > 0 ? ' [*options*]' : ''}`,
    `${sentence(description)}${isDefault ? ` Also without the word \`${path.at(-1)}\`.` : ''}`,
    [
      ...described.map(({ name, description: text }) => item(`*${name}*`, sentence(text))),
      ...options.map(optionItem),
    ].join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function optionItem({
  flag,
  short,
  description,
  value,
  isRequired,
  default: preset,
}: CommandRow['options'][number]): string {
  const term = [short, flag]
    .filter((each) => each !== undefined)
    .map((each) => `\`${each}\``)
    .join(', ');
  const choices = value?.choices ?? [];
  const text = [
    sentence(description),
    ...(isRequired ? ['Required.'] : []),
    ...(choices.length > 0 ? [`One of ${choices.map((each) => `\`${each}\``).join(', ')}.`] : []),
    ...(preset === undefined ? [] : [`Without it: \`${preset}\`.`]),
  ];
  return item(value === undefined ? term : `${term} *${value.name}*${value.isVariadic ? '...' : ''}`, text.join(' '));
}

const sentence = (text: string): string => `${capital(text)}${/[.!?]$/.test(text) ? '' : '.'}`;

const keysPart = (): string =>
  ['', ...configurationTables.keys()]
    .map((table) => {
      const about = configurationTables.get(table);
      const keys = configurationKeys.filter((key) => key.table === table);
      const title = table === '' ? 'KEYS OF THE TOP LEVEL' : `TABLE [${table}]`;
      return `## ${title}\n\n${about === undefined ? '' : `${about}\n\n`}${keys.map(keyItem).join('\n')}`;
    })
    .join('\n\n');

function keyItem(key: (typeof configurationKeys)[number]): string {
  const { name, description, allowed, default: value, whenUnset } = key;
  const defaultText =
    value === undefined ? `Without it: ${whenUnset}.` : `Default: \`${tomlValue(asInstalled(value))}\`.`;
  const text = [
    description,
    `Allowed: ${allowed}.`,
    defaultText,
    ...(requiresRestart(key) ? ['A change takes effect after a restart.'] : []),
  ];
  return item(`\`${name.slice(name.lastIndexOf('.') + 1)}\``, text.join(' '));
}
