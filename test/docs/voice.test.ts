// Text for people has no banned words: documents, help, rules, hunts, packaging, and the literals of the program.

import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAst } from 'vitest/node';
import { sampleConfiguration } from '../../packaging/sample-configuration.ts';
import { findBannedWords } from './banned-words.ts';

const root = path.join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const filesOf = (patterns: readonly string[]): string[] =>
  globSync(patterns, { cwd: root, exclude: ['**/node_modules/**', 'dist/**', '**/*.json'] }).sort();

const documents = filesOf([
  '**/*.md',
  'detectors/**/*.toml',
  'packaging/{deb,root}/*',
  'packaging/rpm/*',
  'packaging/examples/*/*',
  'packaging/completions/*',
  'systemd/*',
  'test/agent/commands/help.golden.txt',
]);
const sources = filesOf(['{agent,collectors,detectors,storage,packaging}/**/*.ts', 'bench/options.ts']);

/** The string literals of several words, and the texts of templates, each with its offset in the source. */
function textsOf(source: string): { text: string; start: number }[] {
  const texts: { text: string; start: number }[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, value, start, end } = node as { type?: string; value?: unknown; start: number; end: number };
    const text = source.slice(start + 1, end - 1);
    const isString = type === 'Literal' && typeof value === 'string' && /\S\s+\S/.test(text);
    if (isString || type === 'TemplateElement') texts.push({ text, start: start + 1 });
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseAst(source, { lang: 'ts' }));
  return texts;
}

test.each(documents)('%s has no banned word', (file) => {
  expect(findBannedWords(file, read(file))).toEqual([]);
});

test('the sample configuration has no banned word', () => {
  expect(findBannedWords('config.toml', sampleConfiguration())).toEqual([]);
});

test.each(sources)('the literals of %s have no banned word', (file) => {
  const source = read(file);
  const found = textsOf(source).flatMap(({ text, start }) =>
    findBannedWords(file, text, source.slice(0, start).split('\n').length),
  );
  expect(found).toEqual([]);
});

describe('the list', () => {
  test.each([
    'what was told in the log',
    'changes that are untold',
    'tells of an alert',
    'is described anew',
    'changed of late',
    'the newest so many',
    'a directory that is none',
    'whoever runs it',
    'Nobody can read it',
    'processes that nobody asks about',
    'a restart does not mend it',
    'kept for ever',
    'kept for\never',
    'and two more besides',
    'readable by root alone.',
    'by its name alone',
    '| `0` | Well. |',
    'as long as status looks well, and',
  ])('finds %j', (text) => {
    expect(findBannedWords('a.md', `first\n${text}`)).toEqual([expect.stringMatching(/^a\.md:2: "/)]);
  });

  test.each([
    'it tells the user offline',
    'a new file, or afterwards',
    'ssh as nobody ran dpkg',
    'the user nobody',
    'Maintainer: Nobody <nobody@example.org>',
    '`nobody` owns it',
    'forever',
    'the file beside it',
    'a recommendation, an amendment',
    'leaves other files alone.',
    'a namespace alone makes no container',
    'the file as well as the directory',
    'match it as well.',
    'it is well known',
    'null if there is none',
    'its value is none of these',
    'many',
  ])('does not find %j', (text) => {
    expect(findBannedWords('a.md', text)).toEqual([]);
  });

  test('covers literals and not comments or names', () => {
    const source = "const told = 1; // told you\nconst a = 'so it was', b = `one`, c = /told x/, d = 'told';";
    const found = textsOf(source).map(({ text }) => text);
    expect(found).toEqual(['so it was', 'one']);
  });
});
