// What package tools read: each row of the page is true. Watched files are in the plan of the watch, and options, settings and
// variables are read by the rule that the row names, in every spelling.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { namesCode } from '../../collectors/hooks/apt-configuration.ts';
import { codeReaders } from '../../collectors/hooks/code-readers.ts';
import { canRunCode, variableRunsCode } from '../../collectors/hooks/code-variables.ts';
import { namedFiles } from '../../collectors/hooks/named-configuration.ts';
import {
  aptSettings,
  spellingsOf,
  type ToolOption,
  toolOptions,
  unwatchedFiles,
} from '../../collectors/hooks/tool-inputs.ts';
import { variableGroups } from '../../collectors/packages/environment-variables.ts';
import { expandHomes, type PlannedDirectory, planPaths } from '../../collectors/watched/path-plan.ts';
import { readerOf, watchedPaths } from '../../collectors/watched/watched-paths.ts';
import { frontEndOptions } from '../../detectors/facts/front-end-options.ts';
import { givenCommands } from '../../detectors/facts/given-commands.ts';
import { otherDatabase } from '../../detectors/facts/other-database.ts';
import { parsePackageOperation } from '../../detectors/facts/package-operation.ts';
import { codePathsPage, codePathsPageFile, ruleOfFile } from '../../docs/code-paths-page.ts';

test('docs/code-paths.md is up to date; otherwise run npm run docs:code-paths', () => {
  expect(readFileSync(codePathsPageFile, 'utf8')).toBe(codePathsPage());
});

const read = watchedPaths.filter((row) => readerOf(row) !== undefined);

test('each tool has rows, and each row names a rule that exists or a reason', () => {
  const readers = new Set([...read.map(readerOf), ...toolOptions.map(({ reader }) => reader)]);
  expect(Object.keys(codeReaders).filter((reader) => !readers.has(reader as never))).toEqual([]);
  const rules = [
    ...read.map(ruleOfFile),
    ...toolOptions.map(({ rule }) => rule),
    ...aptSettings.map(({ rule }) => rule),
  ];
  const root = path.join(import.meta.dirname, '../..');
  const missing = new Set(
    rules.filter((rule) => rule !== undefined && !existsSync(`${root}/detectors/rules/${rule}.toml`)),
  );
  expect([...missing]).toEqual([]);
  expect(
    [...toolOptions, ...aptSettings].filter(({ rule, reason }) => (rule === undefined) === (reason === undefined)),
  ).toEqual([]);
});

describe('files', () => {
  const bounds = { burst: 1, perSecond: 1, waiting: 1, open: 1, reason: '' };
  const plan = planPaths(expandHomes(watchedPaths, ['/root']), {
    bounds,
    room: { left: 1 },
    locate: () => undefined,
    mayLook: () => true,
  });
  /** The directory in which the path is a name; undefined: the plan does not go there. */
  const directoryOf = (file: string): PlannedDirectory | undefined =>
    path
      .dirname(file)
      .split('/')
      .filter(Boolean)
      .reduce<PlannedDirectory | undefined>((at, name) => at?.below(at.path, name), plan);
  /** A file that the pattern matches. */
  const exampleOf = (pattern: string): string =>
    pattern
      .replace(/^~/, '/root')
      .replace(/\*\*$/, 'x/y')
      .replaceAll('*', 'x')
      .replaceAll(/NAME|VERSION|ARCHITECTURE/g, 'x');

  test.each(read.map((row) => [row.path, row] as const))('%s is watched, and read as its row says', (pattern, row) => {
    const file = exampleOf(pattern);
    const directory = directoryOf(file);
    expect(directory?.accepts(path.basename(file))).toBe(true);
    if (row.syntax !== undefined) expect(directory?.labelOf(path.basename(file)).syntax).toBeDefined();
  });

  const unwatched = unwatchedFiles.flatMap(({ path: files }) => files.split(', ').filter((file) => /^[~/]/.test(file)));
  test.each(unwatched)('%s is not watched', (pattern) => {
    const file = exampleOf(pattern);
    expect(directoryOf(file)?.accepts(path.basename(file)) ?? false).toBe(false);
  });
});

/** Whether the rule reads what the command line gives. */
const readBy: Readonly<Record<string, (program: string, args: readonly string[]) => boolean>> = {
  'package-tool-given-command': (program, args) =>
    givenCommands(program, args, []).length > 0 || namedFiles(program, args, []).length > 0,
  'package-verification-off': (program, args) =>
    frontEndOptions(program, args).length > 0 || parsePackageOperation(program, args)?.verification_off !== undefined,
  'package-installed-outside-database'(program, args) {
    const operation = parsePackageOperation(program, args);
    return (
      operation !== undefined &&
      otherDatabase(
        operation,
        args,
        () => [],
        () => undefined,
      ) !== undefined
    );
  },
};

/** The rules that read the command line. */
const rulesOf = (program: string, args: readonly string[]): string[] =>
  Object.keys(readBy).filter((rule) => readBy[rule]?.(program, args));

