// Which ids at the start of a program are proven, and what bounds the ids of a process, from records and a /proc in memory.

import { describe, expect, test } from 'vitest';
import type { ProcessDetails } from '../../../collectors/proc/inspect-process.ts';
import { possibleCredentials, startCredentials } from '../../../collectors/process/credentials.ts';
import type { ProcessEntry } from '../../../collectors/process/process.ts';
import { createProcessTable, type ProcessTable } from '../../../collectors/process/process-table.ts';
import type { StartCredentials } from '../../../collectors/process/program-start.ts';
import { detailsOf, exec, exit, fork, procDouble, startWith } from '../proc-double.ts';

const nobody = 65534;

/** The user and groups of a process: real, effective and saved. Groups have the same numbers unless they are given. */
type Ids = readonly [real: number, effective: number, saved: number];

const detailsWith = (pid: number, users: Ids, groups: Ids = users): ProcessDetails =>
  detailsOf(pid, {
    realUserId: users[0],
    userId: users[1],
    savedUserId: users[2],
    realUserGroupId: groups[0],
    userGroupId: groups[1],
    savedUserGroupId: groups[2],
  });

const startOf = (real: number, effective = real, group = effective): StartCredentials => ({
  realUserId: real,
  userId: effective,
  realGroupId: group,
  groupId: group,
  secure: real !== effective,
});

/** A table whose process 10 was read from /proc with these ids. */
function tableWith(users: Ids, groups?: Ids): ProcessTable {
  const table = createProcessTable(procDouble(detailsOf(1, { parentPid: 0 }), detailsWith(10, users, groups)));
  table.seed();
  return table;
}

/** Process `pid` executes a program whose probe was hit with these ids; undefined: no probe was hit. */
function execute(table: ProcessTable, pid: number, credentials: StartCredentials | undefined): ProcessEntry {
  const entry = table.exec(exec(pid, '/no/x'));
  if (entry.image && credentials) entry.image.start = startWith(credentials);
  return entry;
}

/** The same in a new child. */
const start = (table: ProcessTable, parent: number, pid: number, credentials: StartCredentials | undefined) => {
  table.fork(fork(parent, pid));
  return execute(table, pid, credentials);
};

const provenUser = (entry: ProcessEntry): number | undefined =>
  entry.image && startCredentials(entry, entry.image)?.userId;

