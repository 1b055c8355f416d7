// Package transactions, from the records of the process table.

import { describe, expect, test } from 'vitest';
import { entityId } from '../../../collectors/process/describe-process.ts';
import type { ObservedExec } from '../../../collectors/process/observe-exec.ts';
import type { ProcessEntry } from '../../../collectors/process/process.ts';
import { createProcessTable, type ProcessTable } from '../../../collectors/process/process-table.ts';
import { survivorExecs, survivorNs, transactionAt } from '../../../collectors/process/transaction.ts';
import { hostContext } from '../host/host-context-double.ts';
import { detailsOf, exec, exit, fork, procDouble } from '../proc-double.ts';
import { collectExecs } from './collect-execs.ts';

function tableWithInit(): ProcessTable {
  const table = createProcessTable(procDouble(detailsOf(1, { parentPid: 0 })));
  table.seed();
  return table;
}
/** `parent` forks `pid`, which executes the file. */
const start = (table: ProcessTable, parent: number, pid: number, file: string, timeNs = 1e9): ProcessEntry => {
  table.fork(fork(parent, pid, { timeNs }));
  return table.exec(exec(pid, file, { timeNs: timeNs + 1000 }));
};
/** The pid of the topmost run. */
const topOf = (entry: ProcessEntry | undefined) => entry?.transaction?.root.pid;

/** A table in which /tmp/updater is a copy of that program. */
const tableOfCopies = (program: string): ProcessTable =>
  createProcessTable(procDouble(detailsOf(1, { parentPid: 0 })), {
    recognize(_, image) {
      if (image.filename !== '/tmp/updater') return;
      image.program = { path: program, paths: new Set([program]), basis: 'build_id', runsArgument: true };
    },
  });

describe('a transaction begins', () => {
  test.each(['/usr/bin/dpkg', '/usr/bin/apt-get', '/usr/bin/dnf-3'])(
    'with a copy of %s under another name',
    (program) => {
      expect(topOf(start(tableOfCopies(program), 1, 10, '/tmp/updater'))).toBe(10);
    },
  );

  test.each(['/usr/bin/dpkg-query', '/usr/bin/dash'])('not with a copy of %s', (program) => {
    expect(topOf(start(tableOfCopies(program), 1, 10, '/tmp/updater'))).toBe(undefined);
  });

  test.each<[args: string[], begins: boolean]>([
    [['busybox', 'dpkg', '-i', 'x.deb'], true],
    [['dpkg', '-i', 'x.deb'], true],
    [['busybox', 'sh', 'dpkg'], false],
    [[], false],
  ])('with an applet of busybox, once the arguments are known: %j', (args, begins) => {
    const table = tableOfCopies('/usr/bin/busybox');
    const entry = start(table, 1, 10, '/tmp/updater');
    const { image } = entry;
    expect(topOf(entry)).toBe(undefined);
    if (image) {
      image.args = args;
      table.recognizeAgain(entry, image);
    }
    expect(topOf(entry)).toBe(begins ? 10 : undefined);
  });

  test.each([
    '/usr/bin/dpkg',
    'dpkg',
    './dpkg',
    '/usr/bin/apt',
    '/usr/bin/apt-get',
    '/tmp/apt-get',
    '/usr/bin/aptitude',
    '/usr/bin/unattended-upgrade',
    '/usr/sbin/dpkg-reconfigure',
    '/usr/libexec/packagekitd',
    '/usr/bin/rpm',
    '/usr/bin/dnf',
    '/usr/bin/dnf-3',
    '/usr/bin/dnf4',
    '/usr/bin/dnf5',
    '/usr/bin/dnf-automatic-3',
    '/usr/bin/tdnf',
    '/usr/bin/gdebi',
    '/usr/bin/microdnf',
    '/usr/bin/yum',
    '/usr/bin/zypper',
  ])('with %s', (file) => {
    expect(topOf(start(tableWithInit(), 1, 10, file))).toBe(10);
  });

  test.each([
    '/usr/bin/dpkg-query',
    '/usr/bin/dpkg-deb',
    '/usr/bin/dpkg-split',
    '/usr/bin/apt-cache',
    '/usr/bin/apt-mark',
    '/usr/share/unattended-upgrades/unattended-upgrade-shutdown',
    '/usr/bin/rpmkeys',
    '/usr/bin/rpmdb',
    '/usr/bin/tasksel',
    '/usr/share/debconf/frontend',
    '/usr/bin/dnf55',
    '/usr/bin/xdpkg',
    '/usr/bin/dpkg/x',
    '/usr/bin/bash',
    '/',
    '',
  ])('not with %s', (file) => {
    expect(start(tableWithInit(), 1, 10, file).transaction).toBe(undefined);
  });

  test('when the tool is executed, and not in other children of its caller', () => {
    const table = tableWithInit();
    start(table, 1, 10, '/bin/bash');
    table.fork(fork(10, 11));
    expect(topOf(table.find(11))).toBe(undefined);
    expect(topOf(table.exec(exec(11, '/usr/bin/apt-get')))).toBe(11);
    expect(topOf(start(table, 10, 12, '/bin/ls'))).toBe(undefined);
    expect(topOf(table.find(10))).toBe(undefined);
  });

  test('with a process that is older than the agent', () => {
    const proc = procDouble(
      detailsOf(1, { parentPid: 0 }),
      detailsOf(10, { exe: '/usr/bin/apt-get' }),
      detailsOf(11, { parentPid: 10, exe: '/usr/bin/dpkg' }),
      detailsOf(12, { parentPid: 11, exe: '/usr/bin/dash' }),
    );
    const table = createProcessTable(proc);
    table.seed();
    expect([10, 11, 12].map((pid) => topOf(table.find(pid)))).toEqual([10, 10, 10]);
    expect(topOf(start(table, 12, 13, '/bin/true'))).toBe(10);
    expect(topOf(table.find(1))).toBe(undefined);
  });
});

