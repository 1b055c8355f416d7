// `npm run bench`: what the agent costs, beside the same work without it and beside its peers; writes docs/performance.md.
//
// This program prepares the Debian system and starts measure-in-copy.ts there, which takes the same options.

import '../agent/locked-node.ts';
import path from 'node:path';
import { rootMissing, runInCopy } from './debian-root.ts';
import { parseOptions, usage } from './options.ts';

const progress = (text: string): void => void process.stderr.write(`${text}\n`);

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
process.exitCode = await runInCopy(inside, args, options.against === undefined ? [] : [options.against], progress);
