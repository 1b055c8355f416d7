// Every hunt that comes with stepparent: what all have in common, and of each its hits and near misses, over a real store.

import { basename, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { StepparentEvent, WriterSource } from '../../../collectors/event/event.ts';
import { openHost } from '../../../collectors/host/host.ts';
import type { HostTable, SqlValue } from '../../../collectors/host-tables/host-table.ts';
import { hostTables } from '../../../collectors/host-tables/host-tables.ts';
import { findingSql, type Hunt, rowIdentity } from '../../../detectors/hunts/hunt.ts';
import { readHunts, shippedHunts } from '../../../detectors/hunts/load-hunts.ts';
import { type AnswerValue, openQueryDatabase, type QueryDatabase } from '../../../storage/query-database.ts';
import { openStore } from '../../../storage/store.ts';
import { exampleFinding } from '../../storage/examples.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';
import { connectionEvent, dayMs, execEvent, fileEvent, nowMs, survivorsEvent } from './hunt-events.ts';

const { hunts, rejected } = readHunts([shippedHunts]);

function hunt(id: string): Hunt {
  const found = hunts.find((each) => each.id === id);
  if (found === undefined) throw new Error(`no hunt ${id}`);
  return found;
}

function storeOf(
  events: readonly StepparentEvent[],
  tables: readonly HostTable[] = hostTables(openHost()),
): QueryDatabase {
  const path = join(temporaryDirectory(), 'stepparent.db');
  const store = openStore(path, { nowMs: nowMs - 30 * dayMs });
  store.record(
    events.map((event) => ({ event, scope: '', verdicts: [] })),
    nowMs,
  );
  store.record([exampleFinding(nowMs - 1000)], nowMs);
  store.close();
  const database = openQueryDatabase(path, tables);
  onTestFinished(() => database.close());
  return database;
}

function ask(database: QueryDatabase, sql: string, days = 7): Record<string, AnswerValue>[] {
  const { columns, rows } = database.ask(sql, { since: nowMs - days * dayMs, now: nowMs });
  return [...rows].map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i] ?? null])));
}

describe('every hunt', () => {
  test('is loaded', () => {
    expect(rejected).toEqual([]);
    expect(hunts.map(({ id }) => id)).toEqual([
      'alerts-on-few-hosts',
      'lifecycle-script-children',
      'package-database-files',
      'package-script-connections',
      'processes-left-by-package-scripts',
      'recent-package-database-changes',
    ]);
  });

  test.for(hunts.map((each) => [each.id, each] as const))('%s', ([id, each]) => {
    expect(basename(each.file)).toBe(`${id}.toml`);
    const techniques = each.threat.flatMap(({ technique }) =>
      technique.flatMap(({ id: main, subtechnique }) => [main, ...subtechnique.map((sub) => sub.id)]),
    );
    expect(techniques).toContain('T1546.016');
    expect(each.note).toMatch(/^## Look at this first\n[\s\S]*^## Investigate\n/m);
    const { columns } = (() => {
      const asked = storeOf([]).ask(each.sql, { since: 0, now: nowMs });
      for (const _ of asked.rows);
      return asked;
    })();
    expect(columns).toEqual(expect.arrayContaining([...each.identity]));
    for (const [, column] of (each.finding?.reason ?? '').matchAll(/\{([^}]+)\}/g)) expect(columns).toContain(column);
    // The condition for findings is SQL over the same columns.
    expect(ask(storeOf([]), findingSql(each), -1).length).toBe(0);
  });
});

