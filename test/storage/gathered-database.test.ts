// A database of gathered events: the same answers as the agent's own, with only the columns that the statements read.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { gatheredLedger } from '../../agent/query/gathered-ledger.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { readHunts, shippedHunts } from '../../detectors/hunts/load-hunts.ts';
import { translateEsql } from '../../detectors/query/esql.ts';
import { sqlFunctions } from '../../detectors/query/esql-functions.ts';
import {
  columnsRead,
  createGatheredDatabase,
  type GatheredWriter,
  joinColumns,
  openGatheredDatabase,
} from '../../storage/gathered-database.ts';
import { openAlertDatabase, openQueryDatabase, type QueryDatabase, SqlError } from '../../storage/query-database.ts';
import { openStore } from '../../storage/store.ts';
import { execEvent, fileEvent, nowMs } from '../detectors/hunts/hunt-events.ts';
import { maximalAlert } from '../maximal-documents.ts';
import { temporaryDirectory } from './temporary-store.ts';

const parameters = { since: nowMs - 7 * 86_400_000, now: nowMs };

function openFor(statements: readonly string[], fill: (writer: GatheredWriter) => void): QueryDatabase {
  const path = join(temporaryDirectory(), 'events.db');
  const columns = joinColumns(statements.map((sql) => columnsRead(sql, sqlFunctions)));
  const writer = createGatheredDatabase(path, columns, gatheredLedger);
  fill(writer);
  writer.commit();
  writer.close();
  const database = openGatheredDatabase(path, sqlFunctions);
  onTestFinished(() => database.close());
  return database;
}

const add = (writer: GatheredWriter, document: object) => writer.add(document);

const answerOf = (database: QueryDatabase, sql: string) => {
  const { columns, rows } = database.ask(sql, parameters);
  return { columns, rows: [...rows] };
};

describe('the same answer as the agent’s database', () => {
  const long = `/usr/bin/${'x'.repeat(5000)}`;
  const { event, rule, threat, tags, message, ...rest } = maximalAlert;
  const { severity, risk_score, ...ofEvent } = event;
  const { alert, hunt, ...ofStepparent } = rest.stepparent as StepparentEvent['stepparent'];
  const maximal = {
    ...rest,
    '@timestamp': new Date(nowMs - 2000).toISOString(),
    event: { ...ofEvent, kind: 'event', id: 'maximal' },
    stepparent: ofStepparent,
  };
  const events: StepparentEvent[] = [
    maximal as StepparentEvent,
    ...['a.postinst', 'b.list', 'c.postinst-new'].map((name) => fileEvent(`/var/lib/dpkg/info/${name}`)),
    fileEvent('/var/lib/dpkg/info/odd.postinst', null, { agent: 'agent-2' }),
    fileEvent('/var/lib/rpm/rpmdb.sqlite', long, { ageMs: 5000 }),
    ...[1, 2, 3, 4].map((n) =>
      execEvent(
        '/usr/bin/id -u',
        { stepparent: { lifecycle_script: { manager: 'dpkg', path: '/s', depth: n } } },
        {
          agent: `agent-${n}`,
        },
      ),
    ),
    execEvent('/tmp/x', {
      process: { args: ['x'], parent: { pid: 1, executable: '/var/lib/dpkg/info/a.postinst' }, interactive: true },
    }),
    execEvent(`${long} y`, { process: { args: ['x', 'y'], working_directory: '/' } }, { ageMs: 20 * 86_400_000 }),
  ];
  const path = join(temporaryDirectoryOfFile(), 'stepparent.db');
  const store = openStore(path, { nowMs });
  store.record(
    events.map((each) => ({ event: each, scope: '', verdicts: [] })),
    nowMs,
  );
  const documents = [...store.listEvents({ limit: 100 })];
  store.close();

  const hunts = readHunts([shippedHunts])
    .hunts.filter(({ source }) => source !== 'host')
    .map(({ sql }) => sql);
  const statements = [
    ...hunts,
    'SELECT count(*) FROM events',
    'SELECT count(*) AS n FROM (SELECT * FROM events)',
    'SELECT * FROM events ORDER BY "event.id"',
    'SELECT * FROM process_events WHERE "process.pid" = 7 ORDER BY "event.id" LIMIT 2',
    'SELECT document FROM file_events ORDER BY document',
    'SELECT e."file.name", f."process.args", f."@timestamp" FROM file_events e JOIN process_events f ON f."agent.id" = e."agent.id" ORDER BY 1, 2, 3',
    'WITH x AS (SELECT * FROM events) SELECT DISTINCT typeof("process.pid"), "process.interactive", "event.type" FROM x ORDER BY 1, 2, 3',
    `SELECT "agent.id", row_number() OVER (PARTITION BY "host.id" ORDER BY time_ms, "event.id") AS n FROM events ORDER BY 1, 2`,
    `SELECT "event.id" FROM events WHERE "process.executable" IN (SELECT "process.parent.executable" FROM process_events) ORDER BY 1`,
    `SELECT "event.action", sum("process.pid") FROM events GROUP BY 1 UNION ALL SELECT "user.name", max(time_ms) FROM events GROUP BY 1 ORDER BY 1, 2`,
    `SELECT "event.id" FROM events WHERE "event.action" = "exec" ORDER BY 1`,
    'EXPLAIN SELECT 1',
    translateEsql(
      'from logs-endpoint.events.process-* | where @timestamp > now() - 7 days and process.args == "x" | stats n = count(), a = count_distinct(agent.id) by process.executable | sort n, process.executable',
    ).sql,
    translateEsql('from events | sort event.id | limit 3').sql,
  ];
  const own = openQueryDatabase(path, [], sqlFunctions);

  test.for(statements)('%s', (sql) => {
    const gathered = openFor([sql], (writer) => {
      for (const each of documents) expect(add(writer, each)).toBe('added');
    });
    expect(answerOf(gathered, sql)).toEqual(answerOf(own, sql));
  });

  test('also of several statements over one database', () => {
    const narrow = statements.filter((sql) => !/\*|document|^EXPLAIN/.test(sql) || hunts.includes(sql));
    const gathered = openFor(narrow, (writer) => {
      for (const each of documents) add(writer, each);
    });
    for (const sql of narrow) expect(answerOf(gathered, sql)).toEqual(answerOf(own, sql));
  });
});

function temporaryDirectoryOfFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-gathered-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  return directory;
}

describe('columns', () => {
  test.for([
    ['SELECT count(*) FROM events', { events: [] }],
    ['SELECT 1', {}],
    ['SELECT "file.name", "@timestamp" FROM file_events', { events: ['time_ms', 'event.category', 'file.name'] }],
    ['SELECT a FROM (SELECT *, "file.name" AS a FROM events)', { events: ['file.name'] }],
    ['SELECT count(*) FROM alerts JOIN events USING ("event.id")', { events: ['event.id'], alerts: ['event.id'] }],
  ] as const)('%s', ([sql, expected]) => {
    const { events, alerts } = columnsRead(sql, sqlFunctions);
    const sorted = (names: Iterable<string> | undefined) => names && [...names].sort();
    expect({ events: sorted(events), alerts: sorted(alerts) }).toEqual({
      events: 'events' in expected ? sorted(expected.events) : undefined,
      alerts: 'alerts' in expected ? sorted(expected.alerts) : undefined,
    });
  });

  test('a statement that reads others fails', () => {
    const database = openFor(['SELECT "file.name" FROM events'], (writer) => add(writer, fileEvent('/a')));
    expect(() => answerOf(database, 'SELECT "file.path" FROM events')).toThrow('file.path was not gathered');
  });

  test.for(['SELECT "file.nam" FROM events', 'SELECT path FROM file', 'DELETE FROM events', 'SELECT 1; SELECT 2'])(
    'a statement that is wrong is an error: %s',
    (sql) => {
      expect(() => columnsRead(sql, sqlFunctions)).toThrow(SqlError);
    },
  );
});

