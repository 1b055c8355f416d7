// The process table over a /proc in memory: forks, threads, exits, reused ids and lost records.

import { describe, expect, test } from 'vitest';
import type { ProcessEntry } from '../../../collectors/process/process.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { detailsOf, exec, exit, fork, procDouble } from '../proc-double.ts';

/** The pids of the ancestors, nearest first. */
function ancestors(entry: ProcessEntry | undefined): number[] {
  const pids: number[] = [];
  for (let ancestor = entry?.parent; ancestor; ancestor = ancestor.parent) pids.push(ancestor.pid);
  return pids;
}

/** Process 1, its child 10 with the threads 11 and 12, and its child 20. */
function seeded() {
  const proc = procDouble(
    detailsOf(1, { parentPid: 0, startTicks: 1 }),
    detailsOf(10, { startTicks: 50 }),
    detailsOf(20, { parentPid: 10, startTicks: 60 }),
  );
  proc.threads.set(10, [11, 12]);
  const table = createProcessTable(proc);
  table.seed();
  return { proc, table };
}

describe('seeding', () => {
  test('reads processes, their parents and threads', () => {
    const { table } = seeded();
    expect(table.size).toBe(3);
    expect(ancestors(table.find(20))).toEqual([10, 1]);
    expect(table.find(20)).toMatchObject({
      startNs: 60e7,
      parentInferred: true,
      parentImageAtFork: undefined,
      depth: 2,
      ended: false,
      image: { filename: '/no/p20', execNs: undefined, args: ['p20'] },
    });
    table.fork(fork(12, 30));
    expect(ancestors(table.find(30))).toEqual([10, 1]);
  });

  test('reads a child before its parent, an unlisted parent and a kernel thread', () => {
    const proc = procDouble(
      detailsOf(30, { parentPid: 20 }),
      detailsOf(20, { parentPid: 2 }),
      detailsOf(2, { parentPid: 0, exe: undefined, filename: undefined, args: undefined }),
    );
    const table = createProcessTable(proc);
    table.seed([30]);
    expect(ancestors(table.find(30))).toEqual([20, 2]);
    expect(table.find(2)?.image).toBe(undefined);
    expect(proc.inspected).toEqual([30, 20, 2]);
  });

  test('does not keep a process that ends while it is read', () => {
    const table = createProcessTable(procDouble(detailsOf(1, { parentPid: 0 })));
    table.seed([1, 30]);
    expect(table.find(30)).toBe(undefined);
    expect(table.size).toBe(1);
  });

  test('does not take a process that reuses the pid of an ended parent as the parent', () => {
    const proc = procDouble(
      detailsOf(10, { parentPid: 20, startTicks: 100 }),
      detailsOf(20, { parentPid: 10, startTicks: 200 }),
    );
    const table = createProcessTable(proc);
    table.seed();
    expect(ancestors(table.find(20))).toEqual([10]);
    expect(ancestors(table.find(10))).toEqual([]);
  });

  test('reads the script of an interpreter, and cuts long arguments', () => {
    const details = { inferredFrom: 'interpreter_argument', filename: '/no/script', argsTruncated: true } as const;
    const table = createProcessTable(procDouble(detailsOf(10, details)));
    table.seed();
    expect(table.find(10)?.image).toEqual({
      filename: '/no/script',
      execNs: undefined,
      args: ['p10'],
      argsTruncated: true,
      inferredFrom: 'interpreter_argument',
    });
  });

  test('takes the parent from a fork record that comes after the seeding', () => {
    const { proc, table } = seeded();
    proc.processes.set(30, detailsOf(30, { startTicks: 100, parentPid: 1 }));
    table.seed();
    const entry = table.find(30);
    expect(entry).toMatchObject({ parentInferred: true, parent: { pid: 1 } });
    table.fork(fork(20, 30, { timeNs: 1e9 + 9e6 }));
    expect(table.find(30)).toBe(entry);
    expect(entry).toMatchObject({ parentInferred: false, parent: { pid: 20 }, details: { pid: 30 } });
    expect(entry?.parentImageAtFork).toBe(table.find(20)?.image);
  });

  test('removes ended processes, adds new ones and recognizes reused pids after records were lost', () => {
    const { proc, table } = seeded();
    const [one, ten, twenty] = [1, 10, 20].map((pid) => table.find(pid));
    proc.processes.delete(20);
    proc.processes.set(10, detailsOf(10, { startTicks: 900, exe: '/no/other' }));
    proc.processes.set(30, detailsOf(30, { startTicks: 900, parentPid: 10 }));
    table.seed();
    expect(table.find(1)).toBe(one);
    expect(table.find(20)).toBe(undefined);
    expect(table.find(10)).not.toBe(ten);
    expect(table.find(10)?.image?.filename).toBe('/no/other');
    expect(ten?.ended).toBe(true);
    expect(ancestors(twenty)).toEqual([10, 1]);
    expect(twenty?.parent).toBe(ten);
    expect(ancestors(table.find(30))).toEqual([10, 1]);
  });

  test("a thread's id that became a process's while records were lost ends only that process", () => {
    const { proc, table } = seeded();
    proc.threads.set(10, [11]);
    proc.processes.set(12, detailsOf(12, { parentPid: 1, startTicks: 900 }));
    table.seed();
    table.exit(exit(12));
    expect(table.find(12)).toBe(undefined);
    expect(table.find(10)?.ended).toBe(false);
  });
});

