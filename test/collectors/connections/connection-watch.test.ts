// Which connections become events: by what is above the process, and each destination once.

import { describe, expect, test } from 'vitest';
import { maxDestinations, openConnectionWatch, rates } from '../../../collectors/connections/connection-watch.ts';
import type { ConnectRecord, ProcessRecord } from '../../../collectors/process/process-record.ts';
import { createProcessTable, type ProcessTable } from '../../../collectors/process/process-table.ts';
import { survivorNs } from '../../../collectors/process/transaction.ts';
import { detailsOf, exec, exit, fork, procDouble } from '../proc-double.ts';

const source = { ip: '192.0.2.10', port: 0 };
const connect = (tid: number, ip = '192.0.2.1', port = 443, timeNs = 3e9): ConnectRecord => ({
  kind: 'connect',
  timeNs,
  tid,
  source,
  destination: { ip, port },
});

/** The shell 10; the records are those of the processes below it. */
function tableOf(...records: readonly ProcessRecord[]): ProcessTable {
  const table = createProcessTable(procDouble(detailsOf(10, { exe: '/usr/bin/bash', userId: 0 })));
  table.seed();
  for (const record of records) {
    if (record.kind === 'fork') table.fork(record);
    if (record.kind === 'exec') table.exec(record);
    if (record.kind === 'exit') table.exit(record);
  }
  return table;
}

const apt = [fork(10, 20), exec(20, '/usr/bin/apt-get')];
const http = [fork(20, 21), exec(21, '/usr/lib/apt/methods/http')];
const dpkg = [fork(20, 30), exec(30, '/usr/bin/dpkg')];
const postinst = (pid: number, name = 'web') => [fork(30, pid), exec(pid, `/var/lib/dpkg/info/${name}.postinst`)];
const curl = (parent: number, pid: number) => [fork(parent, pid), exec(pid, '/usr/bin/curl')];

describe('a connection is an event', () => {
  test.each<[string, ProcessRecord[], number, { script: number | undefined; transaction: boolean } | undefined]>([
    [
      'of a program below a script',
      [...apt, ...dpkg, ...postinst(40), ...curl(40, 41)],
      41,
      { script: 1, transaction: true },
    ],
    ['of the script itself', [...apt, ...dpkg, ...postinst(40)], 40, { script: 0, transaction: true }],
    [
      'of a forked child that executed nothing',
      [...apt, ...dpkg, ...postinst(40), fork(40, 41)],
      41,
      { script: 1, transaction: true },
    ],
    ['of a thread', [...apt, ...http, fork(21, 22, { thread: true })], 22, { script: undefined, transaction: true }],
    [
      'of a process whose script has ended',
      [...apt, ...dpkg, ...postinst(40), ...curl(40, 41), exit(40), exit(30), exit(20)],
      41,
      { script: 1, transaction: true },
    ],
    ["of apt's method", [...apt, ...http], 21, { script: undefined, transaction: true }],
    [
      'of a script that a person runs',
      [fork(10, 40), exec(40, '/var/lib/dpkg/info/web.postinst')],
      40,
      { script: 0, transaction: false },
    ],
    ['of a shell', [], 10, undefined],
    ['of a program beside a package tool', [...apt, ...curl(10, 50)], 50, undefined],
    ['of a later program of the shell', [...apt, exit(20), ...curl(10, 50)], 50, undefined],
    ['of an unknown process', [...apt], 999, undefined],
  ])('%s', (_, records, tid, expected) => {
    const found = openConnectionWatch(tableOf(...records)).ofRecord(connect(tid));
    expect(found && { script: found.lifecycle?.depth, transaction: found.transaction !== undefined }).toEqual(expected);
  });

  test('until an hour after the end of the transaction, unless a script is above', () => {
    const watch = openConnectionWatch(tableOf(...apt, fork(20, 21), exec(21, '/usr/bin/agent'), exit(20)));
    expect(watch.ofRecord(connect(21, '192.0.2.1', 1, 2e9 + survivorNs))).toBeDefined();
    expect(watch.ofRecord(connect(21, '192.0.2.1', 2, 2e9 + survivorNs + 1))).toBeUndefined();
  });

  test('has ends, time and ancestors', () => {
    const found = openConnectionWatch(tableOf(...apt, ...http)).ofRecord(connect(21));
    expect(found).toMatchObject({ timeNs: 3e9, source, destination: { ip: '192.0.2.1', port: 443 }, found: false });
    expect(found?.actor.ancestors.map(({ entry }) => entry.pid)).toEqual([20, 10, 1]);
  });
});