describe('documents', () => {
  const sql = 'SELECT "event.id", "host.id" FROM events ORDER BY "host.id"';

  test('an event counts once for each host, and a shared agent.id is counted', () => {
    const event = { ...fileEvent('/a'), agent: { id: 'clone' }, host: { id: 'one' } };
    const database = openFor([sql], (writer) => {
      expect([add(writer, event), add(writer, event)]).toEqual(['added', 'duplicate']);
      expect(add(writer, { ...event, host: { id: 'two' } })).toBe('added');
      expect(writer.counts()).toEqual({
        hosts: 2,
        sharedAgents: 1,
        differing: 0,
        largest: { host: 'one', events: 2, number: 0 },
      });
    });
    expect(answerOf(database, sql).rows.map(([, host]) => host)).toEqual(['one', 'two']);
  });

  test.for<[string, unknown]>([
    ['null', null],
    ['a number', 7],
    ['a list', []],
    ['no id', { '@timestamp': '2026-01-01T00:00:00Z', event: {} }],
    ['a number as id', { '@timestamp': '2026-01-01T00:00:00Z', event: { id: 7 } }],
    ['no time', { '@timestamp': 'yesterday', event: { id: 'a' } }],
    ['a time after the year 9999', { '@timestamp': '+010000-01-01T00:00:00Z', event: { id: 'a' } }],
    ['a time before 1970', { '@timestamp': '1969-12-31T23:59:59Z', event: { id: 'a' } }],
    ['an id that is too long', { '@timestamp': '2026-01-01T00:00:00Z', event: { id: 'a'.repeat(257) } }],
    ['a list as event', { '@timestamp': '2026-01-01T00:00:00Z', event: [{ id: 'a' }] }],
  ])('%s is damaged', ([, document]) => {
    openFor([sql], (writer) => expect(writer.add(document)).toBe('damaged'));
  });

  test.for(['SELECT "process.executable", "event.kind" FROM events ORDER BY 1', 'SELECT * FROM events'])(
    'no event hides another by its id: %s',
    (text) => {
      const event = execEvent('/usr/bin/curl x');
      const forged = { ...event, process: { ...event.process, executable: '/usr/bin/true' } };
      const other = { ...event, event: { ...event.event, category: ['file'] } };
      const old = { ...event, '@timestamp': '1999-01-01T00:00:00Z' };
      const alert = { ...event, event: { ...event.event, kind: 'alert' }, rule: { id: 'r' } };
      const results: string[] = [];
      const database = openFor([text], (writer) => {
        for (const each of [forged, event, event, old, forged, alert, other]) results.push(add(writer, each));
        expect(writer.counts().differing).toBe(3);
      });
      expect(results.slice(0, 5)).toEqual(['added', 'added', 'duplicate', 'added', 'duplicate']);
      expect(results[6]).toBe('added');
      expect(answerOf(database, text).rows).toHaveLength(4);
    },
  );

  test('of a name that stands twice, each statement reads the last value', () => {
    const line = JSON.stringify(fileEvent('/a')).replace('{', '{"file":{"path":"/first"},');
    for (const text of ['SELECT "file.path" FROM events', 'SELECT * FROM events']) {
      const { columns, rows } = answerOf(
        openFor([text], (writer) => add(writer, JSON.parse(line))),
        text,
      );
      expect(rows[0]?.[columns.indexOf('file.path')]).toBe('/a');
    }
  });

  test('EXPLAIN behind a comment reads no columns', () => {
    expect(columnsRead('/* why */ EXPLAIN SELECT "process.pid" FROM events', sqlFunctions)).toEqual({});
  });

  test('fields of a newer version are passed over, and are in the document', () => {
    const newer = { ...fileEvent('/a'), new_group: { a: [1, { b: 2 }] }, file: { path: '/a', name: { of: 'object' } } };
    const text = `SELECT "file.name" ->> '$.of', document ->> '$.new_group.a[1].b' FROM events`;
    const database = openFor([text], (writer) => expect(add(writer, newer)).toBe('added'));
    expect(answerOf(database, text).rows).toEqual([['object', 2]]);
  });

  test('a value that is nested too deeply for SQLite is NULL, and no statement fails for it', () => {
    const deep = JSON.parse(`${'['.repeat(1500)}${']'.repeat(1500)}`);
    const event = { ...fileEvent('/a'), process: { args: deep } };
    const narrow = 'SELECT json_array_length("process.args"), "file.path" FROM events';
    expect(
      answerOf(
        openFor([narrow], (writer) => add(writer, event)),
        narrow,
      ).rows,
    ).toEqual([[null, '/a']]);
    const wide = 'SELECT * FROM events';
    expect(
      answerOf(
        openFor([wide], (writer) => add(writer, event)),
        wide,
      ).rows,
    ).toHaveLength(1);
  });

  test('an alert is one, once, and also counts as its event; a finding does not', () => {
    const alert = { ...fileEvent('/a'), rule: { id: 'r' } };
    const asAlert = { ...alert, event: { ...alert.event, kind: 'alert' } };
    const finding = { ...asAlert, event: { ...asAlert.event, id: 'f', category: ['intrusion_detection'] } };
    const both = `SELECT (SELECT count(*) FROM events), "rule.id", "stepparent.alert.state", "stepparent.alert.count", last_ms = time_ms, "event.category"
      FROM alerts ORDER BY 6`;
    const database = openFor([both], (writer) => {
      for (const each of [asAlert, alert, asAlert, finding]) add(writer, each);
      add(writer, { ...asAlert, rule: { id: 'r2' } });
    });
    expect(answerOf(database, both).rows).toEqual([
      [1, 'r', 'open', 1, 1, 'file'],
      [1, 'r2', 'open', 1, 1, 'file'],
      [1, 'r', 'open', 1, 1, 'intrusion_detection'],
    ]);
  });
});

