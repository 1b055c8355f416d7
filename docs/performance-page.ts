// `npm run docs:performance`: writes docs/performance.md and its plots from bench/results/.

import '../agent/locked-node.ts';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parts } from '../bench/options.ts';
import { performanceFiles } from '../bench/page.ts';
import { readResults } from '../bench/results.ts';

export const performanceDirectory: string = import.meta.dirname;

const ownNames = new Set(['performance.md', ...parts.map((part) => `performance-${part}.svg`)]);

/** The names of the existing page and plots. */
export const performanceNames = (): string[] => readdirSync(performanceDirectory).filter((name) => ownNames.has(name));

/** Writes the page and its plots, and removes those without results. */
export function writePerformancePage(): void {
  const files = performanceFiles(readResults());
  for (const name of performanceNames()) if (!files.has(name)) rmSync(path.join(performanceDirectory, name));
  for (const [name, text] of files) writeFileSync(path.join(performanceDirectory, name), text);
}

if (import.meta.main) writePerformancePage();