describe('each destination is one event', () => {
  const scripts = [...apt, ...http, ...dpkg, ...postinst(40), ...postinst(60, 'mail')];
  const events = (records: readonly ConnectRecord[], ...more: ProcessRecord[]): number[] => {
    const watch = openConnectionWatch(tableOf(...scripts, ...more));
    return records.map((record) => (watch.ofRecord(record) === undefined ? 0 : 1));
  };

  test.each<[string, ConnectRecord[], ProcessRecord[], number[]]>([
    ['the same again', [connect(40), connect(40)], [], [1, 0]],
    ['the same by a new run of the program', [connect(41), connect(42)], [...curl(40, 41), ...curl(40, 42)], [1, 0]],
    ['the same by another program', [connect(40), connect(41)], curl(40, 41), [1, 1]],
    ['another port', [connect(40), connect(40, '192.0.2.1', 80)], [], [1, 1]],
    ['another address', [connect(40), connect(40, '2001:db8::1')], [], [1, 1]],
    ['the same by another script', [connect(40), connect(60)], [], [1, 1]],
    ["the same by apt's method and by a script", [connect(21), connect(40)], [], [1, 1]],
  ])('%s', (_, records, more, expected) => {
    expect(events(records, ...more)).toEqual(expected);
  });

  test('at most 64 of a script, without an effect on another one', () => {
    const watch = openConnectionWatch(tableOf(...scripts));
    const many = Array.from({ length: maxDestinations + 5 }, (_, port) =>
      watch.ofRecord(connect(40, '192.0.2.1', port)),
    );
    expect(many.map((one) => one !== undefined)).toEqual(many.map((_, i) => i < maxDestinations));
    expect(many.flatMap((one, i) => (one?.isLast ? i : []))).toEqual([maxDestinations - 1]);
    for (const other of [60, 21]) expect(watch.ofRecord(connect(other))).toMatchObject({ isLast: false });
  });
});

describe('the rate limit', () => {
  const destinationsOf = (watch: ReturnType<typeof openConnectionWatch>, tid: number, timeNs: number): number => {
    const ports = Array.from({ length: maxDestinations }, (_, port) => port);
    return ports.filter((port) => watch.ofRecord(connect(tid, '192.0.2.1', port, timeNs)) !== undefined).length;
  };
  /** As many transactions of one user as are needed to take all tokens, and more. */
  const toolsOf = (count: number, userId: number) => {
    const details = Array.from({ length: count }, (_, i) =>
      detailsOf(1000 + i, { exe: '/usr/bin/dpkg', userId, startTicks: 100 }),
    );
    const table = createProcessTable(procDouble(...details));
    table.seed();
    return table;
  };

  test.each([
    ['root', 0, rates.root],
    ['another user', 1000, rates.others],
  ] as const)('for %s', (_, userId, { burst, perSecond }) => {
    const watch = openConnectionWatch(toolsOf(100, userId));
    const fill = (from: number, timeNs: number): number => {
      let reported = 0;
      for (let i = from; i < from + 90; i++) reported += destinationsOf(watch, 1000 + i, timeNs);
      return reported;
    };
    expect(fill(0, 10e9)).toBe(burst);
    expect([watch.reported, watch.dropped]).toEqual([burst, 90 * maxDestinations - burst]);
    // A second later, of a transaction that has reported none.
    expect(destinationsOf(watch, 1099, 11e9)).toBe(perSecond);
    // A clock that goes back adds nothing.
    expect(destinationsOf(watch, 1098, 5e9)).toBe(0);
  });

  test('of other users takes nothing from root', () => {
    const root = detailsOf(20, { exe: '/usr/bin/dpkg' });
    const others = Array.from({ length: 20 }, (_, i) => detailsOf(1000 + i, { exe: '/tmp/dpkg', userId: 1000 }));
    const table = createProcessTable(procDouble(root, ...others));
    table.seed();
    const watch = openConnectionWatch(table);
    for (const { pid } of others) destinationsOf(watch, pid, 10e9);
    expect(watch.dropped).toBeGreaterThan(0);
    expect(destinationsOf(watch, 20, 10e9)).toBe(maxDestinations);
  });
});
