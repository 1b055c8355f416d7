// `npm run docs:code-paths`: writes what package tools read into docs/code-paths.md.

import '../agent/locked-node.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type CodeReader, codeEffects, codeReaders } from '../collectors/hooks/code-readers.ts';
import { canRunCode } from '../collectors/hooks/code-variables.ts';
import { aptSettings, optionGrammars, toolOptions, unwatchedFiles } from '../collectors/hooks/tool-inputs.ts';
import { variableEffects, variableGroups } from '../collectors/packages/environment-variables.ts';
import { effectOf, readerOf, type WatchedPath, watchedPaths } from '../collectors/watched/watched-paths.ts';

export const codePathsPageFile: string = path.join(import.meta.dirname, 'code-paths.md');

const head = '## What is read';

const code = (text: string): string => `\`${text}\``;
const line = (...cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`;
const table = (columns: readonly string[], rows: readonly string[]): string =>
  [line(...columns), line(...columns.map(() => '---')), ...rows].join('\n');
const sourceOf = (source: string): string => source.replace(/^package /, '');
const ruleLink = (rule: string): string => `[${rule}](rules/${rule}.md)`;
/** What reads the input: a rule, or why none does. */
const coverOf = ({ rule, reason }: { rule?: string | undefined; reason?: string | undefined }): string =>
  rule === undefined ? `no rule: ${reason}` : ruleLink(rule);

/** Which rule judges the changes of watched files that have no syntax. */
const rulesOfFiles: readonly [paths: RegExp, rule: string][] = [
  [/sources\.list|\/(?:yum|distro|zypp)(?:\/|\.)repos\.d|trusted\.gpg|keyrings|rpm-gpg/, 'package-source-added'],
  [/apt\/preferences/, 'security-update-blocked'],
  [/^\/etc\/ld\.so/, 'package-script-added-persistence'],
];

/** The rule that judges changes of the file; undefined: they are events for rules of the administrator. */
export function ruleOfFile({ path: file, syntax }: WatchedPath): string | undefined {
  return syntax !== undefined ? 'package-tool-hook-added' : rulesOfFiles.find(([paths]) => paths.test(file))?.[1];
}

/** Files that differ in nothing but their path are one row. */
function fileRows(reader: CodeReader): string[] {
  const watched = watchedPaths
    .filter((row) => readerOf(row) === reader)
    .map((row) => {
      const rule = ruleOfFile(row);
      const cover = rule === undefined ? 'watched, no rule of its own' : ruleLink(rule);
      return { path: row.path, cells: [effectOf(row), sourceOf(row.source), cover] };
    });
  const unwatched = unwatchedFiles
    .filter((row) => row.reader === reader)
    .map(({ path: file, effect, source, reason }) => ({
      path: file,
      cells: [effect, sourceOf(source), `not watched: ${reason}`],
    }));
  const groups = Map.groupBy([...watched, ...unwatched], ({ cells }) => cells.join('\0'));
  return [...groups.values()].map((group) =>
    line(group.map(({ path: file }) => code(file)).join(', '), ...(group[0]?.cells ?? [])),
  );
}

const optionRows = (reader: CodeReader): string[] =>
  toolOptions
    .filter((row) => row.reader === reader)
    .map(({ long, short, value, programs, grammar, effect, source, rule, reason }) => {
      const names = [...(short === undefined ? [] : [`-${short}`]), ...(long === undefined ? [] : [`--${long}`])];
      const example = value === undefined ? '' : ` ${code(value)}`;
      return line(
        `${names.map(code).join(', ')}${example}`,
        programs.split(' ').join(', '),
        grammar,
        effect,
        sourceOf(source),
        coverOf({ rule, reason }),
      );
    });

function settingRows(): string[] {
  const groups = Map.groupBy(aptSettings, ({ effect, source, rule, reason }) =>
    [effect, source, rule, reason].join('\0'),
  );
  return [...groups.values()].map((group) => {
    const [{ effect, source, rule, reason }] = group as [(typeof aptSettings)[number]];
    return line(group.map(({ name }) => code(name)).join(', '), effect, sourceOf(source), coverOf({ rule, reason }));
  });
}

/** Variables that name a file or a directory of files, which is read when the tool starts. */
const fileVariables: ReadonlySet<string> = new Set(['APT_CONFIG', 'HOME', 'XDG_CONFIG_HOME']);
const shownEffects = ['code', 'trust', 'files', 'network', 'configuration'] as const;

/** What reads a variable. */
function coverOfVariable(name: string): string {
  const plain = name.replace(/\*$/, 'x');
  if (canRunCode(plain)) return ruleLink('package-tool-given-command');
  if (name === 'DPKG_ADMINDIR') return ruleLink('package-installed-outside-database');
  return fileVariables.has(name) ? `the file is read: ${ruleLink('package-tool-given-command')}` : 'recorded, no rule';
}

function variableRows(): string[] {
  return variableGroups.flatMap(({ readers, source, variables }) =>
    shownEffects.flatMap((effect) => {
      const names = variables[effect]?.split(' ') ?? [];
      const covers = Map.groupBy(names, coverOfVariable);
      return [...covers].map(([cover, group]) =>
        line(group.map(code).join(', '), readers, effect, source.replaceAll('package ', ''), cover),
      );
    }),
  );
}

function readerSection([reader, title]: [CodeReader, string]): string[] {
  const files = fileRows(reader);
  const options = optionRows(reader);
  return [
    `### ${title}`,
    ...(files.length === 0 ? [] : [table(['Files', 'What they do', 'Source', 'Judged by'], files)]),
    ...(options.length === 0
      ? []
      : [table(['Option', 'Programs', 'Parser', 'What it does', 'Source', 'Judged by'], options)]),
    ...(reader === 'apt'
      ? [
          'Settings behind `-o`, in the file of APT_CONFIG, or, by `package-tool-hook-added`, in apt.conf.d:',
          table(['Setting', 'What it does', 'Source', 'Judged by'], settingRows()),
        ]
      : []),
  ];
}

/** The text of the section, up to the end of the page. */
const listSection = (): string =>
  [
    head,
    '<!-- Made of collectors/watched/watched-paths.ts, collectors/hooks/tool-inputs.ts and collectors/packages/environment-variables.ts by `npm run docs:code-paths`; change these. -->',
    table(
      ['What it does', 'To its reader'],
      Object.entries(codeEffects).map(([effect, about]) => line(effect, about)),
    ),
    'An option is found in each spelling that its parser takes:',
    table(
      ['Parser', 'Spellings'],
      Object.entries(optionGrammars).map(([grammar, about]) => line(grammar, about)),
    ),
    ...(Object.entries(codeReaders) as [CodeReader, string][]).flatMap(readerSection),
    '### Environment variables',
    table(
      ['What it does', 'To its reader'],
      shownEffects.map((effect) => line(effect, variableEffects[effect])),
    ),
    'A variable that is recorded is in `process.env_vars` of package tools, and of what their transactions run.',
    table(['Variables', 'Read by', 'What they do', 'Source', 'Judged by'], variableRows()),
  ].join('\n\n');

/** The text of docs/code-paths.md, whose first part is written by hand. */
export function codePathsPage(): string {
  const page = readFileSync(codePathsPageFile, 'utf8');
  return `${page.slice(0, page.indexOf(head))}${listSection()}\n`;
}

if (import.meta.main) writeFileSync(codePathsPageFile, codePathsPage());
