// Polling: the records that follow from two polls of a /proc in memory.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { hasShebang } from '../../../collectors/proc/script-of-interpreter.ts';
import type { ProcessRecord } from '../../../collectors/process/process-record.ts';
import { createProcComparison, openProcfsSensor, type Program } from '../../../collectors/procfs/procfs-sensor.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

interface Process {
  startTicks: number;
  parentPid: number;
  program: Program | undefined;
}

let processes: Map<number, Process>;
/** The pids whose programs were read since the last poll. */
let read: number[];
let check: () => ProcessRecord[];
let nowNs: number;

const program = (exe: string, ...args: string[]): Program => ({ exe, args, workingDirectory: '/' });

function start(pid: number, parentPid: number, startTicks: number, exe?: Program): void {
  processes.set(pid, { startTicks, parentPid, program: exe ?? processes.get(parentPid)?.program });
}

function run(pid: number, exe: Program | undefined): void {
  (processes.get(pid) as Process).program = exe;
}

beforeEach(() => {
  processes = new Map();
  read = [];
  nowNs = 1e9;
  start(1, 0, 1, program('/no/init', 'init'));
  start(10, 1, 50, program('/no/sh', 'sh'));
  const compare = createProcComparison({
    beginsWithShebang: (file) => hasShebang(openHost(), file),
    listPids: () => [...processes.keys()],
    readStat: (pid) => processes.get(pid),
    readProgram(pid) {
      read.push(pid);
      return processes.get(pid)?.program;
    },
  });
  check = () => {
    read = [];
    nowNs += 1e6;
    return compare(nowNs);
  };
  expect(check()).toEqual([]);
});

const forkOf = (pid: number, creator: number, startTicks: number) => ({
  kind: 'fork',
  timeNs: startTicks * 1e7,
  pid,
  creator,
  thread: false,
  sibling: false,
});
const execOf = (pid: number, { exe, args }: Program, change = {}) => ({
  kind: 'exec',
  timeNs: nowNs,
  pid,
  formerTid: pid,
  filename: exe,
  args,
  ...change,
});
const exitOf = (pid: number) => ({ kind: 'exit', timeNs: nowNs, pid, groupDead: true });

const dpkg = program('/no/dpkg', 'dpkg', '-i');

describe('a new process', () => {
  test('that has called execve already has a fork and an exec', () => {
    start(20, 10, 100, dpkg);
    expect(check()).toEqual([forkOf(20, 10, 100), execOf(20, dpkg)]);
    expect(check()).toEqual([]);
  });

  test('that runs the program of its parent has only a fork, and is read until its exec', () => {
    start(20, 10, 100);
    expect(check()).toEqual([forkOf(20, 10, 100)]);
    expect(check()).toEqual([]);
    run(20, dpkg);
    expect(check()).toEqual([execOf(20, dpkg)]);
  });

  test('comes after its parent, in whatever order they are listed', () => {
    start(30, 25, 101, dpkg);
    start(25, 20, 100, program('/no/sh', 'sh', '-c'));
    start(20, 10, 100);
    // A parent has the lower start, or with the same one usually the lower pid.
    expect(check().map(({ kind, ...record }) => [kind, 'pid' in record && record.pid])).toEqual([
      ['fork', 20],
      ['fork', 25],
      ['exec', 25],
      ['fork', 30],
      ['exec', 30],
    ]);
  });

  test("of the kernel's, without a program", () => {
    start(20, 2, 100);
    expect(check()).toEqual([forkOf(20, 2, 100)]);
    expect(check()).toEqual([]);
  });

  test('that ends during the poll is ignored', () => {
    const gone = { listed: true };
    const compare = createProcComparison({
      beginsWithShebang: () => false,
      listPids: () => (gone.listed ? [1, 20] : [1]),
      readStat: (pid) => (pid === 1 ? { startTicks: 1, parentPid: 0 } : undefined),
      readProgram: () => undefined,
    });
    expect(compare(1)).toEqual([]);
    expect(compare(2)).toEqual([]);
    gone.listed = false;
    expect(compare(3)).toEqual([]);
  });
});

