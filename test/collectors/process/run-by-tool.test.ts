// The programs and scripts that are checked for an owner because a package tool of the host runs them.

import { describe, expect, test } from 'vitest';
import { type Answer, ask, known } from '../../../collectors/answer.ts';
import type { CheckedProgram } from '../../../collectors/packages/unowned-programs.ts';
import type { ProcessDetails } from '../../../collectors/proc/inspect-process.ts';
import type { ObservedExec, PackageKnowledge } from '../../../collectors/process/observe-exec.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import type { ProgramStart } from '../../../collectors/process/program-start.ts';
import { plainHost, recordedHost } from '../../recorded-host.ts';
import { hostContext, noKnowledge } from '../host/host-context-double.ts';
import { detailsOf, exec, exit, fork, inChroot, inContainer, procDouble, startWith } from '../proc-double.ts';
import { collectExecs } from './collect-execs.ts';

const hook = '/opt/hook.sh';
const context = { ...hostContext, host: recordedHost({ files: { ...plainHost, [hook]: '#!/bin/sh\n' } }) };

interface Run {
  file: string;
  args?: readonly string[];
  details?: Partial<ProcessDetails>;
  start?: ProgramStart;
}
type Line = readonly (string | Run)[];

const owners =
  (isOwned: boolean | undefined) =>
  (path: string): Answer<CheckedProgram> =>
    known({ path, isOwned });

/** Each program is a child of the one before; the first one's parent is a shell. */
function observe(line: Line, knowledge: Partial<PackageKnowledge> = {}, endTool = false) {
  const runs = line.map((each): Run => (typeof each === 'string' ? { file: each } : each));
  const proc = procDouble(detailsOf(10, { exe: '/usr/bin/bash', args: ['bash'] }));
  const table = createProcessTable(proc);
  table.seed();
  const reported: ObservedExec[] = [];
  const collector = collectExecs({
    table,
    context,
    knowledge: { ...noKnowledge, unowned: { check: owners(false) }, ...knowledge },
    onExec: (observed) => reported.push(observed),
  });
  for (const [index, { file, args = [file], details = {}, start }] of runs.entries()) {
    const pid = 20 + index;
    const parentPid = index === 0 ? 10 : pid - 1;
    const isScript = file === hook;
    proc.processes.set(
      pid,
      detailsOf(pid, { parentPid, exe: isScript ? '/usr/bin/dash' : file, ...details, args: [...args] }),
    );
    collector.handle(fork(parentPid, pid));
    const isLate = endTool && index === runs.length - 1;
    if (isLate) collector.handle(exit(20));
    collector.handle(exec(pid, file, { ...(isLate && { timeNs: 3e9 }), ...(start && { start }) }));
  }
  return reported.at(-1) as ObservedExec;
}

const field = 'stepparent.unowned_program.path';
const apt = '/usr/bin/apt-get';
const dpkg = '/usr/bin/dpkg';
const postinst = '/var/lib/dpkg/info/x.postinst';

describe('what is reported', () => {
  test.each<[title: string, line: Line, path: string]>([
    ['a script', [apt, hook], hook],
    ['a program', [dpkg, '/tmp/x'], '/tmp/x'],
    [
      'below shells and wrappers',
      [apt, '/usr/bin/dash', '/usr/bin/nice', '/usr/bin/env', '/usr/bin/setsid', hook],
      hook,
    ],
    ['below a front end and dpkg', [apt, dpkg, '/usr/bin/dash', hook], hook],
    ['a script as an argument', [apt, { file: '/usr/bin/dash', args: ['sh', hook] }], hook],
    [
      'an interpreter that runs a script of a package',
      [apt, { file: '/opt/venv/bin/python3', args: ['python3', '/usr/share/x.py'] }],
      '/opt/venv/bin/python3',
    ],
    ['a copy of a package tool', [apt, '/opt/dpkg'], '/opt/dpkg'],
    ['below a tool of rpm', ['/usr/bin/dnf', hook], hook],
  ])('%s', (_, line, path) => {
    const reported = observe(line);
    expect(reported.pending()).toBe(undefined);
    expect(reported.read(field)).toBe(path);
    expect(reported.document().stepparent.unowned_program).toEqual({ path });
  });
});

describe('what is not reported', () => {
  test.each<[title: string, line: Line]>([
    ['a program below a shell', [hook]],
    ['a package tool itself', [apt]],
    ['a program of the system', [apt, '/usr/bin/test']],
    ['a shell with code', [apt, { file: '/usr/bin/dash', args: ['sh', '-c', hook] }]],
    ['below a program that only has the name of a tool', ['/opt/apt-get', hook]],
    ['below a tool that installs nothing', ['/usr/bin/dpkg-query', hook]],
    ['below a script of a package', [dpkg, postinst, hook]],
    ['at any depth', [apt, dpkg, postinst, '/usr/bin/dash', '/usr/bin/make', hook]],
    ['a script that debconf takes out of an archive', [apt, '/var/cache/debconf/tmp.ci/x.config.a1B2c3']],
    ['in a chroot', [apt, { file: hook, details: { place: inChroot } }]],
    ['in a container', [apt, { file: hook, details: { place: inContainer } }]],
    ['of another user than root', [apt, { file: hook, details: { userId: 1000 } }]],
  ])('%s', (_, line) => {
    const reported = observe(line);
    expect(reported.read(field)).toBe(undefined);
    expect(reported.document().stepparent.unowned_program).toBe(undefined);
  });

  test('what starts when the tool has ended', () => {
    expect(observe([apt, hook], {}, true).read(field)).toBe(undefined);
  });

  test('what a tool runs that is not genuine', () => {
    const tools = { ...noKnowledge.tools, genuineProcess: () => false };
    expect(observe([apt, hook], { tools }).read(field)).toBe(undefined);
  });

  test('a program of a package', () => {
    const reported = observe([apt, hook], { unowned: { check: owners(true) } });
    expect(reported.read(field)).toBe(undefined);
    expect(reported.isDescribed()).toBe(false);
    expect(reported.document().stepparent.unobserved).not.toHaveProperty(['stepparent.unowned_program']);
  });

  test('a program whose owner is not known, which the event notes', () => {
    const reported = observe([apt, hook], { unowned: { check: owners(undefined) } });
    expect(reported.read(field)).toBe(undefined);
    expect(reported.document().stepparent.unobserved).toMatchObject({
      'stepparent.unowned_program': 'database_unreadable',
    });
  });
});

test('the event waits for the owner, and has the digest', async () => {
  const owner = Promise.withResolvers<CheckedProgram>();
  const answer = ask(owner.promise);
  const reported = observe([apt, '/tmp/x'], { unowned: { check: () => answer } });
  const pending = reported.pending();
  owner.resolve({ path: '/tmp/x', isOwned: false, sha256: 'abc' });
  await pending;
  expect(reported.document().stepparent.unowned_program).toEqual({ path: '/tmp/x', sha256: 'abc' });
});

test('a program that does not run below a package tool is not asked for', () => {
  const asked: string[] = [];
  const check = (path: string): Answer<CheckedProgram> => {
    asked.push(path);
    return known({ path, isOwned: false });
  };
  const by = (file: string, id: number): Run => ({
    file,
    start: startWith({ userId: id, realUserId: id, groupId: id, realGroupId: id, secure: false }),
  });
  for (const line of [[hook], [apt], [dpkg, postinst, hook], [by(apt, 0), by(hook, 1000)]]) {
    observe(line, { unowned: { check } }).read(field);
  }
  expect(asked).toEqual([]);
});
