// The process table over a /proc in memory: who forked whom, through threads, ends, reused ids and lost records.

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

/** 1, its child 10 with the threads 11 and 12, and its child 20. */
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
  test('processes, their parents and threads', () => {
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

  test('a child before its parent; a parent that is not in the list; a kernel thread', () => {
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

  test('a process that ends while it is looked at is not kept', () => {
    const table = createProcessTable(procDouble(detailsOf(1, { parentPid: 0 })));
    table.seed([1, 30]);
    expect(table.find(30)).toBe(undefined);
    expect(table.size).toBe(1);
  });

  test('one that took the pid of a parent that is gone is no parent, so that no two name each other', () => {
    const proc = procDouble(
      detailsOf(10, { parentPid: 20, startTicks: 100 }),
      detailsOf(20, { parentPid: 10, startTicks: 200 }),
    );
    const table = createProcessTable(proc);
    table.seed();
    expect(ancestors(table.find(20))).toEqual([10]);
    expect(ancestors(table.find(10))).toEqual([]);
  });

  test('what is read of a script and of long arguments', () => {
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

  test('the record of a fork that was seeded already: now the parent is known', () => {
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

  test('after records were lost: the ended go, the new come, a reused pid is another process', () => {
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
  test('the child runs what its parent runs, which is kept as it was', () => {
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

  test('by a thread, and by a thread of a thread', () => {
    const { table } = seeded();
    table.fork(fork(11, 13, { thread: true }));
    table.fork(fork(13, 14, { thread: true }));
    table.fork(fork(14, 30));
    expect(ancestors(table.find(30))).toEqual([10, 1]);
    expect(table.find(13)).toBe(undefined);
    expect(table.size).toBe(4);
  });

  test('CLONE_PARENT: a sibling of its creator', () => {
    const { table } = seeded();
    table.fork(fork(20, 30, { sibling: true }));
    expect(ancestors(table.find(30))).toEqual([10, 1]);
    // Not its parent's: who made it may run something else.
    expect(table.find(30)?.parentImageAtFork).toBe(table.find(20)?.image);
    // What is run in the child is still what its creator ran.
    expect(table.find(30)?.image).toBe(table.find(20)?.image);
  });

  test('by an unknown process: it is read from /proc, also by the id of one of its threads', () => {
    const { proc, table } = seeded();
    proc.processes.set(40, detailsOf(40, { parentPid: 20, startTicks: 90 }));
    proc.threads.set(40, [41]);
    table.fork(fork(41, 50));
    expect(ancestors(table.find(50))).toEqual([40, 20, 10, 1]);
    expect(table.find(50)?.parentInferred).toBe(false);
    expect(table.find(40)?.parentInferred).toBe(true);
  });

  test('by an unknown process that has ended', () => {
    const { table } = seeded();
    table.fork(fork(40, 50));
    expect(ancestors(table.find(50))).toEqual([40]);
    expect(table.find(50)?.parent).toMatchObject({ ended: true, image: undefined, details: undefined, startNs: 1e9 });
  });

  test('a pid that is given again: the old process is kept for its children only', () => {
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
  test('a new image each time', () => {
    const { table } = seeded();
    const entry = table.exec(exec(20, '/no/a', { args: ['a'], inferredFrom: 'interpreter_argument' }));
    expect(entry.image).toEqual({
      filename: '/no/a',
      execNs: 1e9 + 1000,
      args: ['a'],
      inferredFrom: 'interpreter_argument',
    });
    const first = entry.image;
    expect(table.exec(exec(20, '/no/b')).image).toEqual({ filename: '/no/b', execNs: 1e9 + 1000 });
    expect(first?.filename).toBe('/no/a');
  });

  test('from a thread that is not the first: it has become the process', () => {
    const { table } = seeded();
    const entry = table.exec(exec(10, '/no/new', { formerTid: 12 }));
    expect(entry).toBe(table.find(10));
    // The other threads end, the former first among them; 12 may be given anew.
    table.exit(exit(11, false));
    table.exit(exit(10, false));
    table.fork(fork(1, 12));
    table.exit(exit(12));
    expect(entry).toMatchObject({ ended: false, image: { filename: '/no/new' } });
  });

  test('of an unknown process: it is read from /proc; where it has ended the name is all', () => {
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
    // Where the kernel does not say which was the last, the first one counts.
    ['a thread goes, as far as is known', [[11, undefined]], false],
    ['the first goes, as far as is known', [[10, undefined]], true],
    ['somebody else goes', [[99, true]], false],
  ])('%s', (_, exits, ended) => {
    const { table } = seeded();
    const entry = table.find(10);
    for (const [pid, groupDead] of exits) table.exit({ kind: 'exit', timeNs: 2e9, pid, groupDead });
    expect(entry?.ended).toBe(ended);
    expect(table.find(10)).toBe(ended ? undefined : entry);
  });

  test('the dead stay as ancestors', () => {
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

describe('bounds', () => {
  test('a chain in which each forks the next and ends does not grow for ever', () => {
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

  test('a chain of the living is not cut', () => {
    const { table } = seeded();
    for (let pid = 1000; pid < 1200; pid++) table.fork(fork(pid === 1000 ? 20 : pid - 1, pid, { timeNs: pid * 1e9 }));
    expect(ancestors(table.find(1199))).toHaveLength(202);
  });

  test('a full table takes in no more, and says so', () => {
    const table = createProcessTable(procDouble());
    for (let pid = 1; pid <= 131_072; pid++) table.fork(fork(pid - 1, pid));
    // 0, read as the creator of 1, is in it too.
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
  test('once for each program', () => {
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
    // What the seeding read is not read again.
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
  ])('forked at 1 s, /proc says %d ticks: the same process %j', (startTicks, same) => {
    const { proc, table } = seeded();
    table.fork(fork(20, 30));
    proc.processes.set(30, detailsOf(30, { startTicks }));
    expect(table.inspect(table.find(30) as ProcessEntry) !== undefined).toBe(same);
  });

  test('an ended process is not looked for; it keeps what was seen, as of the program that it was seen of', () => {
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

  test('up to a bound', () => {
    const { table } = seeded();
    const entry = table.exec(exec(20, '/no/new'));
    table.inspect(entry);
    table.completeArgs(entry, 2);
    expect(entry.image).toMatchObject({ args: ['p2'], argsTruncated: true });
  });
});

describe('recall', () => {
  test('a live process, one that has ended, one that /proc alone shows', () => {
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

  test('the fork of a process that was taken out of /proc comes later', () => {
    const { proc, table } = seeded();
    proc.processes.set(30, detailsOf(30, { startTicks: 100, parentPid: 1 }));
    const entry = table.recall(30);
    table.fork(fork(20, 30));
    expect(table.find(30)).toBe(entry);
    expect(ancestors(entry)).toEqual([20, 10, 1]);
  });

  test('a process that ends while it is looked at is not kept', () => {
    const { proc, table } = seeded();
    proc.processes.set(30, detailsOf(30));
    proc.inspect = () => undefined;
    expect(table.recall(30)).toBe(undefined);
    expect(table.find(30)).toBe(undefined);
  });

  test('the last ones alone; of two with one pid the later one', () => {
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

  test('who was there at a time or later', () => {
    const { table } = seeded();
    table.exit(exit(20));
    const pids = (sinceNs: number) => [...table.aliveSince(sinceNs)].map(({ pid }) => pid).sort();
    expect(pids(0)).toEqual([1, 10, 20]);
    expect(pids(2e9)).toEqual([1, 10, 20]);
    expect(pids(2e9 + 1)).toEqual([1, 10]);
  });
});