describe('a transaction is inherited', () => {
  test('by all processes below the topmost tool, other tools too', () => {
    const table = tableWithInit();
    start(table, 1, 10, '/usr/bin/apt-get');
    start(table, 10, 11, '/usr/bin/dpkg');
    start(table, 11, 12, '/var/lib/dpkg/info/x.postinst');
    const all = [start(table, 12, 13, '/usr/bin/dpkg'), start(table, 13, 14, '/var/lib/dpkg/info/y.postinst')];
    expect(all.map(topOf)).toEqual([10, 10]);
    expect(all[0]?.transaction).toBe(table.find(10)?.transaction);
  });

  test('by orphans and their children after the tool has ended', () => {
    const table = tableWithInit();
    start(table, 1, 10, '/usr/bin/dpkg');
    start(table, 10, 11, '/var/lib/dpkg/info/x.postinst');
    table.fork(fork(11, 12));
    table.fork(fork(12, 13));
    for (const pid of [12, 11, 10]) table.exit(exit(pid));
    expect(topOf(table.exec(exec(13, '/tmp/payload', { timeNs: 3e9 })))).toBe(10);
    expect(topOf(start(table, 13, 14, '/bin/sleep', 4e9))).toBe(10);
    // Adopted by init, which does not belong to the transaction.
    expect(topOf(start(table, 1, 15, '/bin/sleep', 4e9))).toBe(undefined);
  });

  test('by a payload that waits for the lock and then runs dpkg', () => {
    const table = tableWithInit();
    start(table, 1, 10, '/usr/bin/dpkg');
    start(table, 10, 11, '/tmp/payload');
    table.exit(exit(10));
    expect(topOf(start(table, 11, 12, '/usr/bin/dpkg', 60e9))).toBe(10);
  });

  test('by a process whose fork record comes after its exec', () => {
    const proc = procDouble(detailsOf(1, { parentPid: 0 }), detailsOf(10, { exe: '/usr/bin/dpkg' }));
    const table = createProcessTable(proc);
    table.seed();
    proc.processes.set(11, detailsOf(11, { parentPid: 1, exe: '/bin/true' }));
    expect(topOf(table.recall(11))).toBe(undefined);
    table.fork(fork(10, 11));
    expect(topOf(table.find(11))).toBe(10);
  });
});

