// Steps of rpm transactions, and the transactions that they become.

import { describe, expect, test } from 'vitest';
import { known } from '../../../collectors/answer.ts';
import type { Transaction } from '../../../collectors/process/process.ts';
import type { ProbedText, ProcessRecord, RpmProbes, RpmStep } from '../../../collectors/process/process-record.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import type { PackageTransaction } from '../../../collectors/transactions/package-transaction.ts';
import { lastingNs, openRpmTransactions, type RpmChanges } from '../../../collectors/transactions/rpm-transactions.ts';
import { detailsOf, procDouble } from '../proc-double.ts';

const text = (value: string): ProbedText => ({ text: value });
const all: RpmProbes = { packages: true, written: true, opened: true };

interface PackageValues {
  type?: number;
  version?: string;
  epoch?: string;
  replacedBy?: number;
  name?: ProbedText;
}
const begin = (values: Partial<Extract<RpmStep, { step: 'begin' }>> = {}): RpmStep => ({
  step: 'begin',
  flags: 0,
  ignored: 0,
  root: text('/'),
  shows: all,
  ...values,
});
const opened = (database = '/var/lib/rpm'): RpmStep => ({ step: 'opened', database: text(database) });
const packageAt = (element: number, name: string, values: PackageValues = {}): RpmStep => ({
  step: 'package',
  element: String(element),
  type: values.type ?? 1,
  name: values.name ?? text(name),
  epoch: text(values.epoch ?? ''),
  version: text(values.version ?? '1'),
  release: text('1'),
  architecture: text('noarch'),
  replacedBy: String(values.replacedBy ?? 0),
});
const removed = { type: 2 };
const written = (element: number, instance: number): RpmStep => ({
  step: 'written',
  element: String(element),
  instance,
});
const end = (result = 0): RpmStep => ({ step: 'end', result });

const tid = 10;

function open() {
  const table = createProcessTable(
    procDouble(
      detailsOf(1, { parentPid: 0 }),
      detailsOf(9, { exe: '/usr/bin/bash' }),
      detailsOf(10, { exe: '/usr/bin/python3', parentPid: 9 }),
      detailsOf(20, { exe: '/usr/bin/dnf', parentPid: 9 }),
    ),
  );
  table.seed();
  const ended: PackageTransaction[] = [];
  const left: Transaction[] = [];
  const compared: RpmChanges[] = [];
  const transactions = openRpmTransactions({
    table,
    onEnd: (transaction) => ended.push(transaction),
    onLeft: (transaction) => left.push(transaction),
    compare(changes) {
      compared.push(changes);
      return known({ differences: [], signatures: new Map() });
    },
  });
  let timeNs = 5e9;
  const record = (value: Partial<ProcessRecord> | RpmStep, ofTask = tid): void => {
    timeNs += 1e6;
    transactions.handle({ kind: 'rpm', timeNs, tid: ofTask, ...value } as ProcessRecord);
  };
  return { table, transactions, ended, left, compared, record };
}

/** The transactions of these steps of one task. */
function transactionsOf(...steps: (Partial<ProcessRecord> | RpmStep)[]): PackageTransaction[] {
  const { ended, record, transactions } = open();
  for (const step of steps) record(step);
  transactions.stop();
  return ended;
}
const transactionOf = (...steps: (Partial<ProcessRecord> | RpmStep)[]): PackageTransaction | undefined => {
  const found = transactionsOf(...steps);
  expect(found).toHaveLength(1);
  return found[0];
};

test('an installation', () => {
  expect(transactionOf(begin(), opened(), packageAt(1, 'tool', { epoch: '2' }), written(1, 7), end())).toMatchObject({
    manager: 'rpm',
    actor: { entry: { pid: 10 }, image: { filename: '/usr/bin/python3' }, ancestors: [{ entry: { pid: 9 } }, {}] },
    startNs: 5.001e9,
    endNs: 5.005e9,
    outcome: 'success',
    test: false,
    changed: true,
    root: '/',
    database: '/var/lib/rpm',
    packages: [{ name: 'tool', version: '2:1-1', architecture: 'noarch', action: 'install', applied: true }],
    packagesCount: 1,
    notes: { unobserved: {}, truncated: {} },
  });
});

