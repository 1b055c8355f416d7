// SQL over what the agent has stored: ECS names, tables with types, and nothing that writes.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import type { HostTable } from '../../collectors/host-tables/host-table.ts';
import { openAlertDatabase, openQueryDatabase, type QueryDatabase, SqlError } from '../../storage/query-database.ts';
import { openStore } from '../../storage/store.ts';
import { exampleEvent, exampleFinding, minute, start } from './examples.ts';
import { temporaryDirectory } from './temporary-store.ts';

const things: HostTable = {
  name: 'things',
  columns: [
    ['path', 'TEXT'],
    ['uid', 'BIGINT'],
  ],
  *rows({ paths, names, note }) {
    if (names.has('nosy')) note('nosy');
    for (const path of paths) yield [path, 7];
    yield ['/large', 2n ** 60n];
    yield [null, null];
  },
};

function fileEvent(id: string): StepparentEvent {
  return {
    ...exampleEvent(id, start + minute),
    event: { id, kind: 'event', category: ['file'], type: ['creation'], action: 'creation' },
    agent: { type: 'stepparent', id: 'agent-1' },
    file: { path: '/var/lib/dpkg/info/a.postinst', name: 'a.postinst', size: 12 },
    process: { pid: 9, executable: '/tmp/x', command_line: 'x'.repeat(10_000) },
    stepparent: { lifecycle_script: { manager: 'dpkg', path: '/s', depth: 2 }, found: 'comparison' },
  };
}

function filled(): { database: QueryDatabase; path: string } {
  const path = join(temporaryDirectory(), 'stepparent.db');
  const store = openStore(path, { nowMs: start });
  store.record([exampleFinding(start, { eventId: 'e1' })], start);
  store.record([{ event: fileEvent('f1'), scope: '', verdicts: [] }], start + minute);
  store.close();
  const database = openQueryDatabase(path, [things]);
  onTestFinished(() => database.close());
  return { database, path };
}

const all = (database: QueryDatabase, sql: string) => [...database.ask(sql, { since: start, now: start }).rows];

