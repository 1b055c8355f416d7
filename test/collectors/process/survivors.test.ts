// What a package transaction leaves running: who counts, and when the transaction is over.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { eventClasses } from '../../../collectors/event/event-classes.ts';
import { readPath } from '../../../collectors/event/read-path.ts';
import type { ProcessRecord } from '../../../collectors/process/process-record.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { graceMs, type LeftRunning, openSurvivorCheck, quietMs } from '../../../collectors/process/survivors.ts';
import { describeSurvivors, maxSurvivors } from '../../../collectors/process/survivors-event.ts';
import { openTimers } from '../../../collectors/timers.ts';
import { hostContext } from '../host/host-context-double.ts';
import { detailsOf, exec, exit, fork, procDouble } from '../proc-double.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A check over the shell 10; `handle` does what the collector and the pipeline do. */
function open() {
  const proc = procDouble(detailsOf(10, { exe: '/usr/bin/bash' }));
  const table = createProcessTable(proc);
  table.seed();
  const found: LeftRunning[] = [];
  let pending: ProcessRecord[] = [];
  const timers = openTimers((error) => {
    throw error;
  });
  const handle = (...records: readonly ProcessRecord[]): void => {
    for (const record of records) {
      if (record.kind === 'fork') table.fork(record);
      if (record.kind === 'exec') table.exec(record);
      if (record.kind !== 'exit') continue;
      const ended = table.exit(record);
      if (ended !== undefined) check.handleExit(ended);
    }
  };
  const check = openSurvivorCheck({
    table,
    later: timers.later,
    nowNs: () => 9e9,
    readNow() {
      const records = pending;
      pending = [];
      handle(...records);
    },
    report: (left) => void found.push(left),
  });
  const pids = (): number[][] => found.map(({ processes }) => processes.map(({ pid }) => pid));
  return {
    proc,
    table,
    check,
    found,
    handle,
    pids,
    /** Records that the sensor has and that were not handled yet. */
    arrive: (...records: ProcessRecord[]) => void pending.push(...records),
  };
}

const dpkg = [fork(10, 20), exec(20, '/usr/bin/dpkg')];
const script = (parent: number, pid: number, name = 'web'): ProcessRecord[] => [
  fork(parent, pid),
  exec(pid, `/var/lib/dpkg/info/${name}.postinst`),
];
const program = (parent: number, pid: number, filename = '/usr/bin/sleep'): ProcessRecord[] => [
  fork(parent, pid),
  exec(pid, filename),
];