describe('package-database-files', () => {
  const files = hunt('package-database-files');
  const info = '/var/lib/dpkg/info';

  test.for([
    ['a script by dpkg', fileEvent(`${info}/a.postinst`), true],
    ['a rename', fileEvent(`${info}/a.postinst`, '/usr/bin/dpkg', { action: 'rename' }), true],
    ['a writer not observed', fileEvent(`${info}/a.postinst`, null), true],
    ['rpm, RHEL', fileEvent('/var/lib/rpm/x', '/usr/bin/rpm'), true],
    ['rpm, Fedora and SUSE', fileEvent('/usr/lib/sysimage/rpm/x', '/usr/bin/rpm'), true],
    ['below another root', fileEvent(`/srv/root${info}/a.postinst`), true],
    ['just inside the window', fileEvent(`${info}/a.postinst`, '/x', { ageMs: 7 * dayMs - 1 }), true],
    ['a name that only looks like a database’s', fileEvent('/var/lib/rpm/rpmdb.sqlitex', '/x'), true],
    ['a name that ends in list', fileEvent(`${info}/evil-list`, '/x'), true],
    ['before the window', fileEvent(`${info}/a.postinst`, '/x', { ageMs: 7 * dayMs + 60_000 }), false],
    ['a modification', fileEvent(`${info}/a.postinst`, '/x', { action: 'modification' }), false],
    ['a deletion', fileEvent(`${info}/a.postinst`, '/x', { action: 'deletion' }), false],
    ['beside the folder', fileEvent('/var/lib/dpkg/status', '/x'), false],
    ['a folder of a similar name', fileEvent('/var/lib/dpkg/info2/a.postinst', '/x'), false],
    ['dpkg: not in place yet', fileEvent(`${info}/a.list-new`, '/x'), false],
    ['dpkg: list', fileEvent(`${info}/a.list`, '/x'), false],
    ['dpkg: digests', fileEvent(`${info}/a.md5sums`, '/x'), false],
    ['Berkeley DB', fileEvent('/var/lib/rpm/__db.001', '/x'), false],
    ['SQLite log', fileEvent('/var/lib/rpm/rpmdb.sqlite-wal', '/x'), false],
    ['SQLite shared memory', fileEvent('/usr/lib/sysimage/rpm/rpmdb.sqlite-shm', '/x'), false],
    ['an exec of that name', execEvent(`${info}/a.postinst`), false],
  ] as const)('%s', ([, event, isHit]) => {
    expect(ask(storeOf([event]), files.sql).length).toBe(isHit ? 1 : 0);
  });

  test('lists pairs of name and writer, the rarest first, without those on more than three agents', () => {
    const rows = ask(
      storeOf([
        ...[1, 2, 3].map(() => fileEvent(`${info}/often.postinst`)),
        fileEvent(`${info}/often.postinst`, '/tmp/evil'),
        ...['a', 'b', 'c'].map((agent) => fileEvent(`${info}/three.prerm`, '/usr/bin/dpkg', { agent })),
        ...['a', 'b', 'c', 'd'].map((agent) => fileEvent(`${info}/four.prerm`, '/usr/bin/dpkg', { agent })),
      ]),
      files.sql,
    );
    expect(rows).toMatchObject([
      { 'file.name': 'often.postinst', 'process.executable': '/tmp/evil', count: 1, agents: 1 },
      { 'file.name': 'often.postinst', 'process.executable': '/usr/bin/dpkg', count: 3, agents: 1 },
      { 'file.name': 'three.prerm', count: 3, agents: 3 },
    ]);
  });

  test('a longer window includes older events', () => {
    const database = storeOf([fileEvent(`${info}/a.postinst`, '/x', { ageMs: 20 * dayMs })]);
    expect([ask(database, files.sql, 7).length, ask(database, files.sql, 30).length]).toEqual([0, 1]);
  });

  test('reports files that dpkg did not write', () => {
    const writtenBy = (name: string, writer_source: WriterSource): StepparentEvent => ({
      ...fileEvent(`${info}/${name}`),
      stepparent: { file: { writer_source } },
    });
    const database = storeOf([
      fileEvent(`${info}/a.postinst`),
      fileEvent(`${info}/b.postinst`, '/tmp/dpkg'),
      fileEvent(`${info}/c.postinst`, null),
      writtenBy('d.postinst', 'inferred'),
      writtenBy('e.postinst', 'only_package_manager'),
      writtenBy('f.postinst', 'kernel'),
    ]);
    const reported = ask(database, findingSql(files));
    expect(reported.map((row) => rowIdentity(files, row)).sort()).toEqual([
      ['b.postinst', '/tmp/dpkg'],
      ['c.postinst', null],
      ['d.postinst', '/usr/bin/dpkg'],
    ]);
  });
});