describe('a program that a child executes', () => {
  const execute = (table: ReturnType<typeof open>['table'], pid: number, atNs: number) => {
    table.fork({ kind: 'fork', pid, creator: tid, thread: false, sibling: false, timeNs: atNs });
    return table.exec({ kind: 'exec', pid, formerTid: pid, filename: '/bin/sh', timeNs: atNs + 1e6 });
  };
  test('during the transaction is a scriptlet', () => {
    const { table, record, left } = open();
    record(begin());
    const child = execute(table, 30, 6e9);
    expect(child.lifecycle).toMatchObject({ script: { manager: 'rpm' }, depth: 0 });
    expect(child.transaction).toMatchObject({ root: { pid: tid }, image: { filename: '/usr/bin/python3' } });
    expect(left).toEqual([]);
    record(end());
    expect(left).toEqual([child.transaction]);
  });
  test('before and after it is not a scriptlet', () => {
    const { table, record } = open();
    expect(execute(table, 30, 4e9)).toMatchObject({ lifecycle: undefined, transaction: undefined });
    record(begin());
    record(end());
    expect(execute(table, 31, 6e9).lifecycle).toBe(undefined);
  });
  test('of another process is not a scriptlet', () => {
    const { table, record } = open();
    record(begin(), 20);
    expect(execute(table, 30, 6e9)).toMatchObject({ lifecycle: undefined, transaction: undefined });
  });
  test('in a second transaction belongs to that one', () => {
    const { table, record } = open();
    record(begin());
    const first = execute(table, 30, 6e9).transaction;
    record(end());
    record(begin());
    const second = execute(table, 31, 7e9).transaction;
    expect(second).not.toBe(undefined);
    expect(second).not.toBe(first);
  });
});

describe('the action', () => {
  const two = (from: string, to: string): RpmStep[] => [
    packageAt(1, 'tool', { version: to }),
    packageAt(2, 'tool', { ...removed, version: from, replacedBy: 1 }),
  ];
  test.each<[string, RpmStep[], object[]]>([
    [
      'of a package that replaces an older one',
      [...two('1', '2'), written(1, 8), written(2, 0)],
      [{ name: 'tool', version: '2-1', action: 'upgrade', formerVersion: '1-1', applied: true }],
    ],
    [
      'of one that replaces a newer one',
      [...two('2', '1'), written(1, 8)],
      [{ action: 'downgrade', formerVersion: '2-1' }],
    ],
    [
      'of one that replaces itself',
      [packageAt(1, 'tool'), written(1, 5), written(1, 0), written(1, 8)],
      [{ action: 'reinstall', applied: true }],
    ],
    ['of a removal', [packageAt(1, 'tool', removed), written(1, 0)], [{ action: 'remove', applied: true }]],
    [
      'of packages of which one obsoletes the other',
      [packageAt(1, 'new'), packageAt(2, 'old', { ...removed, replacedBy: 1 }), written(1, 8), written(2, 0)],
      [
        { name: 'new', action: 'install', applied: true },
        { name: 'old', action: 'remove', applied: true },
      ],
    ],
    [
      'of packages of the same name that have nothing to do with each other',
      [packageAt(1, 'kernel', { version: '2' }), packageAt(2, 'kernel', removed), written(1, 8), written(2, 0)],
      [{ action: 'install' }, { action: 'remove' }],
    ],
    ['of a package whose files are only restored', [packageAt(1, 'tool', { type: 8 })], []],
  ])('%s', (_what, steps, packages) => {
    const transaction = transactionOf(begin(), opened(), ...steps, end());
    expect(transaction?.packages).toHaveLength(packages.length);
    expect(transaction?.packages).toMatchObject(packages);
  });
});

