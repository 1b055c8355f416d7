// The page of watched paths: its list is that of the agent, and its examples work.

import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { parseConfigurationFile } from '../../agent/configuration/configuration-file.ts';
import { ruleWarnings } from '../../agent/configuration/rule-warnings.ts';
import { parseRule } from '../../detectors/rules/load-rules.ts';
import { watchedPathsPage, watchedPathsPageFile } from '../../docs/watched-paths-page.ts';
import { openAlertDatabase } from '../../storage/query-database.ts';
import { maximalAlert } from '../maximal-documents.ts';

const page = readFileSync(watchedPathsPageFile, 'utf8');
const examples = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, text = '']) => text);

test('docs/watched-paths.md is up to date; otherwise run npm run docs:watched-paths', () => {
  expect(page).toBe(watchedPathsPage());
});

test('the rule and the settings in it are valid', () => {
  const [rule = '', ...settings] = examples('toml');
  expect(ruleWarnings([parseRule('example.toml', rule)])).toEqual([]);
  expect(settings).toHaveLength(2);
  for (const text of settings) {
    const { rejected, warnings } = parseConfigurationFile(text, 'example.toml');
    expect([rejected, warnings]).toEqual([[], []]);
  }
});

test('the statement in it lists a stored change', async () => {
  const database = await openAlertDatabase([maximalAlert], []);
  onTestFinished(() => database.close());
  const [sql = ''] = examples('sql');
  expect([...database.ask(sql, { since: 0, now: 0 }).rows]).toHaveLength(1);
});