describe('after dpkg has ended', () => {
  test.each<[string, ProcessRecord[], number[][]]>([
    ['a program in the background', [...dpkg, ...script(20, 30), ...program(30, 40), exit(30)], [[40]]],
    ['a child that executed nothing', [...dpkg, ...script(20, 30), fork(30, 40), exit(30)], [[40]]],
    ['a double fork', [...dpkg, ...script(20, 30), fork(30, 40), ...program(40, 41), exit(40), exit(30)], [[41]]],
    [
      'several, of several scripts',
      [
        ...dpkg,
        ...script(20, 30),
        ...program(30, 40),
        exit(30),
        ...script(20, 31, 'mail'),
        ...program(31, 41),
        exit(31),
      ],
      [[40, 41]],
    ],
    ['the script itself', [...dpkg, ...script(20, 30)], [[30]]],
    [
      'a process whose other name is dpkg',
      [...dpkg, ...script(20, 30), ...program(30, 40, '/tmp/dpkg'), exit(30)],
      [[40]],
    ],
    ['nothing below the script', [...dpkg, ...script(20, 30), exit(30)], []],
    ['a program that has ended', [...dpkg, ...script(20, 30), ...program(30, 40), exit(40), exit(30)], []],
    ['a thread that lives on', [...dpkg, ...script(20, 30), fork(30, 40, { thread: true }), exit(30)], []],
    ['a program of dpkg, below no script', [...dpkg, ...program(20, 40, '/usr/bin/dpkg-deb')], []],
    [
      'a service that pid 1 restarts for the script',
      [
        ...dpkg,
        ...script(20, 30),
        ...program(30, 40, '/usr/bin/systemctl'),
        ...program(1, 50, '/usr/sbin/nginx'),
        exit(40),
        exit(30),
      ],
      [],
    ],
    ['a program beside dpkg', [...dpkg, ...script(20, 30), exit(30), ...program(10, 50)], []],
  ])('%s', (_, records, expected) => {
    const { handle, pids } = open();
    handle(...records, exit(20));
    vi.advanceTimersByTime(graceMs - 1);
    expect(pids()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(pids()).toEqual(expected);
  });

  test('a program that ends within two seconds does not count, even if its record was not read yet', () => {
    const { handle, pids, arrive } = open();
    handle(...dpkg, ...script(20, 30), ...program(30, 40), ...program(30, 41), exit(30), exit(20));
    vi.advanceTimersByTime(graceMs / 2);
    handle(exit(40));
    arrive(exit(41));
    vi.advanceTimersByTime(graceMs);
    expect(pids()).toEqual([]);
  });

  test('a process that began in the two seconds counts', () => {
    const { handle, pids } = open();
    handle(...dpkg, ...script(20, 30), ...program(30, 40), exit(30), exit(20));
    vi.advanceTimersByTime(graceMs / 2);
    handle(fork(40, 41), exit(40));
    vi.advanceTimersByTime(graceMs);
    expect(pids()).toEqual([[41]]);
  });
});

describe('the end of a transaction', () => {
  const apt = program(10, 15, '/usr/bin/apt-get');
  const aptDpkg = program(15, 20, '/usr/bin/dpkg');
  const leaving = [...script(20, 30), ...program(30, 40), exit(30)];

  test('is that of apt, not of the dpkg below it', () => {
    const { handle, pids } = open();
    handle(...apt, ...aptDpkg, ...leaving, exit(20));
    vi.advanceTimersByTime(graceMs);
    expect(pids()).toEqual([]);
    handle(...program(15, 21, '/usr/bin/dpkg'), ...script(21, 31), ...program(31, 41), exit(31), exit(21), exit(15));
    vi.advanceTimersByTime(graceMs);
    expect(pids()).toEqual([[40, 41]]);
  });

  test('is reached without a dpkg for a minute, where the tool goes on running', () => {
    const { handle, pids } = open();
    handle(...program(10, 15, '/usr/libexec/packagekitd'), ...aptDpkg, ...leaving, exit(20));
    vi.advanceTimersByTime(quietMs - 1);
    handle(...program(15, 21, '/usr/bin/dpkg'));
    vi.advanceTimersByTime(quietMs);
    // dpkg runs.
    expect(pids()).toEqual([]);
    handle(exit(21));
    vi.advanceTimersByTime(quietMs);
    expect(pids()).toEqual([[40]]);
    // Each process is reported once.
    handle(...program(15, 22, '/usr/bin/dpkg'), ...script(22, 32), ...program(32, 42), exit(32), exit(22), exit(15));
    vi.advanceTimersByTime(graceMs);
    expect(pids()).toEqual([[40], [42]]);
  });

  test('is not delayed by a program that a script names dpkg', () => {
    const { handle, pids } = open();
    handle(...program(10, 15, '/usr/libexec/packagekitd'), ...aptDpkg, ...script(20, 30));
    handle(...program(30, 40, '/tmp/dpkg'), exit(30), exit(20));
    vi.advanceTimersByTime(quietMs);
    expect(pids()).toEqual([[40]]);
  });

  test('of a dpkg that outlives apt is reached again', () => {
    const { handle, pids } = open();
    handle(...apt, ...aptDpkg, ...leaving, exit(15));
    vi.advanceTimersByTime(graceMs);
    handle(...script(20, 31), ...program(31, 41), exit(31), exit(20));
    vi.advanceTimersByTime(graceMs);
    expect(pids()).toEqual([[40], [41]]);
  });

  test('that was lost is noticed when the table is read again', () => {
    const { proc, table, check, handle, pids } = open();
    for (const pid of [20, 30, 40]) proc.processes.set(pid, detailsOf(pid));
    handle(...dpkg, ...script(20, 30), ...program(30, 40));
    for (const pid of [20, 30]) proc.processes.delete(pid);
    table.seed();
    check.findEnded();
    check.findEnded();
    vi.advanceTimersByTime(graceMs);
    expect(pids()).toEqual([[40]]);
    check.findEnded();
    vi.advanceTimersByTime(graceMs);
    expect(pids()).toEqual([[40]]);
  });

  test('that is still to be checked when the agent stops is checked then', () => {
    const { check, handle, pids } = open();
    handle(...dpkg, ...leaving, exit(20));
    check.stop();
    expect(pids()).toEqual([[40]]);
    vi.advanceTimersByTime(graceMs);
    expect(pids()).toEqual([[40]]);
  });
});

test('at most 256 transactions wait; one more ends the wait of the oldest', () => {
  const { handle, pids } = open();
  for (let i = 0; i < 257; i++) {
    const pid = 1000 + 10 * i;
    handle(...program(10, pid, '/usr/bin/dpkg'), ...script(pid, pid + 1), ...program(pid + 1, pid + 2));
    handle(exit(pid + 1), exit(pid));
  }
  expect(pids()).toEqual([[1002]]);
});

describe('the event', () => {
  const eventOf = (count: number) => {
    const { proc, table, found, handle } = open();
    handle(...dpkg, ...script(20, 30));
    for (let pid = 40; pid < 40 + count; pid++) {
      proc.processes.set(pid, detailsOf(pid, { exe: '/usr/bin/sleep', args: ['sleep', String(pid)] }));
      handle(...program(30, pid));
    }
    handle(exit(30), exit(20));
    vi.advanceTimersByTime(graceMs);
    const [left] = found;
    if (left === undefined) throw new Error('nothing was left running');
    return describeSurvivors(left, { table, context: hostContext });
  };

  test('has the tool as its process, and each program with its script', () => {
    expect(eventOf(1)).toMatchObject({
      event: { category: ['process'], type: ['info'], action: 'processes-left-running' },
      process: { pid: 20, executable: '/usr/bin/dpkg', parent: { pid: 10 } },
      stepparent: {
        transaction: {
          id: expect.stringMatching(/-20-100$/),
          executable: '/usr/bin/dpkg',
          survivors: [
            {
              pid: 40,
              entity_id: expect.stringMatching(/-40-100$/),
              name: 'sleep',
              executable: '/usr/bin/sleep',
              args: ['sleep', '40'],
              script: {
                manager: 'dpkg',
                path: '/var/lib/dpkg/info/web.postinst',
                package: 'web',
                phase: 'postinst',
              },
            },
          ],
          survivors_count: 1,
        },
      },
    });
  });

  test.each([maxSurvivors, maxSurvivors + 1])('of %d processes lists at most 32', (count) => {
    const { transaction, truncated } = eventOf(count).stepparent;
    expect(transaction?.survivors).toHaveLength(maxSurvivors);
    expect(transaction?.survivors_count).toBe(count);
    expect(truncated?.['stepparent.transaction.survivors']).toBe(count > maxSurvivors ? maxSurvivors : undefined);
  });

  test('is what the checks of rules know of it', () => {
    const event = eventOf(1);
    const own = eventClasses.filter(({ action }) => action === 'processes-left-running');
    expect(own).toHaveLength(1);
    for (const field of ['event.category', 'event.type', 'event.dataset', 'event.kind', 'destination.ip']) {
      expect([field, own[0]?.known(field)]).toEqual([field, { value: readPath(event, field) }]);
    }
    for (const field of ['stepparent.transaction.survivors.executable', 'process.name']) {
      expect([field, own[0]?.known(field)]).toEqual([field, undefined]);
      expect(readPath(event, field)).toBeDefined();
    }
  });
});
