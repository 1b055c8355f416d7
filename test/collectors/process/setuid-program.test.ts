// The set-user-ID programs of root that are reported, over processes in memory.

import { describe, expect, test } from 'vitest';
import { type Answer, ask, known } from '../../../collectors/answer.ts';
import type { CheckedProgram } from '../../../collectors/packages/unowned-programs.ts';
import type { ProcessDetails } from '../../../collectors/proc/inspect-process.ts';
import type { ObservedExec, PackageKnowledge } from '../../../collectors/process/observe-exec.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import type { StartCredentials } from '../../../collectors/process/program-start.ts';
import { isNeverSetuid } from '../../../collectors/process/setuid-program.ts';
import { plainHost, type RecordedFile, recordedHost } from '../../recorded-host.ts';
import { hostContext, noKnowledge } from '../host/host-context-double.ts';
import { detailsOf, exec, exit, fork, inChroot, inContainer, procDouble, startWith } from '../proc-double.ts';
import { collectExecs } from './collect-execs.ts';

const field = 'stepparent.setuid_program.path';
const setuid: RecordedFile = { content: '\x7fELF', mode: 0o4755 };
const files: Record<string, RecordedFile> = {
  ...plainHost,
  '/opt/x': setuid,
  '/opt/plain': { content: '\x7fELF', mode: 0o755 },
  '/opt/of-alice': { content: '\x7fELF', mode: 0o4755, uid: 1000 },
  '/opt/setgid': { content: '\x7fELF', mode: 0o2755 },
  '/opt/directory': { directory: true, mode: 0o4755 },
  '/usr/bin/x': setuid,
  '/usr/bin/su': setuid,
  '/usr/bin/bash': setuid,
  '/usr/bin/python3.11': setuid,
  '/usr/bin/find': setuid,
  '/usr/bin/sleep': { content: '\x7fELF', mode: 0o755 },
  '/snap/snapd/21759/usr/lib/snapd/snap-confine': setuid,
};

const ids = (realUserId: number, userId: number): StartCredentials => ({
  userId,
  realUserId,
  groupId: realUserId,
  realGroupId: realUserId,
  secure: userId !== realUserId,
});
const byAlice = ids(1000, 0);

const ownedBy =
  (isOwned: boolean | undefined) =>
  (path: string): Answer<CheckedProgram> =>
    known({ path, isOwned });
const noOwner: Partial<PackageKnowledge> = { unowned: { check: ownedBy(false) } };

interface Setting {
  /** What a probe shows of the start; absent: no probe was hit. */
  start?: StartCredentials;
  details?: Partial<ProcessDetails>;
  knowledge?: Partial<PackageKnowledge>;
  /** The user of the shell that executes the program. */
  shell?: number;
  /** The name that /proc has for the file of the process, which is a set-user-ID program. */
  running?: string;
  ended?: boolean;
}

/** A shell executes the program. */
function observe(file: string, setting: Setting = {}): ObservedExec {
  const { start, details, knowledge = noOwner, shell = 1000, running, ended } = setting;
  const recorded = recordedHost({ files });
  const isMapped = (name: string): boolean => running !== undefined && name === '/proc/20/exe';
  const host = {
    ...recorded,
    stat: (name: string) => recorded.stat(isMapped(name) ? '/opt/x' : name),
    readLink: (name: string) => (isMapped(name) ? String(running) : recorded.readLink(name)),
  };
  const user = { userId: shell, realUserId: shell, savedUserId: shell };
  const proc = procDouble(detailsOf(10, { exe: '/usr/bin/dash', args: ['sh'], ...user }));
  const table = createProcessTable(proc);
  table.seed();
  const reported: ObservedExec[] = [];
  const collector = collectExecs({
    table,
    context: { ...hostContext, host },
    knowledge: { ...noKnowledge, ...knowledge },
    onExec: (observed) => reported.push(observed),
  });
  if (!ended) proc.processes.set(20, detailsOf(20, { parentPid: 10, exe: file, args: [file], ...details }));
  collector.handle(fork(10, 20));
  collector.handle(exec(20, file, start && { start: startWith(start) }));
  if (ended) collector.handle(exit(20));
  return reported[0] as ObservedExec;
}

const reportedOf = (observed: ObservedExec) => {
  expect(observed.pending()).toBe(undefined);
  const cheap = observed.read(field);
  const { setuid_program: program } = observed.document().stepparent;
  expect(cheap).toBe(program?.path);
  return program;
};