describe('the ids at the start', () => {
  test.each<[string, Ids, StartCredentials, number | undefined]>([
    ['root, below root', [0, 0, 0], startOf(0), 0],
    ['another user, below root', [0, 0, 0], startOf(nobody), nobody],
    ['the same user', [nobody, nobody, nobody], startOf(nobody), nobody],
    [
      'root, below another user: a user namespace, or written by a tracer',
      [nobody, nobody, nobody],
      startOf(0),
      undefined,
    ],
    ['another id, below another user', [nobody, nobody, nobody], startOf(1000), undefined],
    ['root by a set-user-ID program', [1000, 1000, 1000], startOf(1000, 0), undefined],
    ['a group by a set-group-ID program', [1000, 1000, 1000], startOf(1000, 1000, 5), undefined],
    ['the user of sudo', [1000, 0, 0], startOf(0), 0],
    ['another user after sudo', [1000, 0, 0], startOf(33), 33],
    ['the saved id', [1000, 1000, 0], startOf(0), 0],
    ['the real id of two', [1000, 33, 33], startOf(1000), 1000],
  ])('%s', (_, users, credentials, expected) => {
    expect(provenUser(start(tableWith(users), 10, 20, credentials))).toBe(expected);
    // Without a fork as well.
    expect(provenUser(execute(tableWith(users), 10, credentials))).toBe(expected);
  });

  test('have the saved ids, which execve copies', () => {
    const { image } = start(tableWith([0, 0, 0]), 10, 20, startOf(1000, 33, 5));
    expect(image?.credentials).toBe(undefined);
    const entry = start(tableWith([0, 0, 0]), 10, 20, startOf(1000, 33, 5));
    expect(entry.image && startCredentials(entry, entry.image)).toEqual({
      realUserId: 1000,
      userId: 33,
      savedUserId: 33,
      realUserGroupId: 5,
      userGroupId: 5,
      savedUserGroupId: 5,
    });
  });

  test('follow from one program to the next, also after the processes have ended', () => {
    const table = tableWith([0, 0, 0]);
    start(table, 10, 20, startOf(0));
    // su: its child becomes nobody and executes a shell, which executes a program in its place.
    table.fork(fork(20, 30));
    const shell = execute(table, 30, startOf(nobody));
    const shellImage = shell.image;
    const last = execute(table, 30, startOf(nobody));
    for (const pid of [30, 20, 10]) table.exit(exit(pid));
    expect(shellImage && startCredentials(shell, shellImage)?.userId).toBe(nobody);
    expect(provenUser(last)).toBe(nobody);
    expect(provenUser(execute(table, 30, startOf(0)))).toBe(undefined);
  });

  test.each<[string, (table: ProcessTable) => ProcessEntry]>([
    [
      'a program without a probe in between',
      (table) => {
        start(table, 10, 20, undefined);
        return execute(table, 20, startOf(0));
      },
    ],
    [
      'a program in between whose ids are not proven',
      (table) => {
        start(table, 10, 20, startOf(nobody));
        execute(table, 20, startOf(0));
        return start(table, 20, 30, startOf(0));
      },
    ],
    ['no record of the process before', (table) => execute(table, 99, startOf(0))],
  ])('are not proven with %s', (_, run) => {
    expect(provenUser(run(tableWith([0, 0, 0])))).toBe(undefined);
  });

  test('are proven by a parent that is read later', () => {
    const proc = procDouble(detailsOf(1, { parentPid: 0 }));
    const table = createProcessTable(proc);
    table.seed();
    const parent = start(table, 1, 20, undefined);
    const child = start(table, 20, 30, startOf(0));
    expect(provenUser(child)).toBe(undefined);
    proc.processes.set(20, detailsWith(20, [0, 0, 0]));
    table.inspect(parent);
    expect(provenUser(child)).toBe(0);
    // Not by what the parent runs now.
    const other = start(table, 20, 31, startOf(0));
    execute(table, 20, undefined);
    const later = start(table, 1, 40, undefined);
    const orphan = start(table, 40, 41, startOf(0));
    table.exec(exec(40, '/no/sudo'));
    proc.processes.set(40, detailsWith(40, [0, 0, 0]));
    table.inspect(later);
    expect([provenUser(other), provenUser(orphan)]).toEqual([0, undefined]);
  });

  test.each<[execs: number, number | undefined]>([
    [7, nobody],
    [8, nobody],
    [9, undefined],
  ])('are proven by a parent that is read after %i programs, within a bound', (execs, expected) => {
    const proc = procDouble(detailsOf(1, { parentPid: 0 }));
    const table = createProcessTable(proc);
    table.seed();
    const parent = start(table, 1, 20, undefined);
    const child = start(table, 20, 30, startOf(nobody));
    for (let n = 1; n < execs; n++) execute(table, 30, startOf(nobody));
    proc.processes.set(20, detailsWith(20, [0, 0, 0]));
    table.inspect(parent);
    expect(provenUser(child)).toBe(expected);
  });

  test('are not those of a process that has the program from its parent', () => {
    const table = tableWith([0, 0, 0]);
    start(table, 10, 20, startOf(0));
    table.fork(fork(20, 30));
    const child = table.find(30) as ProcessEntry;
    expect(child.image?.start).toBeDefined();
    expect(provenUser(child)).toBe(undefined);
    expect(possibleCredentials(child, child.image)?.userId).toBe(0);
  });
});

describe('a process is bounded', () => {
  const boundOf = (entry: ProcessEntry) => possibleCredentials(entry, entry.image)?.userId;

  test('by /proc, more than by the start of its program', () => {
    const proc = procDouble(detailsOf(1, { parentPid: 0 }));
    const table = createProcessTable(proc);
    table.seed();
    const entry = start(table, 1, 20, startOf(0));
    expect(boundOf(entry)).toBe(0);
    proc.processes.set(20, detailsWith(20, [nobody, nobody, nobody]));
    table.inspect(entry);
    expect(boundOf(entry)).toBe(nobody);
    expect(provenUser(entry)).toBe(0);
    // From then on its programs cannot be root.
    expect(provenUser(execute(table, 20, startOf(0)))).toBe(undefined);
  });

  test('by the process that forked it, over several forks', () => {
    const table = tableWith([nobody, nobody, nobody]);
    table.fork(fork(10, 20));
    table.fork(fork(20, 30));
    table.exit(exit(20));
    expect(boundOf(table.find(30) as ProcessEntry)).toBe(nobody);
    expect(boundOf(start(table, 30, 40, undefined))).toBe(undefined);
  });
});