describe('fork', () => {
  test('gives the child the program of its parent, as it was at the fork', () => {
    const { table } = seeded();
    table.fork(fork(20, 30));
    const [parent, child] = [table.find(20), table.find(30)];
    expect(child).toMatchObject({ startNs: 1e9, parentInferred: false, depth: 3, ended: false, details: undefined });
    expect(child?.image).toBe(parent?.image);
    const before = parent?.image;
    table.exec(exec(20, '/no/new'));
    expect(child?.image).toBe(before);
    expect(child?.parentImageAtFork).toBe(before);
    expect(parent?.image?.filename).toBe('/no/new');
  });

  test('by a thread, or by its thread, is a fork of the process', () => {
    const { table } = seeded();
    table.fork(fork(11, 13, { thread: true }));
    table.fork(fork(13, 14, { thread: true }));
    table.fork(fork(14, 30));
    expect(ancestors(table.find(30))).toEqual([10, 1]);
    expect(table.find(13)).toBe(undefined);
    expect(table.size).toBe(4);
  });

  test('with CLONE_PARENT makes a sibling of the creator', () => {
    const { table } = seeded();
    table.fork(fork(20, 30, { sibling: true }));
    expect(ancestors(table.find(30))).toEqual([10, 1]);
    // Not the program of its parent: the creator may run another one.
    expect(table.find(30)?.parentImageAtFork).toBe(table.find(20)?.image);
    // The child still runs the program that its creator ran at the fork.
    expect(table.find(30)?.image).toBe(table.find(20)?.image);
  });

  test('by an unknown process reads it from /proc, also by the id of a thread', () => {
    const { proc, table } = seeded();
    proc.processes.set(40, detailsOf(40, { parentPid: 20, startTicks: 90 }));
    proc.threads.set(40, [41]);
    table.fork(fork(41, 50));
    expect(ancestors(table.find(50))).toEqual([40, 20, 10, 1]);
    expect(table.find(50)?.parentInferred).toBe(false);
    expect(table.find(40)?.parentInferred).toBe(true);
  });

  test('by an unknown process that has ended adds it as ended', () => {
    const { table } = seeded();
    table.fork(fork(40, 50));
    expect(ancestors(table.find(50))).toEqual([40]);
    expect(table.find(50)?.parent).toMatchObject({ ended: true, image: undefined, details: undefined, startNs: 1e9 });
  });

  test('with a reused pid keeps the old process only for its children', () => {
    const { table } = seeded();
    table.fork(fork(20, 30));
    const old = table.find(20);
    table.fork(fork(1, 20, { timeNs: 5e9 }));
    expect(table.find(20)).not.toBe(old);
    expect(old?.ended).toBe(true);
    expect(table.find(30)?.parent).toBe(old);
    expect(ancestors(table.find(20))).toEqual([1]);
  });

  test("ids of threads and processes that are given again, where an exit's record was lost", () => {
    const { table } = seeded();
    const twenty = table.find(20);
    table.fork(fork(10, 20, { thread: true, timeNs: 5e9 }));
    expect(twenty?.ended).toBe(true);
    table.fork(fork(1, 12, { timeNs: 5e9 }));
    table.exit(exit(12));
    expect(table.find(10)?.ended).toBe(false);
    expect(table.find(12)).toBe(undefined);
  });
});

