// The pages of rules and hunts are those that their files make, and their guides name commands that exist.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readHunts, shippedHunts } from '../../detectors/hunts/load-hunts.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { pageDirectories, rulePages } from '../../docs/rule-pages.ts';
import { commandsIn, refusalOf } from './guide-commands.ts';

const docs = path.join(import.meta.dirname, '../../docs');
const shippedRules = path.join(import.meta.dirname, '../../detectors/rules');
const pages = rulePages();

test('each rule and hunt has a page, and no page is without its file; otherwise run npm run docs:rules', () => {
  const there = pageDirectories.flatMap((directory) =>
    readdirSync(path.join(docs, directory)).map((name) => `${directory}/${name}`),
  );
  expect(there.sort()).toEqual([...pages.keys()].sort());
});

test.each([...pages])('%s is up to date; otherwise run npm run docs:rules', (name, text) => {
  expect(readFileSync(path.join(docs, name), 'utf8')).toBe(text);
});

test.each([...pages])('%s links files that exist', (name, text) => {
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, link = '']) => link);
  expect(links.filter((link) => !existsSync(path.join(docs, path.dirname(name), link)))).toEqual([]);
});

test.each(['rules', 'hunts'])('docs/%s.md links the pages', (name) => {
  expect(readFileSync(path.join(docs, `${name}.md`), 'utf8')).toContain(`](${name}/README.md)`);
});

describe.each(readHunts([shippedHunts]).hunts)('the guide of hunt $id', ({ note }) => {
  test('names commands that exist', async () => {
    for (const command of commandsIn(note)) {
      expect({ command, refused: await refusalOf(command) }).toEqual({ command, refused: undefined });
    }
  });
});

test.each([...readRules([shippedRules]).rules, ...readHunts([shippedHunts]).hunts])(
  'the description and the guide of $id fit 80 columns in `rules show`, which indents them by two',
  ({ description, note }) => {
    expect(`${description}\n${note}`.split('\n').filter((line) => line.length > 78)).toEqual([]);
    expect(note).toMatch(/^## Look at this first\n/);
  },
);

describe('a guide that is wrong is found', () => {
  const rows: [string, string[][]][] = [
    ['text of `stepparent.lineage` and `stepparent`', []],
    ['`stepparent events --since\n   2h`', [['stepparent', 'events', '--since', '2h']]],
    ['`stepparent events --json | jq .`', [['stepparent', 'events', '--json']]],
    ['`stepparent events --json > x 2>y`', [['stepparent', 'events', '--json']]],
    ['`stepparent query "SELECT \\"a.b\\" > \'x y\'"`', [['stepparent', 'query', 'SELECT "a.b" > \'x y\'']]],
    ["```sh\nstepparent query 'SELECT 1'\ndate\n```", [['stepparent', 'query', 'SELECT 1']]],
  ];
  test.each(rows)('read: %s', (text, commands) => {
    expect(commandsIn(text)).toEqual(commands);
  });

  test.each([
    ['stepparent event', /unknown command/],
    ['stepparent baseline', /outputHelp/],
    ['stepparent events --sinse 2h', /unknown option/],
    ['stepparent events --since soon', /Allowed/],
    ['stepparent events extra', /too many arguments/],
    ['stepparent alerts --state known', /Allowed choices/],
    ['stepparent baseline allow some-rule', /missing required argument/],
  ])('refused: %s', async (command, message) => {
    expect(await refusalOf(command.split(' '))).toMatch(message);
  });
});
