// README is short and complete; links and commands in all documents exist.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { commandTable } from '../../packaging/command-table.ts';
import { commandsIn, refusalOf } from './guide-commands.ts';

const root = path.join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const readme = read('README.md');

test('README has at most 9 KB', () => {
  expect(Buffer.byteLength(readme)).toBeLessThanOrEqual(9 * 1024);
});

test('README has the command by which the tests run in .ci/run', () => {
  expect(readme).toMatch(/^npm ci && npm test\b/m);
  expect(readme.indexOf('npm ci && npm test')).toBeLessThan(readme.indexOf('## What it detects'));
});

test('README has a line for each rule that comes with stepparent, and for no other', () => {
  const { rules } = readRules([path.join(root, 'detectors/rules')]);
  const lines = [...readme.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id);
  expect(lines.sort()).toEqual(rules.map(({ id }) => id).sort());
});

const documents = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'test/README.md'],
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join('docs', name)),
];

/** The anchors of a document's headings, as forges make them. */
const anchorsOf = (file: string): string[] =>
  [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );

test.each(documents)('%s: links lead to existing files and headings', (document) => {
  const wrong: string[] = [];
  for (const [, target = ''] of read(document).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
    const [file = '', anchor] = target.split('#');
    const to = file === '' ? document : path.join(path.dirname(document), file);
    const isThere = existsSync(path.join(root, to));
    if (!isThere || (anchor !== undefined && !anchorsOf(to).includes(anchor))) wrong.push(target);
  }
  expect(wrong).toEqual([]);
});

test.each(documents)('%s: commands that read alerts from the journal filter by _UID=0', (document) => {
  const commands = read(document).match(/journalctl [^`\n|]*(?:-t stepparent|STEPPARENT_|MESSAGE_ID=)[^`\n|]*/g) ?? [];
  expect(commands.filter((command) => !command.includes('_UID=0'))).toEqual([]);
});

test.each(documents.filter((name) => !name.startsWith('CHANGELOG')))(
  '%s: the command line accepts each command',
  async (document) => {
    const wrong: string[] = [];
    for (const command of commandsIn(read(document))) {
      const refusal = await refusalOf(command);
      // Text names commands without their arguments.
      if (/missing required argument|argument missing/.test(refusal ?? '')) continue;
      if (refusal !== undefined) wrong.push(`${command.join(' ')}: ${refusal}`);
    }
    expect(wrong).toEqual([]);
  },
);

test('docs/commands.md has a line for each command, and for no other', () => {
  const lines = [...read('docs/commands.md').matchAll(/^\| `([a-z ]*[a-z])/gm)].map(([, words = '']) => words);
  const commands = commandTable.filter((row) => row.commands.length === 0).map(({ path: words }) => words.join(' '));
  expect([...new Set(lines)].sort()).toEqual(commands.sort());
});