describe('exec', () => {
  test('makes a new image each time', () => {
    const { table } = seeded();
    const entry = table.exec(exec(20, '/no/a', { args: ['a'], inferredFrom: 'interpreter_argument' }));
    const before = {
      ...{ userId: 0, realUserId: 0, savedUserId: 0 },
      ...{ userGroupId: 0, realUserGroupId: 0, savedUserGroupId: 0 },
    };
    expect(entry.image).toEqual({
      filename: '/no/a',
      execNs: 1e9 + 1000,
      args: ['a'],
      inferredFrom: 'interpreter_argument',
      before,
    });
    const first = entry.image;
    // The ids of the first program were not read, and may become known.
    expect(table.exec(exec(20, '/no/b')).image).toEqual({ filename: '/no/b', execNs: 1e9 + 1000, former: first });
    expect(first?.filename).toBe('/no/a');
  });

  test('from another thread than the first is an exec of the process', () => {
    const { table } = seeded();
    const entry = table.exec(exec(10, '/no/new', { formerTid: 12 }));
    expect(entry).toBe(table.find(10));
    // The other threads end, the former first among them; 12 may be reused.
    table.exit(exit(11, false));
    table.exit(exit(10, false));
    table.fork(fork(1, 12));
    table.exit(exit(12));
    expect(entry).toMatchObject({ ended: false, image: { filename: '/no/new' } });
  });

  test('of an unknown process reads it from /proc, or has only the name if it has ended', () => {
    const { proc, table } = seeded();
    proc.processes.set(40, detailsOf(40, { parentPid: 20 }));
    const alive = table.exec(exec(40, '/no/new'));
    expect(ancestors(alive)).toEqual([20, 10, 1]);
    expect(alive).toMatchObject({ image: { filename: '/no/new' }, details: { pid: 40 } });
    const ended = table.exec(exec(41, '/no/new'));
    expect(ended).toMatchObject({ ended: true, parent: undefined, image: { filename: '/no/new' } });
  });
});

describe('exit', () => {
  test.each<[string, [number, boolean | undefined][], boolean]>([
    ['the first thread goes, others run', [[10, false]], false],
    [
      'the first thread goes, then the last',
      [
        [10, false],
        [11, false],
        [12, true],
      ],
      true,
    ],
    ['a thread goes', [[11, false]], false],
    [
      'the first thread goes last',
      [
        [11, false],
        [12, false],
        [10, true],
      ],
      true,
    ],
    // If the kernel does not report the last thread, the end of the first one counts.
    ['a thread goes, as far as is known', [[11, undefined]], false],
    ['the first goes, as far as is known', [[10, undefined]], true],
    ['another process ends', [[99, true]], false],
  ])('%s', (_, exits, ended) => {
    const { table } = seeded();
    const entry = table.find(10);
    const returned = exits.map(([pid, groupDead]) => table.exit({ kind: 'exit', timeNs: 2e9, pid, groupDead }));
    expect(returned).toEqual(exits.map((_, i) => (ended && i === exits.length - 1 ? entry : undefined)));
    expect(entry?.ended).toBe(ended);
    expect(table.find(10)).toBe(ended ? undefined : entry);
  });

  test('keeps ended processes as ancestors', () => {
    const { table } = seeded();
    table.fork(fork(20, 30));
    table.exec(exec(30, '/no/sh'));
    table.fork(fork(30, 40));
    for (const pid of [30, 20, 10]) table.exit(exit(pid));
    expect(table.size).toBe(2);
    expect(ancestors(table.find(40))).toEqual([30, 20, 10, 1]);
    expect(table.find(40)?.parent?.image?.filename).toBe('/no/sh');
  });
});

describe('the process of a task', () => {
  test.each([
    ['the first thread', 10, 10],
    ['another thread', 11, 10],
    ['a process of one thread', 20, 20],
    ['an unknown task, also if /proc knows it', 40, undefined],
  ])('%s', (_, tid, pid) => {
    const { proc, table } = seeded();
    proc.processes.set(40, detailsOf(40));
    expect(table.findTask(tid)?.pid).toBe(pid);
  });

  test('is gone with the thread', () => {
    const { table } = seeded();
    table.exit(exit(11, false));
    expect(table.findTask(11)).toBeUndefined();
    table.exit(exit(10));
    expect(table.findTask(10)).toBeUndefined();
  });
});