test('the file cannot be made or read: a StoreError', () => {
  expect(() => createGatheredDatabase('/nowhere/events.db', {}, gatheredLedger)).toThrow(
    expect.objectContaining({ name: 'StoreError' }),
  );
  expect(() => openGatheredDatabase('/nowhere/events.db', {})).toThrow(expect.objectContaining({ name: 'StoreError' }));
  const path = join(temporaryDirectory(), 'events.db');
  new Database(path).exec('CREATE TABLE events (a)').close();
  expect(() => createGatheredDatabase(path, {}, gatheredLedger)).toThrow(
    expect.objectContaining({ name: 'StoreError' }),
  );
});

describe('the package ledger', () => {
  const transaction = (id: string, host: string, ageMs: number, packages: object[]): object => ({
    '@timestamp': new Date(nowMs - ageMs).toISOString(),
    event: { id, kind: 'event', category: ['package'] },
    host: { id: host, name: host },
    agent: { id: `agent-of-${host}` },
    stepparent: { transaction: { id: 'tx', manager: 'dpkg', root: '/', packages } },
  });
  const install = (name: string, version: string, more = {}) => ({
    ...{ name, version, architecture: 'amd64', action: 'install', applied: true, state: 'installed' },
    ...more,
  });
  const sql = `SELECT "host.id", "package.name", "package.version", installed FROM package_changes ORDER BY 1, 2, 3`;
  const ask = (fill: (writer: GatheredWriter) => void, statement = sql) =>
    answerOf(openFor([statement], fill), statement).rows;

  test('the installed version is the newest, in whatever order the events come', () => {
    const upgrade = install('xz', '2', { action: 'upgrade', former_version: '1' });
    expect(
      ask((writer) => {
        add(writer, transaction('b', 'web1', 1000, [upgrade]));
        add(writer, transaction('a', 'web1', 2000, [install('xz', '1')]));
        add(writer, transaction('a', 'web2', 500, [install('xz', '1')]));
      }),
    ).toEqual([
      ['web1', 'xz', '1', 0],
      ['web1', 'xz', '2', 1],
      ['web2', 'xz', '1', 1],
    ]);
  });

  test('an event twice, and the alert of an event, have their rows once; another content with the same id has its own', () => {
    const event = transaction('a', 'web1', 1000, [install('xz', '1')]) as { event: object };
    expect(
      ask((writer) => {
        add(writer, event);
        add(writer, event);
        add(writer, { ...event, event: { ...event.event, kind: 'alert' }, rule: { id: 'rule' } });
        add(writer, transaction('a', 'web1', 1000, [install('forged', '1')]));
      }),
    ).toEqual([
      ['web1', 'forged', '1', 1],
      ['web1', 'xz', '1', 1],
    ]);
  });

  test('the alerts of journals have the rows of their transactions', async () => {
    const { event, ...rest } = transaction('a', 'web1', 1000, [install('xz', '1')]) as { event: object };
    const alert = { ...rest, event: { ...event, kind: 'alert' }, rule: { id: 'rule' } } as StepparentEvent;
    const database = await openAlertDatabase([alert, alert], [], {}, gatheredLedger);
    onTestFinished(() => database.close());
    expect(answerOf(database, sql).rows).toEqual([['web1', 'xz', '1', 1]]);
  });

  test('a count, which SQLite takes from an index', () => {
    const count = 'SELECT count(*) FROM package_changes';
    expect(ask((writer) => void add(writer, transaction('a', 'web1', 1, [install('xz', '1')])), count)).toEqual([[1]]);
  });

  test.each<[string, object]>([
    ['packages that are no list', { manager: 'dpkg', packages: 7 }],
    ['a package without a name', { manager: 'dpkg', packages: [{ version: '1' }, null, 'x'] }],
    ['an unknown manager', { manager: 'apt', packages: [install('xz', '1')] }],
    ['values that are no texts', { manager: 'dpkg', packages: [install('xz', '1', { version: {}, archive: [] })] }],
  ])('%s', (_, fields) => {
    const document = { ...transaction('a', 'web1', 1000, []), stepparent: { transaction: { id: 'tx', ...fields } } };
    const rows = ask((writer) => void add(writer, document));
    expect(rows.filter(([, name, version]) => name !== 'xz' || version !== null)).toEqual([]);
  });
});