describe('an exec', () => {
  test.each<[string, Program | undefined, boolean]>([
    ['another file', program('/no/dash', 'sh'), true],
    ['other arguments', program('/no/sh', 'sh', '-x'), true],
    ['fewer arguments', program('/no/sh'), true],
    ['the same', program('/no/sh', 'sh'), false],
    ['only another directory', { ...program('/no/sh', 'sh'), workingDirectory: '/tmp' }, false],
    ['nothing that can be read', undefined, false],
  ])('%s', (_, now, seen) => {
    start(20, 10, 100);
    check();
    run(20, now);
    expect(check().map(({ kind }) => kind)).toEqual(seen ? ['exec'] : []);
  });

  test('of a script has the basis of its name', () => {
    const script = path.join(temporaryDirectory(), 'script');
    fs.writeFileSync(script, '#!/bin/sh\n');
    const runs = program('/usr/bin/dash', '/bin/sh', script);
    start(20, 10, 100, runs);
    expect(check()[1]).toEqual(execOf(20, runs, { filename: script, inferredFrom: expect.any(String) }));
  });
});

describe('the interval of reads', () => {
  const countReads = (pid: number, turns: number): number => {
    let checks = 0;
    for (let turn = 0; turn < turns; turn++) {
      check();
      if (read.includes(pid)) checks++;
    }
    return checks;
  };

  test('is one turn for a young process and ten for a settled one', () => {
    start(20, 10, 100);
    check();
    expect(countReads(20, 10)).toBe(10);
    countReads(20, 20);
    expect(countReads(20, 100)).toBe(10);
  });

  test('is one turn again after a late execve', () => {
    countReads(10, 40);
    run(10, dpkg);
    let seen: ProcessRecord[] = [];
    let turns = 0;
    for (; seen.length === 0; turns++) seen = check();
    expect(turns).toBeLessThanOrEqual(10);
    expect(seen).toEqual([execOf(10, dpkg)]);
    expect(countReads(10, 15)).toBe(15);
  });
});

describe('an end', () => {
  test('is reported once', () => {
    processes.delete(10);
    expect(check()).toEqual([exitOf(10)]);
    expect(check()).toEqual([]);
  });

  test('is reported for a pid that another process has at the next poll', () => {
    const other = program('/no/other', 'other');
    start(10, 1, 500, other);
    expect(check()).toEqual([exitOf(10), forkOf(10, 1, 500), execOf(10, other)]);
  });

  test('is reported later for a pid whose new process runs the same program', () => {
    start(10, 1, 500, program('/no/sh', 'sh'));
    const records: ProcessRecord[] = [];
    for (let turn = 0; turn < 10 && records.length === 0; turn++) records.push(...check());
    expect(records).toEqual([exitOf(10), forkOf(10, 1, 500), execOf(10, program('/no/sh', 'sh'))]);
  });

  test('comes before the new processes of the same poll', () => {
    processes.delete(10);
    start(20, 1, 100, dpkg);
    expect(check().map(({ kind }) => kind)).toEqual(['exit', 'fork', 'exec']);
  });
});

test('the sensor starts, polls the real /proc and stops', async () => {
  const faults: string[] = [];
  const sensor = openProcfsSensor({
    host: openHost(),
    pollIntervalMs: 5,
    onFault: (what) => faults.push(what),
  });
  sensor.start(() => {});
  expect(sensor.state()).toMatchObject({ turns: 1 });
  await sensor.stop();
  expect(faults).toEqual([]);
});

test('an error in a batch is a fault and does not end the sensor', async () => {
  const faults: string[] = [];
  const sensor = openProcfsSensor({
    host: openHost(),
    pollIntervalMs: 1,
    onFault: (what) => faults.push(what),
  });
  const child = spawn('/bin/cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  sensor.start(() => {
    throw new Error('no room');
  });
  await sensor.stop();
  expect(faults.join()).toContain('no room');
});