describe('lifecycle-script-children', () => {
  const children = hunt('lifecycle-script-children');
  const script = (depth: number) => ({
    stepparent: { lifecycle_script: { manager: 'dpkg', path: '/var/lib/dpkg/info/a.postinst', depth } as const },
  });
  const below = (parent: StepparentEvent['process']) => ({ process: { parent } }) as Partial<StepparentEvent>;

  test.for([
    ['a child of a script', execEvent('/tmp/x', script(1)), true],
    ['far below one', execEvent('/tmp/x', script(9)), true],
    ['ancestry lost: dpkg', execEvent('/tmp/x', below({ executable: '/var/lib/dpkg/info/a.postinst' })), true],
    ['ancestry lost: a new package', execEvent('/tmp/x', below({ executable: '/var/lib/dpkg/tmp.ci/preinst' })), true],
    ['ancestry lost: rpm', execEvent('/tmp/x', below({ command_line: '/bin/sh /var/tmp/rpm-tmp.a1B2c3 1' })), true],
    ['rpm with another _tmppath', execEvent('/tmp/x', below({ command_line: '/bin/sh /dev/shm/rpm-tmp.x 1' })), true],
    ['the script itself', execEvent('/var/lib/dpkg/info/a.postinst', script(0)), false],
    ['a child of dpkg', execEvent('/usr/bin/tar -x', below({ executable: '/usr/bin/dpkg' })), false],
    ['no script about', execEvent('/tmp/x'), false],
    ['its end', execEvent('/tmp/x', script(1), { action: 'end' }), false],
    ['before the window', execEvent('/tmp/x', script(1), { ageMs: 8 * dayMs }), false],
  ] as const)('%s', ([, event, isHit]) => {
    expect(ask(storeOf([event]), children.sql).length).toBe(isHit ? 1 : 0);
  });

  test("programs of other users displace none of root's", () => {
    const as = (id: string | undefined, command: string): StepparentEvent => ({
      ...execEvent(command, script(1)),
      ...(id !== undefined && { user: { id } }),
    });
    const flood = Array.from({ length: children.limit }, (_, i) => as('1000', `/tmp/flood ${i}`));
    const ofRoot = [as('0', '/tmp/evil'), as('0', '/tmp/evil'), as(undefined, '/tmp/evil')];
    const database = storeOf([...flood, as(undefined, '/tmp/unseen'), as('1000', '/tmp/unseen'), ...ofRoot]);
    const rows = ask(database, children.sql);
    expect(rows).toHaveLength(flood.length + 2);
    expect(rows[0]).toMatchObject({ 'process.command_line': '/tmp/evil', count: 3 });
    expect(rows[1]).toMatchObject({ 'process.command_line': '/tmp/unseen', count: 2 });
  });

  test('lists pairs of program and command line, the rarest first, with the script', () => {
    const rows = ask(
      storeOf([
        ...[1, 2].map(() => execEvent('/usr/bin/systemctl daemon-reload', script(1))),
        execEvent('/usr/bin/curl http://x', script(2)),
        ...['a', 'b', 'c', 'd'].map((agent) => execEvent('/usr/bin/everywhere', script(1), { agent })),
      ]),
      children.sql,
    );
    expect(rows).toMatchObject([
      { 'process.command_line': '/usr/bin/curl http://x', count: 1, script: '/var/lib/dpkg/info/a.postinst' },
      { 'process.command_line': '/usr/bin/systemctl daemon-reload', count: 2 },
    ]);
  });

  test.for([
    ['/usr/bin/systemctl daemon-reload', false],
    ['/bin/rm -f x', false],
    ['/usr/sbin/ldconfig', false],
    ['/usr/share/debconf/frontend x', false],
    ['/usr/bin/curl http://x', true],
    ['/tmp/systemctl daemon-reload', true],
    ['/usr/bin/systemctl2', true],
    ['/usr/bin/bash -c x', true],
    ['/usr/bin/x/rm', true],
  ] as const)('%s told: %s', ([command, isReported]) => {
    expect(ask(storeOf([execEvent(command, script(1))]), findingSql(children)).length).toBe(isReported ? 1 : 0);
  });
});