test('every live process is listed', () => {
  const { table } = seeded();
  table.exit(exit(20));
  expect([...table.alive()].map(({ pid }) => pid).sort((a, b) => a - b)).toEqual([1, 10]);
});

describe('bounds', () => {
  test('cut a chain in which each process forks the next and ends', () => {
    const { table } = seeded();
    let longest = 0;
    for (let pid = 1000; pid < 3000; pid++) {
      table.fork(fork(pid === 1000 ? 20 : pid - 1, pid, { timeNs: pid * 1e9 }));
      table.exit(exit(pid === 1000 ? 20 : pid - 1));
      longest = Math.max(longest, ancestors(table.find(pid)).length);
    }
    expect(longest).toBeGreaterThan(32);
    expect(longest).toBeLessThanOrEqual(65);
    let eldest = table.find(2999);
    while (eldest?.parent) eldest = eldest.parent;
    expect(eldest?.lineageCut).toBe(true);
  });

  test('do not cut a chain of live processes', () => {
    const { table } = seeded();
    for (let pid = 1000; pid < 1200; pid++) table.fork(fork(pid === 1000 ? 20 : pid - 1, pid, { timeNs: pid * 1e9 }));
    expect(ancestors(table.find(1199))).toHaveLength(202);
  });

  test('limit the table, and count the processes beyond', () => {
    const table = createProcessTable(procDouble());
    for (let pid = 1; pid <= 131_072; pid++) table.fork(fork(pid - 1, pid));
    // The table also has process 0, which is read as the creator of 1.
    expect(table.size).toBe(131_072);
    expect(table.rejected).toBe(1);
    table.fork(fork(5, 200_000));
    expect(table.find(200_000)).toBe(undefined);
    expect(table.rejected).toBe(2);
    table.exit(exit(5));
    table.fork(fork(6, 200_000));
    expect(ancestors(table.find(200_000))[0]).toBe(6);
  });
});

describe('inspect', () => {
  test('reads /proc once for each program', () => {
    const { proc, table } = seeded();
    table.fork(fork(20, 30));
    proc.processes.set(30, detailsOf(30));
    proc.inspected.length = 0;
    const entry = table.find(30) as ProcessEntry;
    for (let i = 0; i < 3; i++) expect(table.inspect(entry)).toBe(proc.processes.get(30));
    expect(proc.inspected).toEqual([30]);
    table.exec(exec(30, '/no/new'));
    for (let i = 0; i < 3; i++) table.inspect(entry);
    expect(proc.inspected).toEqual([30, 30]);
    // Details that the seeding read are not read again.
    table.inspect(table.find(20) as ProcessEntry);
    expect(proc.inspected).toEqual([30, 30]);
  });

  test.each([
    [100, true],
    [101, true],
    [99, true],
    [102, false],
    [98, false],
    [100_000, false],
  ])('forked at 1 s, /proc shows %d ticks: the same process %j', (startTicks, same) => {
    const { proc, table } = seeded();
    table.fork(fork(20, 30));
    proc.processes.set(30, detailsOf(30, { startTicks }));
    expect(table.inspect(table.find(30) as ProcessEntry) !== undefined).toBe(same);
  });

  test('does not read an ended process, and keeps the details with their program', () => {
    const { proc, table } = seeded();
    const entry = table.find(20) as ProcessEntry;
    const before = entry.image;
    table.exec(exec(20, '/no/new'));
    table.exit(exit(20));
    proc.inspected.length = 0;
    expect(table.inspect(entry)?.exe).toBe('/no/p20');
    expect(entry.detailsImage).toBe(before);
    expect(proc.inspected).toEqual([]);
  });
});