describe('the result', () => {
  const plan = [opened(), packageAt(1, 'one'), packageAt(2, 'two')];
  test('of a test', () => {
    expect(transactionOf(begin({ flags: 0x101 }), ...plan, end())).toMatchObject({
      test: true,
      outcome: 'success',
      changed: false,
      packages: [{ applied: false }, { applied: false }],
      comparison: undefined,
    });
  });
  test('of a failure', () => {
    expect(transactionOf(begin(), ...plan, written(2, 9), end(-1))).toMatchObject({
      outcome: 'failure',
      changed: true,
      packages: [
        { name: 'one', applied: false },
        { name: 'two', applied: true },
      ],
    });
  });
  test('of problems that were found before any package', () => {
    expect(transactionOf(begin(), opened(), end(3))).toMatchObject({
      outcome: 'failure',
      changed: false,
      packages: [],
      notes: { unobserved: { 'stepparent.transaction.packages': 'transaction_failed' } },
    });
  });
  test('of a failure while a package was to replace itself is not known', () => {
    const steps = [opened(), packageAt(1, 'one'), written(1, 4)];
    expect(transactionOf(begin({ ignored: 4 }), ...steps, end(-1))).toMatchObject({
      changed: undefined,
      packages: [{ applied: undefined }],
    });
    // Nothing was to be replaced, or the transaction has succeeded.
    expect(transactionOf(begin(), ...steps, end(-1))?.packages).toMatchObject([{ applied: true }]);
    expect(transactionOf(begin({ ignored: 4 }), ...steps, end(0))?.packages).toMatchObject([{ applied: true }]);
  });
  test('of a package that was removed to be replaced, and then was not', () => {
    const steps = [packageAt(1, 'one'), written(1, 4), written(1, 0)];
    expect(transactionOf(begin({ ignored: 4 }), opened(), ...steps, end(-1))).toMatchObject({
      changed: true,
      packages: [{ applied: false }],
    });
  });
  test.each<[string, Partial<ProcessRecord>, number | undefined]>([
    ['a process that ends', { kind: 'exit', pid: tid, groupDead: true }, 5.004e9],
    [
      'a process that executes another program',
      { kind: 'exec', pid: tid, formerTid: tid, filename: '/bin/sh' },
      5.004e9,
    ],
    ['a thread that executes another program', { kind: 'exec', pid: 3, formerTid: tid, filename: '/bin/sh' }, 5.004e9],
    ['the next transaction of the task', begin() as object, undefined],
  ])('of %s is unknown', (_what, last, endNs) => {
    const [first] = transactionsOf(begin(), opened(), packageAt(1, 'one'), last);
    expect(first).toMatchObject({
      outcome: 'unknown',
      endNs,
      changed: false,
      notes: { unobserved: { 'event.outcome': 'transaction_unfinished' } },
    });
  });
  test('is unknown when the agent stops', () => {
    expect(transactionOf(begin(), opened(), packageAt(1, 'one'), written(1, 2))).toMatchObject({
      outcome: 'unknown',
      endNs: undefined,
      changed: true,
      notes: { unobserved: { 'event.end': 'transaction_unfinished' } },
    });
  });
});

describe('packages that were checked before the transaction', () => {
  const checked = [packageAt(1, 'tool', { version: '2' }), packageAt(2, 'tool', { ...removed, replacedBy: 1 })];
  test('are those of a transaction that comes to none', () => {
    expect(transactionOf(...checked, begin(), opened(), end(1))).toMatchObject({
      outcome: 'failure',
      changed: false,
      packages: [{ name: 'tool', action: 'upgrade', formerVersion: '1-1', applied: false }],
      notes: { unobserved: {} },
    });
  });
  test('show what a package was to replace if the process ends before that', () => {
    const steps = [begin(), opened(), packageAt(1, 'tool', { version: '2' }), written(1, 5)];
    const last = { kind: 'exit', pid: tid, groupDead: true } as const;
    expect(transactionOf(...checked, ...steps, last)?.packages).toMatchObject([
      { action: 'upgrade', formerVersion: '1-1', applied: true },
    ]);
  });
  test('are not those of a transaction that comes to others', () => {
    expect(transactionOf(packageAt(7, 'other'), begin(), opened(), packageAt(1, 'one'), end())?.packages).toMatchObject(
      [{ name: 'one' }],
    );
  });
  test.each<[string, Partial<ProcessRecord>]>([
    ['end with their process', { kind: 'exit', pid: tid, groupDead: true }],
    [
      'end when their process executes another program',
      { kind: 'exec', pid: tid, formerTid: tid, filename: '/bin/sh' },
    ],
    ['belong to one transaction', begin() as object],
  ])('%s', (_what, last) => {
    expect(transactionsOf(...checked, last, begin(), opened(), end(1)).at(-1)?.packages).toEqual([]);
  });
  test('are bounded', () => {
    const { record, ended } = open();
    for (let i = 1; i <= 9000; i++) record(packageAt(i, `p${i}`));
    for (const step of [begin(), opened(), end(1)]) record(step);
    expect(ended[0]?.packagesCount).toBeLessThan(9000);
  });
});

