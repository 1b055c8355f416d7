// The control socket: permissions, answers, and requests that must not stop the agent.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { askControl, type ControlHandlers, listenControl } from '../../../agent/daemon/control-socket.ts';
import { needsRoot, titled } from '../../needs.ts';

function socketPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-control-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, 'run', 'control.sock');
}

const unexpected = (what: string, error: unknown) => expect.unreachable(`${what}: ${error}`);

async function listening(path: string, handlers: ControlHandlers = { status: () => ({ pid: 42 }) }): Promise<void> {
  const control = await listenControl(path, handlers, unexpected);
  onTestFinished(() => control.close());
}

/** The answer of the socket to a raw request. */
function send(path: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = createConnection(path, () => connection.write(request));
    connection.on('data', (bytes) => {
      answer += String(bytes);
    });
    connection.on('end', () => resolve(answer));
    connection.on('error', reject);
  });
}

test('answers status', async () => {
  const path = socketPath();
  await listening(path, { status: () => ({ pid: 42, text: 'a\nb' }) });
  expect(await askControl(path, 'status')).toEqual({ pid: 42, text: 'a\nb' });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
});

test('a socket that cannot be created is one line with the key', async () => {
  const path = join(socketPath(), 'x'.repeat(120), 'control.sock');
  await expect(listenControl(path, {}, unexpected)).rejects.toThrow(
    /control\.sock cannot be created \(\w+\): `directories.runtime` must be a writable directory$/,
  );
});

test('askControl gives undefined if no agent listens', async () => {
  expect(await askControl('/nowhere/control.sock', 'status')).toBeUndefined();
});

test.skipIf(needsRoot)(titled('another user may not connect', needsRoot), async () => {
  const path = socketPath();
  await listening(path);
  // Even if the operator opens the directories to everybody, the mode of the socket denies access.
  chmodSync(join(path, '../..'), 0o755);
  chmodSync(join(path, '..'), 0o755);
  const script =
    'require("net").connect(process.argv[1]).on("error",(e)=>console.log(e.code)).on("connect",()=>process.exit())';
  const { stdout } = spawnSync('setpriv', ['--reuid=65534', '--clear-groups', process.execPath, '-e', script, path], {
    encoding: 'utf8',
  });
  expect(stdout.trim()).toBe('EACCES');
});

test.for([
  ['not JSON\n', /"error":"Unexpected token/],
  ['7\n', /"error":"unknown command; known commands: status, fail, large, nothing"/],
  ['{"command":"toString"}\n', /unknown command/],
  ['{"command":"__proto__"}\n', /unknown command/],
  ['{"command":"fail"}\n', /"error":"broken"/],
  ['{"command":"large"}\n', /"error":".*BigInt/],
  ['{"command":"nothing"}\n', /"error":"the command gave no answer"/],
  ['x'.repeat(5000), /"error":"a request has at most 4096 bytes"/],
] as const)('%j gets an error, and the next request an answer', async ([request, answer]) => {
  const path = socketPath();
  await listening(path, {
    status: () => ({ pid: 42 }),
    fail: () => {
      throw new Error('broken');
    },
    large: () => ({ count: 1n }),
    nothing: () => undefined,
  });
  expect(await send(path, request)).toMatch(answer);
  expect(await askControl(path, 'status')).toEqual({ pid: 42 });
});

test('askControl throws the error of the answer', async () => {
  const path = socketPath();
  await listening(path);
  await expect(askControl(path, 'reboot')).rejects.toThrow(`stepparent at ${path} reports: unknown command`);
});

test('rejects a second agent, and the first continues', async () => {
  const path = socketPath();
  await listening(path);
  await expect(listenControl(path, {}, unexpected)).rejects.toThrow('another stepparent is running (pid 42)');
  expect(await askControl(path, 'status')).toEqual({ pid: 42 });
});

test('replaces the socket of an agent that died', async () => {
  const path = socketPath();
  const first = await listenControl(path, {}, unexpected);
  await first.close();
  expect(existsSync(path)).toBe(false);
  const script = 'require("net").createServer().listen(process.argv[1],()=>process.kill(process.pid,"SIGKILL"))';
  const child = spawn(process.execPath, ['-e', script, path], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('exit', resolve));
  expect(existsSync(path)).toBe(true);
  await listening(path);
  expect(await askControl(path, 'status')).toEqual({ pid: 42 });
});

test('does not replace a file that is not a socket', async () => {
  const path = join(socketPath(), '../..', 'file');
  writeFileSync(path, 'mine');
  await expect(listenControl(path, {}, unexpected)).rejects.toThrow('not a socket');
});

test('tolerates a client that hangs up early and a server that does not answer', async () => {
  const path = socketPath();
  await listening(path);
  await new Promise<void>((resolve) => {
    const connection = createConnection(path, () => connection.destroy());
    connection.on('close', () => resolve());
  });
  expect(await askControl(path, 'status')).toEqual({ pid: 42 });

  const mute = `${path}.mute`;
  const server = createServer((connection) => connection.resume()).listen(mute);
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  await expect(askControl(mute, 'status')).rejects.toThrow('does not answer');
  await expect(listenControl(mute, {}, unexpected)).rejects.toThrow('does not answer');
});

test.each([
  ['was removed', async (path: string) => unlinkSync(path)],
  [
    'was replaced by one that nothing listens at',
    async (path: string) => {
      const dead = createServer();
      await new Promise<void>((resolve) => dead.listen(`${path}.dead`, resolve));
      renameSync(`${path}.dead`, path);
      await new Promise((resolve) => dead.close(resolve));
    },
  ],
])('creates a socket that %s again, and reports it', async (_, spoil) => {
  const path = socketPath();
  const faults: string[] = [];
  const control = await listenControl(path, { status: () => ({ pid: 42 }) }, (what) => faults.push(what), 20);
  onTestFinished(() => control.close());
  await spoil(path);
  await vi.waitFor(async () => expect(await askControl(path, 'status')).toEqual({ pid: 42 }), 10_000);
  expect(faults).toEqual(['the control socket is gone']);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("does not replace another agent's socket, and reports it", async () => {
  const path = socketPath();
  const faults: string[] = [];
  const first = await listenControl(path, { status: () => ({ pid: 1 }) }, (_, error) => faults.push(String(error)), 20);
  onTestFinished(() => first.close());
  unlinkSync(path);
  const other = createServer((connection) => {
    connection.on('error', () => {});
    connection.on('data', () => connection.end('{"pid":2}\n'));
  });
  onTestFinished(() => new Promise((resolve) => other.close(() => resolve())));
  await new Promise<void>((resolve) => other.listen(path, resolve));
  await vi.waitFor(() => expect(faults).toContain('ControlError: another stepparent is running (pid 2)'), 10_000);
  expect(await askControl(path, 'status')).toEqual({ pid: 2 });
});
