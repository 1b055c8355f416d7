// The page of performance and its plots are what the stored results make of them; without results there are none.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { performanceFiles } from '../../bench/page.ts';
import { readResults } from '../../bench/results.ts';
import { performanceDirectory, performanceNames } from '../../docs/performance-page.ts';

test('docs/performance.md and its plots are up to date; otherwise run npm run docs:performance', () => {
  const written = performanceNames().map((name) => [name, readFileSync(path.join(performanceDirectory, name), 'utf8')]);
  expect(Object.fromEntries(written)).toEqual(Object.fromEntries(performanceFiles(readResults())));
});