describe('what the probes do not show', () => {
  test.each<[string, Partial<RpmProbes>, object, Record<string, string>]>([
    [
      'packages',
      { packages: false },
      { packages: [], changed: false },
      { 'stepparent.transaction.packages': 'not_shown' },
    ],
    ['writes', { written: false }, { changed: undefined, packages: [{ applied: undefined }] }, {}],
    ['the database', { opened: false }, { database: undefined }, { 'stepparent.transaction.database': 'not_shown' }],
  ])('%s', (_what, missing, expected, unobserved) => {
    const shows = { ...all, ...missing };
    const steps = [
      begin({ shows }),
      ...(shows.opened ? [opened()] : []),
      ...(shows.packages ? [packageAt(1, 'one')] : []),
      end(),
    ];
    expect(transactionOf(...steps)).toMatchObject({ ...expected, outcome: 'success', notes: { unobserved } });
  });
  test('flags and root', () => {
    expect(
      transactionOf(begin({ flags: undefined, root: undefined }), opened(), packageAt(1, 'one'), end()),
    ).toMatchObject({
      test: undefined,
      root: undefined,
      notes: {
        unobserved: { 'stepparent.transaction.test': 'not_shown', 'stepparent.transaction.root': 'not_shown' },
      },
    });
  });
  test('records that were lost', () => {
    const lost = { kind: 'lost', count: 3 } as const;
    expect(transactionOf(begin(), opened(), packageAt(1, 'one'), lost, end())).toMatchObject({
      outcome: 'success',
      changed: undefined,
      packages: [{ applied: undefined }],
      notes: { unobserved: { 'stepparent.transaction.packages': 'records_lost' } },
    });
  });
});

describe('no transaction', () => {
  test.each<[string, RpmStep[]]>([
    ['is one without anything to do', [begin(), end()]],
    ['are steps outside of one', [packageAt(1, 'one'), written(1, 3), opened(), end()]],
  ])('%s', (_what, steps) => expect(transactionsOf(...steps)).toEqual([]));

  test('of a process that is not known', () => {
    expect(transactionsOf({ ...begin(), tid: 99 } as object, { ...end(), tid: 99 } as object)).toEqual([]);
  });
});

describe('hostile input', () => {
  test('a database that is no path has no name', () => {
    for (const database of ['', 'relative', '%{x}']) {
      expect(transactionOf(begin(), opened(database), packageAt(1, 'one'), end())?.database).toBe(undefined);
    }
    expect(transactionOf(begin(), opened('//var//lib/rpm/'), packageAt(1, 'one'), end())?.database).toBe(
      '/var/lib/rpm',
    );
  });
  test('a name that is cut is marked', () => {
    const name = { text: 'x'.repeat(256), cutAt: 256 };
    expect(transactionOf(begin(), opened(), packageAt(1, '', { name }), end())).toMatchObject({
      packages: [{ name: name.text }],
      notes: { truncated: { 'stepparent.transaction.packages.name': 256 } },
    });
  });
  test('more packages than are kept are counted', () => {
    const many = Array.from({ length: 9000 }, (_, i) => packageAt(i + 1, `p${i}`));
    const transaction = transactionOf(begin(), opened(), ...many, end());
    expect(transaction?.packages).toHaveLength(8192);
    expect(transaction).toMatchObject({
      packagesCount: 9000,
      notes: { unobserved: { 'stepparent.transaction.packages': 'too_many_packages' } },
    });
  });
  test('a package that is written again and again uses no more memory', () => {
    const writes = Array.from({ length: 1000 }, (_, i) => written(1, i % 2));
    const { record, compared } = open();
    for (const step of [begin(), opened(), packageAt(1, 'one'), ...writes, end()]) record(step);
    expect(compared[0]?.written).toHaveLength(8);
  });
  test('more transactions than are kept end the oldest', () => {
    const { table, record, ended } = open();
    for (let pid = 100; pid < 165; pid++) {
      table.fork({ kind: 'fork', timeNs: 5e9, pid, creator: 10, thread: false, sibling: false });
      record(begin(), pid);
    }
    expect(ended).toMatchObject([{ outcome: 'unknown', actor: { entry: { pid: 100 } } }]);
  });
});