describe('package-script-connections', () => {
  const connections = hunt('package-script-connections');

  test.for([
    ['of a program below a script', connectionEvent('192.0.2.1'), true],
    ['of the script itself', connectionEvent('192.0.2.1', { depth: 0 }), true],
    ['over IPv6', connectionEvent('2001:db8::1'), true],
    ['to this host', connectionEvent('127.0.0.1'), true],
    ["of apt's method, below no script", connectionEvent('192.0.2.1', { depth: null }), false],
    ['before the window', connectionEvent('192.0.2.1', { ageMs: 8 * dayMs }), false],
    ['another action', connectionEvent('192.0.2.1', { action: 'disconnect_received' }), false],
    ['a program below a script that connects nowhere', execEvent('/usr/bin/curl', {}), false],
  ] as const)('%s', ([, event, isHit]) => {
    expect(ask(storeOf([event]), connections.sql).length).toBe(isHit ? 1 : 0);
  });

  test("lists pairs of program and address, the rarest first, those of root's scripts before all others", () => {
    const rows = ask(
      storeOf([
        ...[1, 2].map(() => connectionEvent('192.0.2.1')),
        connectionEvent('192.0.2.2'),
        connectionEvent('192.0.2.2', { executable: '/usr/bin/wget' }),
        connectionEvent('192.0.2.3', { user: '1000' }),
        ...['a', 'b', 'c', 'd'].map((agent) => connectionEvent('192.0.2.4', { agent })),
      ]),
      connections.sql,
    );
    expect(rows.map((row) => rowIdentity(connections, row))).toEqual([
      ['/usr/bin/curl', '192.0.2.2', '443'],
      ['/usr/bin/wget', '192.0.2.2', '443'],
      ['/usr/bin/curl', '192.0.2.1', '443'],
      ['/usr/bin/curl', '192.0.2.3', '443'],
    ]);
    expect(rows[0]).toMatchObject({
      'process.command_line': '/usr/bin/curl https://192.0.2.2',
      package: 'a',
      script: '/var/lib/dpkg/info/a.postinst',
    });
  });
});

describe('processes-left-by-package-scripts', () => {
  const left = hunt('processes-left-by-package-scripts');
  const programsOf = (...events: readonly StepparentEvent[]) =>
    ask(storeOf(events), left.sql).map((row) => [row['process.executable'], row.count]);

  test.for<[string, StepparentEvent, string[]]>([
    ['one', survivorsEvent(['/usr/bin/sleep']), ['/usr/bin/sleep']],
    ['several', survivorsEvent(['/usr/bin/sleep', '/tmp/x']), ['/tmp/x', '/usr/bin/sleep']],
    ['none', survivorsEvent([]), []],
    ['before the window', survivorsEvent(['/usr/bin/sleep'], { ageMs: 8 * dayMs }), []],
    ['another action', survivorsEvent(['/usr/bin/sleep'], { action: 'exec' }), []],
    ['an exec of that program', execEvent('/usr/bin/sleep'), []],
  ])('%s', ([, event, expected]) => {
    expect(
      programsOf(event)
        .map(([program]) => program)
        .sort(),
    ).toEqual(expected);
  });

  test("lists programs, the rarest first, those of root's scripts before all others", () => {
    expect(
      programsOf(
        ...[1, 2].map(() => survivorsEvent(['/usr/bin/sleep'])),
        survivorsEvent(['/tmp/x']),
        survivorsEvent(['/tmp/own'], { user: '1000' }),
        ...['a', 'b', 'c', 'd'].map((agent) => survivorsEvent(['/usr/sbin/daemon'], { agent })),
      ),
    ).toEqual([
      ['/tmp/x', 1],
      ['/usr/bin/sleep', 2],
      ['/tmp/own', 1],
    ]);
  });
});

