// README's command `npm ci && sudo npm start` in fresh clones, with versions of npm that do not create node_modules/.bin/node.
//
// A clone has the files that git tracks, with their content in the working tree: a file that was never added to git is missing.
// npm runs on the host's Node, as it does for a new user. The agent uses scratch directories.

import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingTools, noRoot, titled, unmet } from '../needs.ts';

const root = join(import.meta.dirname, '../..');
const instances = '/sys/kernel/tracing/instances';
const scratch = mkdtempSync(join(tmpdir(), 'stepparent clone-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The settings of npm's registry and cache. All other variables that the npm of this test run sets are removed. */
const npmSettings = /^npm_config_(?:cache|cafile|globalconfig|registry|userconfig)$/;
const hostEnv: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(?:npm_|NODE|VITEST|FORCE_COLOR)/.test(name) || npmSettings.test(name),
    ),
  ),
  ...(process.env.NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS }),
  PATH: (process.env.PATH ?? '')
    .split(delimiter)
    .filter((directory) => !directory.includes('node_modules') && !directory.includes('node-gyp-bin'))
    .join(delimiter),
};

function makeClone(directory: string): void {
  const list = execFileSync('git', ['-C', root, '-c', 'safe.directory=*', 'ls-files', '-z'], { encoding: 'utf8' });
  for (const file of list.split('\0').filter((name) => name !== '' && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    cpSync(join(root, file), join(directory, file), { verbatimSymlinks: true });
  }
}

/** Runs `npx npm@VERSION ARGS...` in the clone. `ready` is called with the agent's pid once the agent prints that it is ready. */
function npm(
  version: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  ready?: (pid: number) => void,
) {
  const child = spawn('npx', ['--yes', `npm@${version}`, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let pid: number | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    const pidText = /^ready \(pid (\d+)/m.exec(stdout)?.[1];
    if (pid !== undefined || pidText === undefined) return;
    pid = Number(pidText);
    ready?.(pid);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise<{ code: number | null; pid: number | undefined; stdout: string; stderr: string }>(
    (resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, pid, stdout, stderr }));
    },
  );
}

const why = unmet(noRoot, missingTools('git', 'npx'));

describe.skipIf(why).each(['9.2.0', '10.9.4'])(titled('npm %s', why), (version) => {
  const clone = join(scratch, version);
  const node = join(clone, `node_modules/node-linux-${process.arch}/bin/node`);
  beforeAll(() => makeClone(clone));

  test('npm ci installs the locked Node without a warning', async () => {
    const { code, stderr } = await npm(version, ['ci'], clone, hostEnv);
    const warnings = stderr.split('\n').filter((line) => /\bwarn\b/i.test(line));
    expect({ code, warnings }).toEqual({ code: 0, warnings: [] });
    expect(execFileSync(node, ['--version'], { encoding: 'utf8' })).toBe(`${process.version}\n`);
  });

  test('npm test runs the tests on the locked Node', async () => {
    const ended = await npm(version, ['test', '--', 'test/detectors/duration.test.ts'], clone, hostEnv);
    expect(ended).toEqual({ ...ended, code: 0, stdout: expect.stringMatching(/test\/detectors\/duration\.test\.ts/) });
  });

  test('npm start runs the agent on the locked Node, and SIGTERM ends both', async () => {
    const directory = join(scratch, `agent-${version}`);
    const pathOf = (name: string): string => join(directory, name);
    mkdirSync(directory);
    writeFileSync(pathOf('config.toml'), '[alerts]\njournald = false\n');
    const env = {
      ...hostEnv,
      STATE_DIRECTORY: pathOf('state'),
      LOGS_DIRECTORY: pathOf('logs'),
      RUNTIME_DIRECTORY: pathOf('run'),
      CACHE_DIRECTORY: pathOf('cache'),
    };
    let program = '';
    const ended = await npm(version, ['start', '--', '--config', pathOf('config.toml')], clone, env, (pid) => {
      program = readlinkSync(`/proc/${pid}/exe`);
      process.kill(pid, 'SIGTERM');
    });
    expect(ended).toEqual({ ...ended, code: 0, pid: expect.any(Number) });
    expect(program).toBe(node);
    const left = existsSync(instances) ? readdirSync(instances) : [];
    expect(left.filter((name) => name.startsWith(`stepparent_${ended.pid}_`))).toEqual([]);
  });
});