describe('completeArgs', () => {
  test.each<[string, Partial<NonNullable<ProcessEntry['image']>>, string[] | undefined]>([
    ['none yet', {}, ['p20']],
    ['a cut list', { args: ['p'], argsTruncated: true }, ['p20']],
    ['a whole list', { args: ['p'] }, ['p']],
  ])('%s', (_, known, args) => {
    const { table } = seeded();
    const entry = table.exec(exec(20, '/no/new'));
    Object.assign(entry.image ?? {}, known);
    table.inspect(entry);
    table.completeArgs(entry, 100);
    expect(entry.image?.args).toEqual(args);
    if (args?.[0] === 'p20') expect(entry.image?.argsTruncated).toBe(false);
  });

  test.each<[string, (table: ReturnType<typeof seeded>) => void]>([
    ['that has ended', ({ table }) => table.exit(exit(20))],
    ['whose pid another has', ({ proc }) => proc.processes.set(20, detailsOf(20, { startTicks: 999 }))],
    ['that is gone', ({ proc }) => proc.processes.delete(20)],
  ])('not of a process %s', (_, happen) => {
    const both = seeded();
    const entry = both.table.exec(exec(20, '/no/new'));
    happen(both);
    both.table.inspect(entry);
    both.table.completeArgs(entry, 100);
    expect(entry.image?.args).toBe(undefined);
    expect(both.proc.argsRead).toEqual([]);
  });

  test('not those of another program', () => {
    const { table } = seeded();
    const entry = table.exec(exec(20, '/no/new'));
    Object.assign(entry.image ?? {}, { args: ['p20', 'option'], argsTruncated: true });
    table.inspect(entry);
    table.completeArgs(entry, 100);
    expect(entry.image).toMatchObject({ args: ['p20', 'option'], argsTruncated: true });
  });

  test('reads up to a bound', () => {
    const { table } = seeded();
    const entry = table.exec(exec(20, '/no/new'));
    table.inspect(entry);
    table.completeArgs(entry, 2);
    expect(entry.image).toMatchObject({ args: ['p2'], argsTruncated: true });
  });
});

describe('recall', () => {
  test('finds a live process, an ended one, and one that only /proc shows', () => {
    const { proc, table } = seeded();
    const [ten, twenty] = [10, 20].map((pid) => table.find(pid));
    expect(table.recall(10)).toBe(ten);
    table.exit(exit(20));
    expect(table.find(20)).toBe(undefined);
    expect(table.recall(20)).toBe(twenty);
    expect(twenty).toMatchObject({ ended: true, endNs: 2e9 });
    expect(table.recall(30)).toBe(undefined);
    proc.processes.set(30, detailsOf(30, { parentPid: 10 }));
    expect(ancestors(table.recall(30))).toEqual([10, 1]);
  });

  test('accepts a fork record after the process was read from /proc', () => {
    const { proc, table } = seeded();
    proc.processes.set(30, detailsOf(30, { startTicks: 100, parentPid: 1 }));
    const entry = table.recall(30);
    table.fork(fork(20, 30));
    expect(table.find(30)).toBe(entry);
    expect(ancestors(entry)).toEqual([20, 10, 1]);
  });

  test('does not keep a process that ends while it is read', () => {
    const { proc, table } = seeded();
    proc.processes.set(30, detailsOf(30));
    proc.inspect = () => undefined;
    expect(table.recall(30)).toBe(undefined);
    expect(table.find(30)).toBe(undefined);
  });

  test('remembers only the last processes, and of two with one pid the later one', () => {
    const { table } = seeded();
    const ends = (pid: number, filename = '/no/x'): void => {
      table.fork(fork(10, pid));
      table.exec(exec(pid, filename));
      table.exit(exit(pid));
    };
    for (let pid = 1000; pid < 3000; pid++) ends(pid);
    expect([2000, 2700, 2800, 2999].map((pid) => table.recall(pid) !== undefined)).toEqual([false, false, true, true]);
    expect([...table.aliveSince(0)].filter(({ ended }) => ended)).toHaveLength(256);
    ends(2800, '/no/later');
    expect(table.recall(2800)?.image?.filename).toBe('/no/later');
  });

  test('aliveSince returns processes that lived at a time or later', () => {
    const { table } = seeded();
    table.exit(exit(20));
    const pids = (sinceNs: number) => [...table.aliveSince(sinceNs)].map(({ pid }) => pid).sort();
    expect(pids(0)).toEqual([1, 10, 20]);
    expect(pids(2e9)).toEqual([1, 10, 20]);
    expect(pids(2e9 + 1)).toEqual([1, 10]);
  });
});