test('two tasks have a transaction each', () => {
  const { record, ended, transactions } = open();
  for (const step of [begin(), opened()]) for (const task of [10, 20]) record(step, task);
  record(packageAt(1, 'one'), 10);
  record(packageAt(1, 'two'), 20);
  record(written(1, 4), 20);
  expect(transactions.underway()).toEqual([
    { database: '/var/lib/rpm', written: [] },
    { database: '/var/lib/rpm', written: [{ package: 'two-1-1.noarch', isAdded: true }] },
  ]);
  for (const task of [10, 20]) record(end(), task);
  expect(ended).toMatchObject([
    { actor: { entry: { pid: 10 } }, packages: [{ name: 'one', applied: false }] },
    { actor: { entry: { pid: 20 } }, packages: [{ name: 'two', applied: true }] },
  ]);
});

describe('a process that is forked in a transaction', () => {
  const fork = (pid: number, creator = tid): Partial<ProcessRecord> => ({
    kind: 'fork',
    pid,
    creator,
    thread: false,
    sibling: false,
  });
  const exit = (pid: number): Partial<ProcessRecord> => ({ kind: 'exit', pid });
  const steps = [opened(), packageAt(1, 'one'), written(1, 7)];
  const installed = {
    actor: { entry: { pid: tid } },
    database: '/var/lib/rpm',
    packages: [{ name: 'one', action: 'install', applied: true }],
  };

  test('installs for the process that waits for it', () => {
    const { record, ended } = open();
    record(begin());
    record(fork(50));
    record(fork(51, 50));
    for (const step of steps) record(step, 51);
    record(end(), 51);
    for (const pid of [51, 50, tid]) record(exit(pid));
    expect(ended).toMatchObject([{ ...installed, outcome: 'unknown' }]);
  });
  test('has the transaction when the other process is gone', () => {
    const { record, ended } = open();
    record(begin());
    for (const pid of [50, 51]) record(fork(pid));
    record(exit(tid));
    expect(ended).toEqual([]);
    for (const step of steps) record(step, 51);
    record(end(), 50);
    expect(ended).toMatchObject([{ ...installed, outcome: 'success' }]);
  });
  test('has none of its own', () => {
    const { record, ended } = open();
    for (const step of [begin(), ...steps]) record(step);
    record(fork(50));
    record({ kind: 'exec', pid: 50, formerTid: 50, filename: '/bin/sh' });
    record(fork(51));
    record(exit(51));
    record(end());
    expect(ended).toMatchObject([{ ...installed, outcome: 'success' }]);
  });
  test('is not joined if it is one of very many', () => {
    const { record, ended } = open();
    record(begin());
    for (let pid = 100; pid < 357; pid++) record(fork(pid));
    for (const pid of [355, 356]) record(packageAt(pid, `p${pid}`), pid);
    record(end());
    expect(ended).toMatchObject([{ packages: [{ name: 'p355' }] }]);
  });
});

describe('a process that does not return from its transaction', () => {
  test('is reported after its last step, and again at its end', () => {
    const { record, ended, transactions } = open();
    for (const step of [begin(), opened(), packageAt(1, 'one'), packageAt(2, 'two'), written(1, 7)]) record(step);
    transactions.reportLasting(5.005e9 + lastingNs - 1);
    expect(ended).toEqual([]);
    for (const nowNs of [5.005e9 + lastingNs, 5.005e9 + 2 * lastingNs]) transactions.reportLasting(nowNs);
    expect(ended).toMatchObject([
      {
        outcome: 'unknown',
        endNs: undefined,
        changed: true,
        packages: [
          { name: 'one', applied: true },
          { name: 'two', applied: undefined },
        ],
        notes: { unobserved: { 'event.end': 'transaction_unfinished' } },
      },
    ]);
    record(written(2, 8));
    record(end());
    expect(ended).toMatchObject([{}, { outcome: 'success', packages: [{ applied: true }, { applied: true }] }]);
  });
  test('is not reported before it has changed its database', () => {
    const { record, ended, transactions } = open();
    for (const step of [begin(), opened(), packageAt(1, 'one')]) record(step);
    transactions.reportLasting(5e9 + 2 * lastingNs);
    expect(ended).toEqual([]);
  });
});

test('transactions of all tasks are incomplete from when the probes are off', () => {
  const { record, ended } = open();
  for (const step of [begin(), opened(), packageAt(1, 'one')]) record(step);
  record({ step: 'suspended' }, 99);
  record({ kind: 'exit', pid: tid });
  expect(ended).toMatchObject([
    {
      changed: undefined,
      packages: [{ name: 'one', applied: undefined }],
      notes: { unobserved: { 'stepparent.transaction.packages': 'records_lost', 'event.outcome': 'records_lost' } },
    },
  ]);
});