describe('a transaction is over', () => {
  /** A daemon that survives dpkg, which ended at 2 s. */
  const withDaemon = () => {
    const table = tableWithInit();
    start(table, 1, 10, '/usr/bin/dpkg');
    start(table, 10, 11, '/usr/sbin/sshd');
    table.exit(exit(10));
    return table;
  };

  test('after some time, for new processes and for a surviving daemon', () => {
    const table = withDaemon();
    const daemon = table.find(11) as ProcessEntry;
    expect(topOf(start(table, 11, 12, '/bin/bash', 2e9 + survivorNs - 1e9))).toBe(10);
    expect(transactionAt(daemon, 2e9 + survivorNs)).toBe(daemon.transaction);
    expect(transactionAt(daemon, 3e9 + survivorNs)).toBe(undefined);
    expect(topOf(start(table, 11, 13, '/bin/bash', 3e9 + survivorNs))).toBe(undefined);
    // A login through it months later has a transaction of its own.
    expect(topOf(start(table, 13, 14, '/usr/bin/apt-get', 4e9 + survivorNs))).toBe(14);
  });

  test('after a number of programs', () => {
    const table = withDaemon();
    const tops = Array.from({ length: survivorExecs + 2 }, (_, i) =>
      topOf(start(table, 11, 100 + i, '/bin/true', 3e9)),
    );
    expect(tops.lastIndexOf(10)).toBe(survivorExecs - 1);
    expect(tops.slice(survivorExecs)).toEqual([undefined, undefined]);
  });

  test('not while the tool runs, regardless of time and number', () => {
    const table = tableWithInit();
    start(table, 1, 10, '/usr/bin/apt-get');
    for (let i = 0; i < 3 * survivorExecs; i++) start(table, 10, 100 + i, '/bin/true');
    expect(topOf(start(table, 10, 11, '/bin/true', 10 * survivorNs))).toBe(10);
  });

  test('when the end is noticed, if its record was lost', () => {
    const proc = procDouble(detailsOf(1, { parentPid: 0 }));
    const table = createProcessTable(proc);
    table.seed();
    start(table, 1, 10, '/usr/bin/dpkg');
    start(table, 10, 11, '/tmp/daemon');
    proc.processes.set(11, detailsOf(11, { exe: '/tmp/daemon' }));
    table.seed();
    expect(table.find(10)).toBe(undefined);
    expect(topOf(start(table, 11, 12, '/bin/true', 2 * survivorNs))).toBe(10);
    expect(topOf(start(table, 11, 13, '/bin/true', 4 * survivorNs))).toBe(undefined);
  });
});

describe('a transaction is in the event', () => {
  function report(probed?: string) {
    const table = tableWithInit();
    const reported: ObservedExec[] = [];
    const collector = collectExecs({
      table,
      context: hostContext,
      probes: { isProbed: (executable) => executable === probed },
      onExec: (observed) => reported.push(observed),
    });
    return { table, reported, collector };
  }

  test('of the tool and of processes below it', () => {
    const { table, reported, collector } = report();
    collector.handle(fork(1, 10));
    collector.handle(exec(10, '/no/apt-get'));
    collector.handle(fork(10, 11));
    collector.handle(exec(11, '/no/sh'));
    const id = entityId(hostContext.bootId, table.find(10) as ProcessEntry);
    expect(reported.map((each) => each.document().stepparent.transaction)).toEqual([
      { id, executable: '/no/apt-get' },
      { id, executable: '/no/apt-get' },
    ]);
    expect(reported[0]?.document().process?.entity_id).toBe(id);
    expect(reported[1]?.read('stepparent.transaction.id')).toBe(id);
  });

  test('of no other process, and reading the field does not read /proc', () => {
    const { reported, collector } = report();
    collector.handle(fork(1, 10));
    collector.handle(exec(10, '/no/sh'));
    let described = false;
    const [ordinary] = reported;
    Object.defineProperty(ordinary?.snapshot, 'ancestors', {
      get() {
        described = true;
        return [];
      },
    });
    expect(ordinary?.read('stepparent.transaction.id')).toBe(undefined);
    expect(described).toBe(false);
    expect(ordinary?.document().stepparent).not.toHaveProperty('transaction');
  });

  test('of a tool that was executed by another name', () => {
    const { reported, collector } = report('/no/harmless');
    collector.handle(fork(1, 10));
    collector.handle(exec(10, '/no/harmless'));
    expect(reported).toEqual([]);
    collector.handle({
      kind: 'argv',
      role: 'program',
      timeNs: 1e9 + 2000,
      pid: 10,
      image: '/usr/bin/dpkg',
      args: ['harmless', '-i', 'x.deb'],
      argc: 3,
      truncated: false,
    });
    collector.handle(fork(10, 11));
    collector.handle(exec(11, '/no/sh'));
    const [id, below] = reported.map((each) => each.document().stepparent.transaction?.id);
    expect(id).toMatch(/^01234567-10-/);
    expect(below).toBe(id);
  });
});