describe('recent-package-database-changes', () => {
  const recent = hunt('recent-package-database-changes');
  const nowSeconds = nowMs / 1000;
  const oldSeconds = nowSeconds - 400 * 86_400;

  /** The host as it would be: files with their times, and one installed package. */
  const tables = (files: readonly Record<string, SqlValue>[]): HostTable[] =>
    hostTables(openHost()).map((table) => {
      const rows: Readonly<Record<string, readonly Record<string, SqlValue>[]>> = {
        file: files,
        deb_packages: [{ name: 'libc6' }, { name: 'python3.11' }],
        users: [{ uid: 0, username: 'root' }],
        groups: [{ gid: 0, groupname: 'root' }],
      };
      return {
        ...table,
        *rows() {
          for (const row of rows[table.name] ?? []) yield table.columns.map(([column]) => row[column] ?? null);
        },
      };
    });

  const file = (path: string, times: Record<string, number> = {}): Record<string, SqlValue> => ({
    path,
    directory: path.slice(0, path.lastIndexOf('/')),
    filename: path.slice(path.lastIndexOf('/') + 1),
    ...{ uid: 0, gid: 0, mode: '0755', size: 1, type: 'regular' },
    ...{ atime: nowSeconds, mtime: oldSeconds, ctime: oldSeconds, btime: oldSeconds },
    ...times,
  });
  const info = '/var/lib/dpkg/info';

  test.for([
    ['modified', { mtime: nowSeconds }, true],
    ['an archive’s old date', { ctime: nowSeconds, btime: nowSeconds }, true],
    ['set back: birth alone tells', { btime: nowSeconds }, true],
    ['set back: status change alone tells', { ctime: nowSeconds }, true],
    ['only read', {}, false],
    ['long ago', { ctime: nowSeconds - 8 * 86_400 }, false],
  ] as const)('%s', ([, times, isHit]) => {
    const database = storeOf([], tables([file(`${info}/libc6.postinst`, times)]));
    expect(ask(database, recent.sql).length).toBe(isHit ? 1 : 0);
  });

  test.for([
    [`${info}/libc6.postinst`, 'libc6'],
    [`${info}/libc6:amd64.list`, 'libc6'],
    [`${info}/python3.11.prerm`, 'python3.11'],
    [`${info}/format`, 'dpkg'],
    [`${info}/evil.postinst`, null],
    [`${info}/libc6.evil`, null],
    [`${info}/libc6`, null],
    [`${info}/python3.prerm`, null],
    [`${info}/.postinst`, null],
    ['/var/lib/rpm/rpmdb.sqlite', 'rpm'],
    ['/usr/lib/sysimage/rpm/rpmdb.sqlite-wal', 'rpm'],
    ['/var/lib/rpm/.rpm.lock', 'rpm'],
    ['/var/lib/rpm/evil', null],
    ['/var/lib/rpm/format', null],
  ] as const)('%s belongs to %s', ([path, owner]) => {
    const database = storeOf([], tables([file(path, { ctime: nowSeconds })]));
    const filename = path.slice(path.lastIndexOf('/') + 1);
    expect(ask(database, recent.sql)).toMatchObject([{ path, filename, package: owner, owner: 'root', group: 'root' }]);
    expect(ask(database, findingSql(recent)).length).toBe(owner === null ? 1 : 0);
  });

  test('each time has a column', () => {
    const times = { atime: nowSeconds - 1, mtime: nowSeconds - 2, ctime: nowSeconds - 3, btime: nowSeconds - 4 };
    const database = storeOf([], tables([file(`${info}/libc6.postinst`, times)]));
    const shown = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
    expect(ask(database, recent.sql)).toMatchObject([
      {
        accessed: shown(nowSeconds - 1),
        modified: shown(nowSeconds - 2),
        changed: shown(nowSeconds - 3),
        born: shown(nowSeconds - 4),
      },
    ]);
  });
});

test('alerts-on-few-hosts lists the rarest first', () => {
  expect(ask(storeOf([]), hunt('alerts-on-few-hosts').sql)).toMatchObject([
    {
      'rule.id': 'dpkg-by-unusual-parent',
      'process.executable': '/usr/bin/dpkg',
      hosts: 1,
      count: 1,
      'host.name': 'web1',
    },
  ]);
});
