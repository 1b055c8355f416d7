// Reading /proc of this process and of a child.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import {
  inspectProcess,
  maxDetailArgsBytes,
  maxSupplementalGroups,
  openProcView,
  readHostNamespaces,
} from '../../../collectors/proc/inspect-process.ts';
import { onHost } from '../../../collectors/proc/place.ts';
import { needsRoot, titled } from '../../needs.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const host = openHost();
const { proc } = host;
const namespaces = readHostNamespaces(proc);
/** A pid that the kernel never assigns (the maximum of pid_max is 4194304). */
const noPid = 4_194_304;

/** A child that has begun to run and reads its standard input until the test ends. */
async function startChild(
  file: string,
  args: readonly string[],
  cwd = '/',
  env: NodeJS.ProcessEnv = process.env,
): Promise<ChildProcess & { pid: number }> {
  const child = spawn(file, args, { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  child.stdin.write('begin\n');
  await once(child.stdout, 'data');
  return child as ChildProcess & { pid: number };
}

describe('this process', () => {
  test('inspectProcess', () => {
    const details = inspectProcess(host, namespaces, process.pid);
    expect(details).toMatchObject({
      pid: process.pid,
      parentPid: process.ppid,
      userId: process.geteuid?.(),
      realUserId: process.getuid?.(),
      userGroupId: process.getegid?.(),
      realUserGroupId: process.getgid?.(),
      exe: fs.readlinkSync('/proc/self/exe'),
      workingDirectory: process.cwd(),
      place: onHost,
      argsTruncated: false,
    });
    expect(details?.startTicks).toBe(proc.readStat(process.pid)?.startTicks);
    expect(details?.args?.length).toBeGreaterThan(0);
  });

  test('in another root among the same or other namespaces is in a chroot or a container', () => {
    const directories = new Map([['/', '0:0']]);
    const chroot = { kind: 'chroot', root: '/', containerId: undefined };
    expect(inspectProcess(host, { ...namespaces, directories }, process.pid)?.place).toEqual(chroot);
    expect(inspectProcess(host, { ...namespaces, pid: 'pid:[1]', directories }, process.pid)?.place).toEqual({
      kind: 'container',
      root: '/',
      containerId: expect.any(String),
    });
  });

  test('the view for the process table', () => {
    const view = openProcView(host, namespaces);
    expect(view.listPids()).toContain(process.pid);
    expect(view.listThreads(process.pid)).toContain(process.pid);
    expect(view.startTicks(process.pid)).toBe(proc.readStat(process.pid)?.startTicks);
    const thread = view.listThreads(process.pid).find((tid) => tid !== process.pid) ?? 0;
    expect(view.processOfThread(thread)).toBe(process.pid);
    expect(view.readArgs(process.pid, 3)).toMatchObject({ truncated: true });
  });

  test('reads each file in /proc', () => {
    expect(proc.readBootId()).toMatch(/^[0-9a-f-]{36}$/);
    expect(proc.readCgroupPath(process.pid)).toMatch(/^\//);
    expect(proc.readNamespaces('self')).toEqual(proc.readNamespaces(process.pid));
    expect(proc.readIdentityInside('self', '/')).toBe(namespaces.directories.get('/'));
    expect(proc.readIdentityInside('self', '/missing')).toBe(undefined);
    const login = proc.readLoginUserId(process.pid);
    expect(login === undefined || login < 0xffff_ffff).toBe(true);
  });
});

test('a missing process is undefined', () => {
  expect(inspectProcess(host, namespaces, noPid)).toBe(undefined);
  for (const read of [
    proc.readStat,
    proc.readStatus,
    proc.readExe,
    proc.readCwd,
    proc.readCgroupPath,
    proc.readLoginUserId,
    proc.readNamespaces,
  ]) {
    expect(read(noPid)).toBe(undefined);
  }
  expect(proc.readCmdline(noPid, 10)).toBe(undefined);
  expect(proc.listThreads(noPid)).toEqual([]);
  expect(proc.listPids()).not.toContain(noPid);
});

describe('a child', () => {
  test('has its file, directory and arguments', async () => {
    const directory = fs.realpathSync(temporaryDirectory());
    const child = await startChild('/bin/cat', ['-', '', 'ä'], directory);
    expect(inspectProcess(host, namespaces, child.pid)).toMatchObject({
      parentPid: process.pid,
      exe: fs.realpathSync('/bin/cat'),
      filename: fs.realpathSync('/bin/cat'),
      inferredFrom: undefined,
      args: ['/bin/cat', '-', '', 'ä'],
      workingDirectory: directory,
    });
  });

  test('has the script that its interpreter was given', async () => {
    const script = path.join(fs.realpathSync(temporaryDirectory()), 'script');
    fs.writeFileSync(script, '#!/bin/sh\ncat\nexit\n', { mode: 0o755 });
    const child = await startChild(script, []);
    expect(inspectProcess(host, namespaces, child.pid)).toMatchObject({
      exe: fs.realpathSync('/bin/sh'),
      filename: script,
      inferredFrom: 'interpreter_argument',
    });
  });

  test.each([
    ['a file that was removed', 'program', true, ''],
    ['a file whose name ends as the kernel marks removed ones', 'program (deleted)', false, ''],
    ['one of that name that was removed', 'program (deleted)', true, ''],
  ])('runs %s', async (_, name, removed) => {
    const file = path.join(fs.realpathSync(temporaryDirectory()), name);
    fs.copyFileSync(fs.realpathSync('/bin/cat'), file);
    fs.chmodSync(file, 0o755);
    const child = await startChild(file, []);
    if (removed) fs.rmSync(file);
    expect(proc.readExe(child.pid)).toBe(file);
  });

  test('has its arguments up to a bound', async () => {
    const long = 'x'.repeat(100_000);
    const child = await startChild('/bin/cat', ['-', long]);
    const whole = ['/bin/cat', '-', long];
    const sizeBytes = whole.join('\0').length + 1;
    expect(proc.readCmdline(child.pid, sizeBytes)).toEqual({ args: whole, truncated: false });
    expect(proc.readCmdline(child.pid, sizeBytes + 1)).toEqual({ args: whole, truncated: false });
    expect(proc.readCmdline(child.pid, sizeBytes - 1)).toEqual({ args: whole, truncated: true });
    expect(proc.readCmdline(child.pid, sizeBytes - 2)).toEqual({
      args: ['/bin/cat', '-', long.slice(1)],
      truncated: true,
    });
    expect(proc.readCmdline(child.pid, 9)).toEqual({ args: ['/bin/cat'], truncated: true });
    expect(proc.readCmdline(child.pid, 4096)?.args.join('\0')).toHaveLength(4096);
    const details = inspectProcess(host, namespaces, child.pid);
    expect(details?.argsTruncated).toBe(true);
    expect(details?.args?.join('\0')).toHaveLength(maxDetailArgsBytes);
  });

  test('has the environment that it was started with', async () => {
    const many = Array.from({ length: 5000 }, (_, i) => [`V${i}`, String(i)] as const);
    const env = { A: 'x'.repeat(131_000), PATH: '/bin', B: '1\n2', C: '', ...Object.fromEntries(many) };
    const child = await startChild('/bin/cat', [], '/', env);
    const whole = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const sizeBytes = whole.join('\0').length + 1;
    expect(proc.readEnvironment(child.pid, sizeBytes)).toEqual({ environment: whole, truncated: false });
    expect(proc.readEnvironment(child.pid, sizeBytes - 1)).toEqual({
      environment: whole.slice(0, -1),
      truncated: true,
    });
    // A value that is not complete could end within a password.
    expect(proc.readEnvironment(child.pid, 131_000)).toEqual({ environment: [], truncated: true });
    expect(proc.readEnvironment(noPid, 4096)).toBe(undefined);
  });

  test('has an empty environment', async () => {
    const child = await startChild('/bin/cat', [], '/', {});
    expect(proc.readEnvironment(child.pid, 4096)).toEqual({ environment: [], truncated: false });
  });

  test('has bytes that are not UTF-8 as U+FFFD, the same name twice, and a string without a name', async () => {
    const program = `import ctypes
list = lambda *items: (ctypes.c_char_p * (len(items) + 1))(*items, None)
environment = list(b'A=\\xff\\x80', b'B', b'A=2', b'=3')
ctypes.CDLL(None).execve(b'/bin/cat', list(b'cat'), environment)`;
    const child = await startChild('/usr/bin/python3', ['-c', program]);
    expect(proc.readEnvironment(child.pid, 4096)).toEqual({
      environment: ['A=\ufffd\ufffd', 'B', 'A=2', '=3'],
      truncated: false,
    });
  });

  test('may have overwritten its environment', async () => {
    // perl writes its name over the arguments and the environment behind them.
    const program = '$0 = "x" x 300; $| = 1; print "x"; <STDIN>; <STDIN>';
    const child = await startChild('perl', ['-e', program], '/', { A: 'a'.repeat(100), B: 'b'.repeat(100) });
    const read = proc.readEnvironment(child.pid, 4096);
    expect(read?.environment).not.toContain(`A=${'a'.repeat(100)}`);
  });

  test('has no arguments as a zombie', async () => {
    const child = await startChild('/bin/sh', ['-c', 'read line; echo; sleep 0 & exec cat']);
    let zombie: number | undefined;
    while (zombie === undefined) {
      zombie = proc.listPids().find((pid) => {
        const stat = proc.readStat(pid);
        return stat?.parentPid === child.pid && stat.state === 'Z';
      });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(inspectProcess(host, namespaces, zombie)).toMatchObject({
      parentPid: child.pid,
      exe: undefined,
      filename: undefined,
      args: undefined,
      place: undefined,
    });
    expect(proc.readEnvironment(zombie, 4096)).toBe(undefined);
  });
});

describe.skipIf(needsRoot)(titled('a process in namespaces', needsRoot), () => {
  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const inside = async (...args: string[]): Promise<number> => (await startChild('setpriv', [...args, 'cat'])).pid;

  test('of a user other than root with mounts of its own has all fields except those of its files', async () => {
    const pid = await inside(...asNobody, 'unshare', '--user', '--mount');
    expect(proc.mayReadInside(pid)).toBe(false);
    expect([proc.readIdentityInside(pid, '/'), proc.readMappedIdentity(pid)]).toEqual([undefined, undefined]);
    expect(inspectProcess(host, namespaces, pid)).toMatchObject({
      userId: 65_534,
      parentPid: process.pid,
      exe: fs.realpathSync('/bin/cat'),
      place: { kind: 'container', root: '/', containerId: proc.readNamespaces(pid)?.mnt.replaceAll(/[[\]]/g, '') },
    });
  });

  test.each([
    ["of a user who is not root, among the host's mounts", [...asNobody, 'unshare', '--user']],
    ['of root', ['unshare', '--user', '--map-root-user', '--mount']],
    ["of root's making alone", ['--reuid=0', 'unshare', '--mount']],
  ])('%s: they are', async (_, args) => {
    const pid = await inside(...args);
    expect(proc.mayReadInside(pid)).toBe(true);
    expect(proc.readIdentityInside(pid, '/')).toBe(namespaces.directories.get('/'));
    expect(inspectProcess(host, namespaces, pid)).toMatchObject({ place: onHost });
  });
});

describe.skipIf(needsRoot)(titled('a program run by the user nobody', needsRoot), () => {
  const nobody = 65_534;
  const asNobody = [`--reuid=${nobody}`, `--regid=${nobody}`];
  const programWithMode = (mode: number): string => {
    const directory = temporaryDirectory();
    fs.chmodSync(directory, 0o755);
    const file = path.join(directory, 'cat');
    fs.copyFileSync(fs.realpathSync('/bin/cat'), file);
    fs.chownSync(file, 0, 0);
    fs.chmodSync(file, mode);
    return file;
  };
  const inspectWith = async (mode: number, groups: string) => {
    const { pid } = await startChild('setpriv', [...asNobody, groups, programWithMode(mode)]);
    return inspectProcess(host, namespaces, pid);
  };

  test.each([
    ['an ordinary one', 0o755, nobody, nobody],
    ["root's, setuid", 0o4755, 0, nobody],
    ["root's, setgid", 0o2755, nobody, 0],
    ["root's, both", 0o6755, 0, 0],
  ])('%s: effective, real and saved ids', async (_, mode, userId, groupId) => {
    expect(await inspectWith(mode, '--clear-groups')).toMatchObject({
      userId,
      realUserId: nobody,
      savedUserId: userId,
      userGroupId: groupId,
      realUserGroupId: nobody,
      savedUserGroupId: groupId,
      supplementalGroupIds: [],
      supplementalGroupsTruncated: false,
    });
  });

  test('has its supplementary groups up to a bound', async () => {
    const groups = (count: number) => Array.from({ length: count }, (_, i) => 70_000 + i);
    const withGroups = async (count: number) => inspectWith(0o755, `--groups=${groups(count).join()}`);
    expect(await withGroups(maxSupplementalGroups)).toMatchObject({
      supplementalGroupIds: groups(maxSupplementalGroups),
      supplementalGroupsTruncated: false,
    });
    expect(await withGroups(maxSupplementalGroups + 1)).toMatchObject({
      supplementalGroupIds: groups(maxSupplementalGroups),
      supplementalGroupsTruncated: true,
    });
  });
});
