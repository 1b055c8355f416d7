// The page of configuration keys is what the table of keys makes of it.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationPage, configurationPageFile } from '../../docs/configuration-page.ts';

test('docs/configuration.md is up to date; otherwise run npm run docs:configuration', () => {
  expect(readFileSync(configurationPageFile, 'utf8')).toBe(configurationPage());
});
