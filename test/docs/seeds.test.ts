// docs/seeds.md: each test that it names exists, and what it says of our rules is what their files say.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readRules } from '../../detectors/rules/load-rules.ts';
import type { Rule } from '../../detectors/rules/rule.ts';

const root = path.join(import.meta.dirname, '../..');
const page = readFileSync(path.join(root, 'docs/seeds.md'), 'utf8');
const { rules } = readRules([path.join(root, 'detectors/rules')]);

interface Row {
  section: string;
  point: string;
  ours: string;
  tests: string;
}

/** The rows of the tables of five columns, by the heading above them. */
const rows: Row[] = page.split(/^## /m).flatMap((text) => {
  const [section = '', ...lines] = text.split('\n');
  return lines
    .filter((line) => line.startsWith('|') && !/^\| ?(?:---|Point )/.test(line))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')))
    .flatMap(([, point = '', , ours = '', , tests, ...rest]) =>
      tests && rest.length === 1 ? { section, point, ours, tests } : [],
    );
});

/** `FILE` "title", "title"; the next file after a semicolon. */
const namedTests = (cell: string): { file: string; titles: string[] }[] =>
  [...cell.matchAll(/`(test\/[^`]+\.ts)`((?:,? "[^"]+")+)/g)].map(([, file = '', titles = '']) => ({
    file,
    titles: [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
  }));

const sections = new Set(rows.map(({ section }) => section));

test('the page has every document, point by point', () => {
  expect([...sections]).toEqual([
    'All three rules',
    'dpkg-package-installed-by-unusual-parent',
    'rpm-package-installed-by-unusual-parent',
    'unusual-dpkg-execution',
    'The hunt: all three queries',
    'package-database-files',
    'lifecycle-script-children',
    'recent-package-database-changes',
  ]);
  expect(rows.length).toBeGreaterThan(80);
});

test.each(rows)('$section, $point: names tests that exist', ({ tests }) => {
  const named = namedTests(tests);
  // Nothing of the cell is left over: a mistyped name is not passed over.
  expect(tests.replaceAll(/`test\/[^`]+\.ts`(?:,? "[^"]+")+/g, '').replaceAll(/[; ]/g, '')).toBe('');
  expect(named.length).toBeGreaterThan(0);
  for (const { file, titles } of named) {
    expect({ file, exists: existsSync(path.join(root, file)) }).toEqual({ file, exists: true });
    const source = readFileSync(path.join(root, file), 'utf8');
    expect({ file, missing: titles.filter((title) => !source.includes(title)) }).toEqual({ file, missing: [] });
  }
});

const attackOf = ({ threat }: Rule): string =>
  threat
    .map(({ tactic, technique }) => {
      const ids = technique.flatMap(({ id, subtechnique }) => [id, ...subtechnique.map((each) => each.id)]);
      return `${tactic.id}: ${ids.join(', ')}`;
    })
    .join('; ');

describe.each(rules.filter(({ id }) => sections.has(id)))('$id', (rule) => {
  test('has the facts of its file', () => {
    const facts = rows.filter(({ section }) => section === rule.id);
    const oursOf = (point: string) => facts.find((row) => row.point === point)?.ours;
    expect({
      type: oursOf('Type'),
      severity: oursOf('Severity'),
      version: oursOf('Version'),
      tags: oursOf('Tags'),
      attack: oursOf('ATT&CK'),
      references: oursOf('References')?.split(', ').length,
    }).toEqual({
      type: `\`${rule.type}\``,
      severity: `${rule.severity}, ${rule.riskScore}`,
      version: String(rule.version),
      tags: rule.tags.join('; '),
      attack: attackOf(rule),
      references: rule.references.length,
    });
  });
});

test('the article that "Unusual DPKG Execution" refers to is a reference of our rule', () => {
  const rule = rules.find(({ id }) => id === 'unusual-dpkg-execution');
  expect(rule?.references.map((address) => new URL(address).hostname)).toContain('www.makeuseof.com');
});
