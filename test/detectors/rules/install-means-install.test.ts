// Judges each row of docs/install-means-install.md by the literal condition of the rules that ours come from, and by ours.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parsePackageOperation } from '../../../detectors/facts/package-operation.ts';
import { readRules } from '../../../detectors/rules/load-rules.ts';
import { readerOf } from './rule-cases.ts';

const top = join(import.meta.dirname, '../../..');
const { rules } = readRules([join(top, 'detectors/rules')]);

const page = readFileSync(join(top, 'docs/install-means-install.md'), 'utf8');
const tableLines = page.split('\n').filter((line) => line.startsWith('|') && !/^\|(?:---| Command line )/.test(line));
const rows = tableLines.map((line) => {
  const [, command = '', literal = '', ours = ''] =
    /^\| `([^`]+)` \| (yes|no) \| (yes|no) \| \S.* \|$/.exec(line) ?? [];
  return { line, command, literal: literal === 'yes', ours: ours === 'yes' };
});

test('every line of the tables is a row', () => {
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.filter(({ command }) => command === '')).toEqual([]);
  expect(new Set(rows.map(({ command }) => command)).size).toBe(rows.length);
});

test.each(rows)('$command', ({ command, literal, ours }) => {
  const args = command.split(' ');
  const tool = args[0] ?? '';
  expect(['dpkg', 'rpm'].includes(tool) && args.some((arg) => arg === '-i' || arg === '--install')).toBe(literal);

  const read = readerOf({
    host: { os: { type: 'linux' } },
    event: { category: ['process'], type: ['start'], action: 'exec' },
    process: { name: tool, args },
    stepparent: { package: parsePackageOperation(tool, args) },
  });
  const both = ['package-installed-by-unusual-initiator', `${tool}-package-installed-by-unusual-parent`];
  // A rule of its own is about operations that run scripts of packages and install nothing.
  const aboutOthers = 'package-code-run-by-unusual-initiator';
  const fired = rules.filter((rule) => rule.id !== aboutOthers && rule.matches(read)).map(({ id }) => id);
  expect(fired.sort()).toEqual(ours ? both.sort() : []);
  expect(ours).toBe(!literal);
});