describe('what is reported', () => {
  test.each<[title: string, file: string, setting: Setting, owned?: boolean]>([
    ['a program of no package', '/opt/x', { start: byAlice }],
    ['one in a directory of the system', '/usr/bin/x', { start: byAlice }],
    ['one of a process that was root and gave it up', '/opt/x', { start: ids(65534, 0), shell: 0 }],
    [
      'a shell of a package',
      '/usr/bin/bash',
      { start: byAlice, knowledge: { unowned: { check: ownedBy(true) } } },
      true,
    ],
    [
      'a versioned interpreter of a package',
      '/usr/bin/python3.11',
      { start: byAlice, knowledge: { unowned: { check: ownedBy(true) } } },
      true,
    ],
    ['find of a package', '/usr/bin/find', { start: byAlice, knowledge: { unowned: { check: ownedBy(true) } } }, true],
    ['without a probe, below a shell of a user', '/usr/bin/x', { details: { realUserId: 1000 } }],
    ['without a probe, if it sets all its ids at once', '/opt/x', { details: { realUserId: 0 } }],
    ['without a probe, by what /proc shows', '/opt/x', { shell: 0, details: { realUserId: 1000 } }],
    ['by its file, after its end', '/opt/x', { start: byAlice, ended: true }],
    ['a file that has no name any more', '/opt/gone', { start: byAlice, running: '/opt/gone (deleted)' }],
    ['a file that lost the bit in its directory', '/opt/plain', { start: byAlice, running: '/opt/plain' }],
  ])('%s', (_, file, setting, owned = false) => {
    expect(reportedOf(observe(file, setting))).toEqual({ path: file, owned });
  });
});

describe('what is not reported', () => {
  const owned = { unowned: { check: ownedBy(true) } };
  test.each<[title: string, file: string, setting: Setting]>([
    ['by root', '/opt/x', { start: ids(0, 0), shell: 0 }],
    ['by root, without a probe', '/opt/x', { shell: 0 }],
    ['a program without the bit', '/opt/plain', { start: ids(1000, 1000) }],
    ['a program without the bit that one with it starts', '/opt/plain', { start: byAlice }],
    ['a program of the system without the bit that one with it starts', '/usr/bin/sleep', { start: byAlice }],
    ['a set-user-ID program of another user', '/opt/of-alice', { start: ids(65534, 1000) }],
    ['the same in a user namespace', '/opt/of-alice', { start: byAlice }],
    ['a set-group-ID program', '/opt/setgid', { start: ids(1000, 1000) }],
    ['a directory', '/opt/directory', { start: byAlice }],
    ['one on a file system where the bit does not count', '/opt/x', { start: ids(1000, 1000) }],
    ['the same, without a probe', '/opt/x', { details: { userId: 1000, realUserId: 1000 } }],
    ['the same, below a shell of root', '/opt/x', { shell: 0, details: { userId: 1000, realUserId: 1000 } }],
    ['su of a package', '/usr/bin/su', { start: byAlice, knowledge: owned }],
    ['a helper of a package outside of the system', '/opt/x', { start: byAlice, knowledge: owned }],
    ['a helper of snapd', '/snap/snapd/21759/usr/lib/snapd/snap-confine', { start: byAlice }],
    ['a program of the system by root, without a probe', '/usr/bin/x', { shell: 0 }],
    ['in a chroot', '/opt/x', { start: byAlice, details: { place: inChroot } }],
    ['in a container', '/opt/x', { start: byAlice, details: { place: inContainer } }],
    ['a file that is gone', '/opt/none', { start: byAlice, ended: true }],
    ['another program that the process runs by now', '/opt/none', { start: byAlice, running: '/opt/x' }],
    ['a file that is gone with its process', '/opt/none', { start: byAlice, running: '/opt/none', ended: true }],
    ['a relative name', 'x', { start: byAlice, ended: true }],
  ])('%s', (_, file, setting) => {
    expect(reportedOf(observe(file, setting))).toBe(undefined);
  });

  test('a program whose owner is not known, which the event notes', () => {
    const observed = observe('/opt/x', { start: byAlice, knowledge: { unowned: { check: ownedBy(undefined) } } });
    expect(reportedOf(observed)).toBe(undefined);
    expect(observed.document().stepparent.unobserved).toMatchObject({
      'stepparent.setuid_program': 'database_unreadable',
    });
  });
});

test('the event waits for the owner, and has the digest', async () => {
  const owner = Promise.withResolvers<CheckedProgram>();
  const answer = ask(owner.promise);
  const observed = observe('/opt/x', { start: byAlice, knowledge: { unowned: { check: () => answer } } });
  const pending = observed.pending();
  owner.resolve({ path: '/opt/x', isOwned: false, sha256: 'abc' });
  await pending;
  expect(observed.document().stepparent.setuid_program).toEqual({ path: '/opt/x', owned: false, sha256: 'abc' });
});

test('a program of root, or without other ids, is neither read nor asked for', () => {
  const asked: string[] = [];
  const check = (path: string): Answer<CheckedProgram> => {
    asked.push(path);
    return known({ path, isOwned: false });
  };
  for (const start of [ids(0, 0), ids(1000, 1000)]) {
    const observed = observe('/opt/x', { start, knowledge: { unowned: { check } } });
    observed.pending();
    expect(observed.read(field)).toBe(undefined);
    expect(observed.isDescribed()).toBe(false);
  }
  expect(asked).toEqual([]);
});

test.each([
  ['/usr/bin/bash', true],
  ['/usr/bin/perl5.36.0', true],
  ['/usr/bin/vim.basic', true],
  ['/usr/bin/env', true],
  ['/usr/bin/sudo', false],
  ['/usr/bin/su', false],
  ['/usr/bin/mount', false],
  ['/usr/bin/screen', false],
  ['/usr/lib/openssh/ssh-keysign', false],
])('%s has no set-user-ID bit in any package: %s', (file, expected) => {
  expect(isNeverSetuid(file)).toBe(expected);
});