function errorOf(database: QueryDatabase, sql: string): SqlError {
  try {
    all(database, sql);
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
  throw new Error('it was answered');
}

describe('views', () => {
  test.for([
    ['SELECT "event.id" FROM events ORDER BY time_ms', [['e1'], ['f1']]],
    ['SELECT "event.id", "process.parent.executable" FROM process_events', [['e1', '/usr/bin/python3']]],
    ['SELECT "event.id", "file.name", "file.size", "agent.id" FROM file_events', [['f1', 'a.postinst', 12, 'agent-1']]],
    ['SELECT "@timestamp" FROM file_events', [['2026-03-03T10:01:00.000Z']]],
    ['SELECT "host.id", "host.name", "user.name" FROM process_events', [['a1b2', 'web1', 'root']]],
    ['SELECT "process.args", "process.parent.pid" FROM process_events', [['["dpkg","-i","x.deb"]', 4121]]],
    [
      'SELECT "stepparent.lifecycle_script.path", "stepparent.lifecycle_script.depth", "stepparent.found" FROM file_events',
      [['/s', 2, 'comparison']],
    ],
    ['SELECT "event.id" FROM events WHERE time_ms > :since', [['f1']]],
    ['SELECT :now - :since', [[0]]],
    ['SELECT "rule.id", "event.severity", "stepparent.alert.count" FROM alerts', [['dpkg-by-unusual-parent', 21, 1]]],
    [`SELECT document ->> '$.file.path' FROM file_events`, [['/var/lib/dpkg/info/a.postinst']]],
    // The column is cut, the document is not.
    [`SELECT length("process.command_line"), length(document) > 10000 FROM file_events`, [[4096, 1]]],
    ['SELECT "file.path" FROM process_events', [[null]]],
  ] as const)('%s', ([sql, rows]) => {
    expect(all(filled().database, sql)).toEqual(rows);
  });

  test('the columns that hunts group by need no document and come from an index', () => {
    const sql = `EXPLAIN QUERY PLAN SELECT "file.name", "process.executable", count(*), count(DISTINCT "agent.id")
      FROM file_events WHERE time_ms >= :since AND "file.path" GLOB '/x/*' GROUP BY 1, 2`;
    const plan = all(filled().database, sql).map((row) => row.at(-1));
    expect(plan[0]).toMatch(/USING COVERING INDEX events_file/);
    expect(plan.join('\n')).not.toMatch(/parts|processes|FOR GROUP BY/);
  });

  test('a deleted event is not found', () => {
    const { path } = filled();
    const store = openStore(path, { nowMs: start });
    store.prune(start + 400 * 86_400_000);
    store.close();
    const database = openQueryDatabase(path, []);
    onTestFinished(() => database.close());
    expect(all(database, 'SELECT count(*) FROM main.events')).toEqual([[0]]);
  });
});

describe('tables of the host', () => {
  test('have typed columns, and get the paths and names of the statement', () => {
    const { database } = filled();
    const sql = `SELECT path, uid, typeof(uid) FROM things WHERE uid = '7' AND path IN ('/a', '/b') AND uid < '10'`;
    expect(all(database, sql)).toEqual([
      ['/a', 7, 'integer'],
      ['/b', 7, 'integer'],
    ]);
    expect(all(database, 'SELECT uid FROM things WHERE uid > 10')).toEqual([[`${2n ** 60n}`]]);
  });

  test('notes belong to the statement that caused them', () => {
    const { database } = filled();
    const asked = database.ask('SELECT uid AS nosy FROM things', { since: 0, now: 0 });
    expect([...asked.rows]).toHaveLength(2);
    expect(asked.notes).toEqual(['nosy']);
    const next = database.ask('SELECT 1', { since: 0, now: 0 });
    expect([...next.rows]).toEqual([[1]]);
    expect(next.notes).toEqual([]);
  });
});

describe('answers', () => {
  test('have values as in JSON', () => {
    const sql = `SELECT x'00ff', 9007199254740993, -9007199254740991, 1e999, 0.5, NULL, 'a' || char(0) || 'b'`;
    expect(all(filled().database, sql)).toEqual([
      ['00ff', '9007199254740993', -9007199254740991, 'Infinity', 0.5, null, 'a\0b'],
    ]);
  });

  test('number columns of the same name', () => {
    const asked = filled().database.ask('SELECT 1 AS a, 2 AS a, 3 AS b', { since: 0, now: 0 });
    expect([...asked.rows]).toEqual([[1, 2, 3]]);
    expect(asked.columns).toEqual(['a', 'a:2', 'b']);
  });

  test('read rows one by one, so that the caller can stop', () => {
    const endless = 'WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c';
    const { database } = filled();
    for (const [x] of database.ask(endless, { since: 0, now: 0 }).rows) if (x === 3) break;
    expect(all(database, 'SELECT 1')).toEqual([[1]]);
  });

  test('accept a comment and a semicolon at the end', () => {
    expect(all(filled().database, '-- first\nSELECT 1; -- last; /* */')).toEqual([[1]]);
  });
});

describe('texts in double quotes, as osquery takes them', () => {
  test.for([
    [`SELECT path FROM things WHERE path = "/b"`, [['/b']], ['/b']],
    [`SELECT path FROM things WHERE path LIKE "/%" AND path <> "it""s"`, [['/%'], ['/large']], ['/%', 'it"s']],
    // A column where there is one, a text where there is none.
    [
      `SELECT "name" FROM (SELECT 'x' AS name) UNION ALL SELECT path FROM things WHERE path <> "name"`,
      [['x'], ['/large']],
      ['name'],
    ],
    [`SELECT 1 AS "n" ORDER BY "n"`, [[1]], []],
    [`SELECT "path" FROM things WHERE path = '/a'`, [['/a']], []],
    [`sql\nSELECT path FROM things WHERE path = "/a"; -- the first\n`, [['/a']], ['/a']],
    [`SELECT count(*) FROM events WHERE "event.action" = "ssh.service"`, [[0]], ['ssh.service']],
  ] as const)('%s', ([sql, rows, texts]) => {
    const { database } = filled();
    const asked = database.ask(sql, { since: 0, now: 0 });
    expect([...asked.rows].sort()).toEqual([...rows].sort());
    const taken = asked.notes
      .filter((note) => note !== 'nosy')
      .map((note) => note.split('" is no column')[0]?.slice(1));
    expect(taken).toEqual(texts);
  });

  test.for([
    'SELECT t."nowhere" FROM things t',
    'SELECT "process.nmae" FROM events',
    'SELECT [nowhere] FROM things',
    `SELECT ${Array.from({ length: 101 }, (_, i) => `"text ${i}"`).join(', ')}`,
  ])('an unknown column stays an error: %s', (sql) => {
    expect(errorOf(filled().database, sql).message).toContain('no such column');
  });
});

describe('rejected statements', () => {
  test.for([
    ['', 'the statement is empty'],
    ['-- nothing', 'the statement is empty'],
    ['DELETE FROM terms', 'only SELECT, WITH, VALUES and EXPLAIN'],
    ['\n  PRAGMA query_only = OFF', 'only SELECT, WITH, VALUES and EXPLAIN'],
    ["ATTACH '/tmp/x.db' AS x", 'only SELECT'],
    ["VACUUM INTO '/tmp/x.db'", 'only SELECT'],
    ['WITH a AS (SELECT 1) DELETE FROM terms', 'would write'],
    ["EXPLAIN INSERT INTO terms VALUES ('', '', '', 1, 1, 1, '')", 'would write'],
    ['SELECT 1; DELETE FROM terms', 'more than one statement'],
    ['SELECT ?', 'a parameter other than :since'],
    ['SELECT :sinc', 'a parameter other than :since'],
    ['SELECT 1,\n  FROM events', 'near "FROM"'],
    ['SELECT "file.nam" FROM events', 'no such column'],
    ['SELECT e.x FROM events e', 'no such column: e.x'],
    ['SELECT * FROM evnts', 'no such table: evnts'],
    ['SELECT 1 AND AND 2', 'near "AND"'],
  ] as const)('%j', ([sql, message]) => {
    expect(errorOf(filled().database, sql).message).toContain(message);
  });

  test('an error while rows are read is a SqlError', () => {
    const error = errorOf(filled().database, `SELECT document -> '$.' FROM events`);
    expect(error.message).toMatch(/path/i);
  });

  test('no statement changes the file', () => {
    const { database, path } = filled();
    const before = readFileSync(path);
    for (const sql of ['DELETE FROM events', 'SELECT * FROM pragma_user_version(7)', 'SELECT load_extension(1)']) {
      expect(() => all(database, sql)).toThrow();
    }
    all(database, 'SELECT * FROM events, alerts ORDER BY 2');
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test.for([
    ['nowhere.db', 'missing'],
    ['text.db', 'foreign'],
  ])('%s is %s', ([name = '', trouble]) => {
    const path = join(temporaryDirectory(), name);
    if (trouble === 'foreign') new Database(path).exec('CREATE TABLE t (a)').close();
    expect(() => openQueryDatabase(path, [])).toThrow(expect.objectContaining({ trouble }));
  });
});

test('gathered alerts have the same names, each alert once', async () => {
  const alert = (id: string, host: string): StepparentEvent => ({
    ...fileEvent(id),
    host: { id: host },
    rule: { id: 'r' },
  });
  const database = await openAlertDatabase([alert('1', 'a'), alert('2', 'b'), alert('1', 'a')], []);
  onTestFinished(() => database.close());
  expect(all(database, 'SELECT "rule.id", count(DISTINCT "host.id"), count(*) FROM alerts')).toEqual([['r', 2, 2]]);
  expect(all(database, 'SELECT count(*) FROM file_events')).toEqual([[2]]);
  expect(() => all(database, 'DELETE FROM main.alerts')).toThrow('only SELECT');
});

test('the hunts of changed files read an index only', () => {
  const { database } = filled();
  const sql = `EXPLAIN QUERY PLAN SELECT "file.name", "process.executable", max(time_ms), max("file.path"),
    sum("stepparent.file.writer_source" = 'inferred') FROM file_events
    WHERE time_ms >= :since AND "event.action" = 'creation' GROUP BY "file.name", "process.executable"`;
  expect(all(database, sql).map((row) => row.at(-1))).toEqual([
    expect.stringMatching(/^SCAN e USING .*INDEX events_file$/),
  ]);
});
