// `npm run bench`: the cost of the agent, compared with the same work without it and with its peers. Each part writes
// its results; at the end docs/performance.md is composed from the results of all parts.
//
// This program prepares the Debian system and starts measure-in-copy.ts there, which takes the same options.

import '../agent/locked-node.ts';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { writePerformancePage } from '../docs/performance-page.ts';
import { benchmarkSystem, rootMissing, runInCopy } from './debian-root.ts';
import { parseOptions, usage } from './options.ts';

const progress = (text: string): void => void process.stderr.write(`${text}\n`);

const checkout = path.join(import.meta.dirname, '..');

/** The commit of this checkout, and whether a file differs from it, other than the results and the page. */
function checkoutCommit(): string {
  const git = (...args: string[]) => spawnSync('git', ['-C', checkout, ...args], { encoding: 'utf8' });
  const { status, stdout } = git('rev-parse', '--short=10', 'HEAD');
  if (status !== 0) return 'unknown';
  const written = [':!bench/results', ':!docs/performance.md', ':!docs/performance-*.svg'];
  const changes = git('status', '--porcelain', '--untracked-files=no', '--', '.', ...written).stdout;
  return `${stdout.trim()}${changes === '' ? '' : ' with changes'}`;
}

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}
const options = parseOptions(args);
const fault = 'fault' in options ? options.fault : rootMissing();
if (fault !== undefined || 'fault' in options) {
  progress(`${fault}\n${usage}`);
  process.exit(2);
}
const inside = path.join(import.meta.dirname, 'measure-in-copy.ts');
const against = options.against === undefined ? [] : [options.against];
process.exitCode = await runInCopy(benchmarkSystem, inside, [checkoutCommit(), ...args], against, progress);
if (options.writes) writePerformancePage();