describe('options', () => {
  const named = (row: ToolOption): string => `${row.programs} ${row.long ?? row.short} ${row.value ?? ''}`;

  test.each(toolOptions.map((row) => [named(row), row] as const))('%s: every program and spelling', (_name, row) => {
    const lines = row.programs
      .split(' ')
      .flatMap((program) => spellingsOf(row).map((words) => [program, ...words, ...(row.words ?? [])]));
    expect(lines.length).toBeGreaterThan(0);
    const expected = row.rule === undefined ? [] : [row.rule];
    expect(
      lines.filter(([program = '', ...words]) => String(rulesOf(program, [program, ...words])) !== String(expected)),
    ).toEqual([]);
  });

  test('each spelling of an option of getopt and of popt', () => {
    const row = {
      reader: 'rpm',
      effect: 'configures',
      source: 'x',
      programs: 'x',
      long: 'load',
      short: 'l',
      value: 'V',
    } as const;
    const spelled = (grammar: ToolOption['grammar']): string[] =>
      spellingsOf({ ...row, grammar }).map((words) => words.join(' '));
    expect(spelled('getopt')).toEqual(['--load=V', '--load V', '-lV', '-l V', '-ylV']);
    expect(spelled('popt')).toEqual([...spelled('getopt'), '-l=V']);
    expect(spelled('apt')).toContain('--LOAD=V');
    expect(spellingsOf({ ...row, grammar: 'argparse', shortest: 'lo' })).toContainEqual(['--lo', 'V']);
  });
});

test.each(aptSettings)('the setting $name of apt', ({ name, value, rule }) => {
  const isCode = rule === 'package-tool-given-command';
  expect(namesCode({ name, value })).toBe(isCode);
  const line = ['apt-get', '-o', `${name}=${value}`, 'install', 'x'];
  expect(rulesOf('apt-get', line)).toEqual(rule === undefined ? [] : [rule]);
});

describe('variables', () => {
  const names = variableGroups.flatMap(({ variables }) => (variables.code ?? '').split(' ').filter(Boolean));
  /** A value that runs code, if a path does not. */
  const values: Readonly<Record<string, string>> = {
    TAR_OPTIONS: '--checkpoint-action=exec=/tmp/x',
    DPKG_PAGER: '/tmp/x',
  };

  test.each(names.map((name) => name.replace(/\*$/, 'x')).filter(canRunCode))(
    '%s with code of another place',
    (name) => {
      expect(variableRunsCode(`${name}=${values[name] ?? '/tmp/x'}`)).toBe(true);
    },
  );

  test.each([
    ['dpkg', 'SHELL=/tmp/x', true],
    ['dpkg', 'SHELL=/usr/bin/zsh', false],
    ['dpkg', 'SHELL=/home/alice/bin/zsh', false],
    ['dpkg', 'PAGER=less -R', false],
    ['dpkg', 'PAGER=/tmp/x -R', true],
    ['apt', 'VISUAL=vim', false],
    ['apt', 'EDITOR=/var/tmp/x', true],
    ['unattended-upgrade', 'PYTHONUSERBASE=/tmp/x', false],
    ['dnf', 'PYTHONUSERBASE=/tmp/x', true],
    ['packagekitd', 'LD_PRELOAD=/tmp/x.so', true],
    ['dpkg-reconfigure', 'PERL5LIB=/tmp/x', true],
  ])('%s with %s', (program, variable, runs) => {
    expect(givenCommands(program, [program], [variable])).toEqual(runs ? [variable] : []);
  });

  test.each<[program: string, variable: string, files: string[]]>([
    ['apt-get', 'APT_CONFIG=/tmp/x', ['/tmp/x']],
    ['aptitude', 'HOME=/tmp/x', ['/tmp/x/.aptitude/config']],
    ['aptitude', 'HOME=/root/', []],
    ['dpkg', 'HOME=/tmp/x', ['/tmp/x/.dpkg.cfg']],
    ['dpkg', 'HOME=/', []],
    [
      'rpm',
      'HOME=/tmp/x/',
      ['/tmp/x/.rpmmacros', '/tmp/x/.config/rpm/macros', '/tmp/x/.rpmrc', '/tmp/x/.config/rpm/rpmrc', '/tmp/x/.popt'],
    ],
    ['rpm', 'XDG_CONFIG_HOME=/tmp/x', ['/tmp/x/rpm/macros', '/tmp/x/rpm/rpmrc']],
    ['rpm', 'XDG_CONFIG_HOME=/home/alice/.config', []],
    ['rpm', 'XDG_CONFIG_HOME=', []],
  ])('%s with %s reads files', (program, variable, files) => {
    expect(namedFiles(program, [program], [variable]).map((file) => file.path)).toEqual(files);
  });

  test('dnf-automatic with a file', () => {
    const args = ['dnf-automatic-3', '--timer', '/tmp/x.conf'];
    expect(namedFiles('dnf-automatic-3', args, [])).toEqual([{ path: '/tmp/x.conf', syntax: 'dnf_conf' }]);
  });
});
