// ES|QL over a real store: what each command, operator and function gives, and what each kind of wrong query is answered.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fields } from '../../../collectors/event/fields.ts';
import { isEsql, translateEsql, withoutBlockName } from '../../../detectors/query/esql.ts';
import { sqlFunctions } from '../../../detectors/query/esql-functions.ts';
import { QueryError } from '../../../detectors/query/query.ts';
import { type AnswerValue, openQueryDatabase, type QueryDatabase } from '../../../storage/query-database.ts';
import { openStore } from '../../../storage/store.ts';
import { exampleFinding } from '../../storage/examples.ts';
import { dayMs, execEvent, fileEvent, nowMs } from '../hunts/hunt-events.ts';

let database: QueryDatabase;
const scratch = mkdtempSync(join(tmpdir(), 'stepparent-esql-'));

const bash = { executable: '/usr/bin/bash', command_line: 'bash', pid: 2 };
const apt = { executable: '/usr/bin/apt-get', command_line: 'apt-get install a', pid: 3 };

/** Four runs of two programs by two parents on two hosts, one of them long ago, and four files. */
beforeAll(() => {
  const path = join(scratch, 'stepparent.db');
  const store = openStore(path, { nowMs: nowMs - 30 * dayMs });
  const dpkg = '/usr/bin/dpkg';
  const events = [
    execEvent(
      `${dpkg} -i a.deb`,
      {
        process: {
          pid: 11,
          executable: dpkg,
          name: 'dpkg',
          args: ['dpkg', '-i', 'a.deb'],
          parent: bash,
          interactive: true,
        },
      },
      { ageMs: dayMs },
    ),
    execEvent(
      `${dpkg} -i b.deb`,
      {
        process: {
          pid: 12,
          executable: dpkg,
          name: 'dpkg',
          args: ['dpkg', '-i', 'b.deb'],
          parent: apt,
          interactive: false,
        },
      },
      { ageMs: 2 * dayMs },
    ),
    execEvent(
      dpkg,
      { process: { pid: 13, executable: dpkg, name: 'dpkg', args: ['dpkg'], parent: apt } },
      { ageMs: 3 * dayMs, agent: 'agent-2' },
    ),
    execEvent(
      'odd',
      { process: { pid: 14, executable: '/opt/[x]*/Ru"n', name: `Ru"n`, args: ['run', "it's", 'é%_'], parent: bash } },
      { ageMs: 20 * dayMs },
    ),
    fileEvent('/var/lib/dpkg/info/a.postinst'),
    fileEvent('/var/lib/dpkg/info/a.list'),
    fileEvent('/var/lib/dpkg/info/b.postinst', '/tmp/x', { action: 'rename' }),
    fileEvent('/var/lib/rpm/rpmdb.sqlite', null),
  ];
  store.record(
    events.map((event) => ({ event, scope: '', verdicts: [] })),
    nowMs,
  );
  store.record([exampleFinding(nowMs - 1000, { eventId: 'alerted' })], nowMs);
  store.close();
  database = openQueryDatabase(path, [], sqlFunctions);
});
afterAll(() => {
  database.close();
  rmSync(scratch, { recursive: true });
});

function rowsOf(query: string): AnswerValue[][] {
  return [...database.ask(translateEsql(query).sql, { since: 0, now: nowMs }).rows];
}

const columnsOf = (query: string): string[] => database.check(translateEsql(query).sql);

/** Process ids of the events for which a condition holds. */
const pids = (condition: string): AnswerValue[] =>
  rowsOf(
    `from process_events | where process.pid >= 11 and process.pid <= 14 and (${condition}) | sort process.pid | keep process.pid`,
  ).flat();

/** The value of an expression for the first event. */
const resultOf = (expression: string): AnswerValue | undefined =>
  rowsOf(`from process_events | where process.pid == 11 | eval result = ${expression} | keep result`)[0]?.[0];

function errorOf(query: string): string {
  try {
    translateEsql(query);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return `${error.line}:${error.column}+${error.length} ${error.message}`;
  }
  throw new Error(`it was translated: ${query}`);
}

describe('conditions', () => {
  test.for<[string, number[]]>([
    ['process.name == "dpkg"', [11, 12, 13]],
    ['process.name != "dpkg"', [14]],
    ['not process.name == "dpkg"', [14]],
    ['process.name in ("dpkg", "rpm")', [11, 12, 13]],
    ['process.name not in ("dpkg", "rpm")', [14]],
    ['not process.name in ("dpkg")', [14]],
    ['process.pid in (11, 13)', [11, 13]],
    ['process.executable like "/usr/bin/*"', [11, 12, 13]],
    ['process.executable like "/usr/bin/dpk?"', [11, 12, 13]],
    ['process.executable like "/USR/*"', []],
    ['process.executable like """/opt/[x]\\*/*"""', [14]],
    ['process.executable like "/opt/[x]\\\\*/*"', [14]],
    ['process.executable like "/opt/x*"', []],
    ['process.executable not like "/usr/*"', [14]],
    ['process.executable like ("/nowhere*", "/opt/*")', [14]],
    ['process.executable rlike "/usr/[a-z]+/d.*"', [11, 12, 13]],
    ['process.executable rlike "dpkg"', []],
    ['process.executable rlike ("/opt.*", "x")', [14]],
    ['process.interactive == true', [11]],
    ['process.interactive', [11]],
    ['process.interactive == "false"', [12]],
    ['process.interactive is null', [13, 14]],
    ['process.interactive is not null', [11, 12]],
    ['not process.interactive', [12]],
    ['@timestamp > now() - 36 hours', [11]],
    ['@timestamp > NOW() - 7 days AND @timestamp <= now() - 2 day', [12, 13]],
    ['@timestamp < "2026-03-01"', [14]],
    ['"2026-03-01T00:00:00Z" > @timestamp', [14]],
    ['@timestamp > now() - 1 month', [11, 12, 13, 14]],
    ['process.pid + 1 == 13 or process.pid * 2 == 22', [11, 12]],
    ['process.pid % 2 == 0 and process.pid / 4 == 3', [12, 14]],
    ['process.pid > -1', [11, 12, 13, 14]],
    ['process.parent.executable == "/usr/bin/apt-get" and agent.id == "agent-2"', [13]],
    ['process.args == "dpkg"', [13]],
    ['mv_contains(process.args, "-i")', [11, 12]],
    ['mv_count(process.args) == 3', [11, 12, 14]],
    ['host.os.type == "linux"', []],
    ['process.name == null', []],
    ['true', [11, 12, 13, 14]],
    ['process.name == "dpkg" // the rest is a comment\n and /* this too */ process.pid < 12', [11]],
    ['`process.name` == "dpkg"', [11, 12, 13]],
    ['process.name == """Ru"n"""', [14]],
    ['process.name == "Ru\\"n"', [14]],
    ['process.pid::string == "11"', [11]],
  ])('%s', ([condition, expected]) => {
    expect(pids(condition)).toEqual(expected);
  });
});

describe('values', () => {
  test.for<[string, AnswerValue]>([
    ['case(process.pid > 100, "many", process.pid > 10, "some", "few")', 'some'],
    ['case(process.pid > 100, "many")', null],
    ['coalesce(null, process.name, "x")', 'dpkg'],
    ['concat(process.name, "-", process.pid::keyword)', 'dpkg-11'],
    ['contains(process.executable, "bin")', 'true'],
    ['starts_with(process.executable, "/usr")', 'true'],
    ['ends_with(process.executable, "/dpkg")', 'true'],
    ['ends_with(process.name, "/usr/bin/dpkg")', 'false'],
    ['left(process.name, 2)', 'dp'],
    ['right(process.name, 2)', 'kg'],
    ['length(process.name)', 4],
    ['locate(process.executable, "bin")', 6],
    ['substring(process.name, 2, 2)', 'pk'],
    ['substring(process.name, -2)', 'kg'],
    ['replace(process.executable, "[a-z]+/", "_")', '/__dpkg'],
    ['reverse("aé")', 'éa'],
    ['to_upper("straße")', 'STRASSE'],
    ['to_lower("ÄB")', 'äb'],
    ['trim("  a ")', 'a'],
    ['mv_concat(process.args, " ")', 'dpkg -i a.deb'],
    ['mv_first(process.args)', 'dpkg'],
    ['mv_last(process.args)', 'a.deb'],
    ['mv_max(process.args)', 'dpkg'],
    ['mv_count(process.name)', 1],
    ['mv_concat(mv_dedupe(split("b,a,b", ",")), "+")', 'b+a'],
    ['cidr_match("10.1.2.3", "192.168.0.0/16", "10.0.0.0/8")', 'true'],
    ['cidr_match("2001:db8::1", "10.0.0.0/8", "2001:db8::/32")', 'true'],
    ['cidr_match("no address", "10.0.0.0/8")', 'false'],
    ['date_trunc(1 day, @timestamp)', '2026-03-09T00:00:00.000Z'],
    ['date_trunc(1 week, @timestamp)', '2026-03-09T00:00:00.000Z'],
    ['date_trunc(1 month, @timestamp)', '2026-03-01T00:00:00.000Z'],
    ['date_trunc(1 year, @timestamp)', '2026-01-01T00:00:00.000Z'],
    ['date_trunc(1 quarter, to_datetime("2026-06-30T01:00:00Z"))', '2026-04-01T00:00:00.000Z'],
    ['date_extract("hour_of_day", @timestamp)', 10],
    ['date_diff("hour", @timestamp, now())', 24],
    ['@timestamp + 1 hour', '2026-03-09T11:00:00.000Z'],
    ['@timestamp - 1 month', '2026-02-09T10:00:00.000Z'],
    ['to_string(@timestamp)', '2026-03-09T10:00:00.000Z'],
    ['to_long("12.6")', 13],
    ['to_double("x")', null],
    ['round(2.567, 1)', 2.6],
    ['abs(-3)', 3],
    ['greatest(1, 3, 2)', 3],
    ['least(1, null)', null],
    ['1 / 0', null],
    ['7 / 2', 3],
    ['-7 / 2', -3],
    ['7 / 2.0', 3.5],
    ['-7 % 3', -1],
    ['5.5 % 2', 1.5],
    ['5.5 % 0', null],
    ['+1e3 - .5 - -1', 1000.5],
    ['1 in (2, null)', null],
    ['1 in (1, null)', 'true'],
    ['not (1 in (2, null))', null],
    ['case(null, "a", process.args == "x", "b", "c")', 'c'],
    ['case(process.pid == 11, process.args, "x")', '["dpkg","-i","a.deb"]'],
    ['case(process.pid == 12, process.args, "x")', 'x'],
    ['mv_count(coalesce(null, process.args, "x"))', 3],
    ['mv_count(coalesce(process.parent.args, process.args))', 3],
    ['greatest(process.args, "c")', 'dpkg'],
    ['least(process.args, "c")', '-i'],
    ['substring("abcdef", 0, 2)', 'ab'],
    ['substring("abcdef", -10, 3)', 'abc'],
    ['substring("abcdef", 5, 9)', 'ef'],
    ['substring("abcdef", 9)', ''],
    ['substring("abcdef", 2, -1)', ''],
    ['replace("foo bar", "(o+) (b)", "$2-$1")', 'fb-ooar'],
    ['replace("foo", "o", "[$0]")', 'f[o][o]'],
    ['replace("foo", "(o)", "$12")', 'fo2o2'],
    [`replace("foo", "(?<x>o)", "$\{x}!")`, 'fo!o!'],
    ['replace("foo", "o", """\\$&""")', 'f$&$&'],
    ['replace("foo", "o", "$&")', null],
    ['replace("foo", "o", "$1")', null],
    ['mv_contains(process.args, split("-i,dpkg", ","))', 'true'],
    ['mv_contains(process.args, split("-i,x", ","))', 'false'],
    ['mv_contains(process.args, null)', 'true'],
    ['cidr_match("::1", "10.0.0.0/8", "::1", "FE80::/10")', 'true'],
    ['cidr_match("10.0.0.2", "10.0.0.1")', 'false'],
    ['date_trunc(2 weeks, @timestamp)', '2026-02-26T00:00:00.000Z'],
    ['date_trunc(1 week, to_datetime("2026-03-08T23:59:59.999Z"))', '2026-03-02T00:00:00.000Z'],
    ['date_trunc(10 years, @timestamp)', '2021-01-01T00:00:00.000Z'],
    ['bucket(to_datetime("1969-12-31T23:30:00Z"), 1 hour)', '1969-12-31T23:00:00.000Z'],
    ['date_diff("day", to_datetime("2026-03-09T10:00:00Z"), to_datetime("2026-03-07T11:00:00Z"))', -1],
    ['to_datetime(concat("no", "w"))', null],
    ['to_datetime(concat("2026-01-0", "1"))', '2026-01-01T00:00:00.000Z'],
    ['to_datetime("2026-03-31") + 1 month', '2026-04-30T00:00:00.000Z'],
    ['to_datetime("2024-02-29") - 1 year', '2023-02-28T00:00:00.000Z'],
    ['to_long(-2.5)', -2],
    ['to_long(2.5)', 3],
    ['to_long("9007199254740993")', '9007199254740993'],
    ['to_long("9223372036854775808")', null],
    ['to_long(1e30)', null],
    ['round(1250, -2)', 1300],
    ['round(-1249.5, -2)', -1200],
    ['round(15, 1)', 15],
    ['round(-2.5)', -3],
    ['1 /* a /* b */ c */ + 1', 2],
    ['process.args', '["dpkg","-i","a.deb"]'],
    ['process.pid', 11],
  ])('%s', ([expression, expected]) => {
    expect(resultOf(expression)).toEqual(expected);
  });
});

describe('commands', () => {
  test('keep orders the columns; * stands for several; drop and rename change them', () => {
    const query =
      'from events | keep process.parent.e*, process.pid, agent.id | drop agent.* | rename process.pid as id, program = process.parent.executable';
    expect(columnsOf(query)).toEqual(['process.parent.entity_id', 'program', 'id']);
  });

  test('keep: a name places its column before a pattern, a pattern before *, and the last of equals', () => {
    const from = 'from events | keep process.pid, process.name, agent.id, event.id';
    expect(columnsOf(`${from} | keep event.id, *, process.*`)).toEqual([
      'event.id',
      'agent.id',
      'process.pid',
      'process.name',
    ]);
    expect(columnsOf(`${from} | keep p*, agent.id, process.n*`)).toEqual(['process.pid', 'agent.id', 'process.name']);
    expect(columnsOf(`${from} | keep process.pid, agent.id, p*, process.pid`)).toEqual([
      'agent.id',
      'process.name',
      'process.pid',
    ]);
  });

  test('rename takes the place of a column of the new name', () => {
    const renamed = 'from process_events | where process.pid == 12 | keep process.name, process.pid';
    expect(columnsOf(`${renamed} | rename process.pid as process.name`)).toEqual(['process.name']);
    expect(rowsOf(`${renamed} | rename process.pid as process.name`)).toEqual([[12]]);
    expect(rowsOf(`${renamed} | rename process.pid as a, a as b | keep b`)).toEqual([[12]]);
  });

  test('rows outlive their columns, and limit 0 leaves none', () => {
    const from = 'from process_events | where process.pid <= 14 and process.pid >= 11 | keep process.pid';
    expect(rowsOf(`${from} | drop process.pid | eval x = 1 | stats n = count(x)`)).toEqual([[4]]);
    expect(rowsOf(`${from} | limit 0`)).toEqual([]);
    expect(rowsOf(`${from} | limit 0 | stats n = count(), s = sum(process.pid), v = values(process.pid)`)).toEqual([
      [0, null, null],
    ]);
  });

  test('a missing value is a group of its own', () => {
    expect(
      rowsOf(
        'from process_events | where process.pid >= 11 and process.pid <= 14 | stats n = count(), c = count(process.interactive) by process.interactive | sort process.interactive',
      ),
    ).toEqual([
      [1, 1, 'false'],
      [1, 1, 'true'],
      [2, 0, null],
    ]);
  });

  test('a list is sorted by its least value, or descending by its greatest', () => {
    const sorted = (order: string) =>
      rowsOf(
        `from process_events | where process.pid >= 12 and process.pid <= 14 | sort process.args ${order} | keep process.pid`,
      ).flat();
    expect(sorted('')).toEqual([12, 13, 14]);
    expect(sorted('desc')).toEqual([14, 12, 13]);
  });

  test('columns may be called as keywords are, in backticks; comments stand between any words', () => {
    expect(
      rowsOf(`from/* a */process_events// b
        | eval \`first\` = 1, \`by\` = process.pid /* c /* d */ */ | where \`by\` == 12
        | stats \`last\` = max(\`by\`) by \`first\`// e`),
    ).toEqual([[12, 1]]);
  });

  test('eval sees earlier columns of its own, and hides those of the same name', () => {
    const query =
      'from process_events | where process.pid == 12 | eval a = process.pid + 1, process.pid = a * 2 | keep process.pid, a';
    expect(rowsOf(query)).toEqual([[26, 13]]);
  });

  test('stats counts groups; a list counts in the group of each value', () => {
    expect(
      rowsOf(
        'from process_events | where @timestamp > now() - 7 days and process.pid <= 14 | stats n = count(), hosts = count_distinct(agent.id) by process.executable, process.parent.executable | sort n desc, process.parent.executable',
      ),
    ).toEqual([
      [2, 2, '/usr/bin/dpkg', '/usr/bin/apt-get'],
      [1, 1, '/usr/bin/dpkg', '/usr/bin/bash'],
    ]);
    expect(
      rowsOf(
        'from process_events | where process.pid >= 11 and process.pid <= 14 | stats n = count(*) by process.args | where n > 1 | sort n desc',
      ),
    ).toEqual([
      [3, 'dpkg'],
      [2, '-i'],
    ]);
  });

  test('aggregations give their values', () => {
    const query = `from process_events | where process.pid >= 11 and process.pid <= 14
      | stats min(process.pid), most = max(process.pid), sum = sum(process.pid), mean = avg(process.pid), median(process.pid), n = count(process.interactive),
        args = count(process.args), kinds = count_distinct(process.args), v = values(process.name), few = values(process.args) where process.pid == 13,
        newest = max(@timestamp), half = count(*) / 2, late = count() where process.pid > 12`;
    const row = rowsOf(query)[0] ?? [];
    expect(Object.fromEntries(columnsOf(query).map((name, i) => [name, row[i]]))).toEqual({
      'min(process.pid)': 11,
      most: 14,
      sum: 50,
      mean: 12.5,
      'median(process.pid)': 12.5,
      n: 2,
      args: 10,
      kinds: 7,
      v: `["Ru\\"n","dpkg"]`,
      few: 'dpkg',
      newest: '2026-03-09T10:00:00.000Z',
      half: 2,
      late: 2,
    });
  });

  test('stats without by has one row, also where nothing matches; by alone lists the groups', () => {
    expect(rowsOf('from events | where process.pid == -1 | stats n = count(), m = max(process.pid)')).toEqual([
      [0, null],
    ]);
    expect(rowsOf('from events | where process.pid == -1 | stats n = count() by process.pid')).toEqual([]);
    expect(rowsOf('from file_events | stats by event.action | sort event.action')).toEqual([['creation'], ['rename']]);
  });

  test('by takes an expression, with or without a name', () => {
    const query =
      'from process_events | where process.pid <= 14 and process.pid >= 11 | stats n = count() by day = date_trunc(1 day, @timestamp), length(process.name) | sort day';
    expect(columnsOf(query)).toEqual(['n', 'day', 'length(process.name)']);
    expect(rowsOf(query)[0]).toEqual([1, '2026-02-18T00:00:00.000Z', 4]);
  });

  test('sort: nulls come last ascending and first descending, or as written; the order outlives drop, and limit takes by it', () => {
    const interactive = (order: string) =>
      rowsOf(
        `from process_events | where process.pid >= 11 and process.pid <= 13 | sort process.interactive ${order}, process.pid | keep process.pid`,
      ).flat();
    expect(interactive('')).toEqual([12, 11, 13]);
    expect(interactive('desc')).toEqual([13, 11, 12]);
    expect(interactive('asc nulls first')).toEqual([13, 12, 11]);
    expect(
      rowsOf(
        'from process_events | where process.pid >= 11 and process.pid <= 14 | sort process.pid desc | limit 2 | drop process.pid | keep process.name',
      ),
    ).toEqual([['Ru"n'], ['dpkg']]);
    expect(
      rowsOf(
        'from process_events | where process.pid >= 11 | sort process.pid | limit 3 | sort process.pid desc | limit 1 | keep process.pid',
      ),
    ).toEqual([[13]]);
  });

  test('mv_expand makes a row of each value', () => {
    expect(
      rowsOf('from process_events | where process.pid == 11 | mv_expand process.args | keep process.pid, process.args'),
    ).toEqual([
      [11, 'dpkg'],
      [11, '-i'],
      [11, 'a.deb'],
    ]);
  });

  test('metadata fields are columns', () => {
    expect(rowsOf('from process_events metadata _id, _index | where _id == "alerted" | keep _id, _index')).toEqual([
      ['alerted', 'process_events'],
    ]);
  });
});

describe('indices', () => {
  test.for<[string, number]>([
    ['events', 9],
    ['process_events', 5],
    ['file_events', 4],
    ['alerts', 1],
    ['logs-endpoint.events.process-*', 5],
    ['logs-endpoint.events.process-default*', 5],
    ['logs-endpoint.events.file-*', 4],
    ['"logs-endpoint.events.file-*"', 4],
    ['logs-endpoint.events.*', 9],
    ['logs-endpoint.events.*-default', 9],
    ['logs-endpoint.*', 9],
    ['logs-endpoint*', 9],
    ['network_events', 0],
    ['logs-endpoint.events.network-*', 0],
    ['logs-endpoint.events.file-*, logs-endpoint.events.registry-*', 4],
    ['logs-endpoint.events.file-*, logs-endpoint.events.process-*', 9],
    ['logs-*', 9],
    ['*', 9],
    ['.alerts-security.alerts-default', 1],
    ['logs-stepparent.alerts-default', 1],
  ])('%s', ([index, count]) => {
    expect(rowsOf(`FROM ${index} | stats count(*)`)).toEqual([[count]]);
  });

  test('the error for an unknown index lists the stored ones', () => {
    const { notes } = translateEsql('from auditbeat-*, events | limit 1');
    expect(notes).toEqual([expect.stringContaining('`auditbeat-*`')]);
  });

  test.each(['events', 'process_events', 'file_events', 'alerts'])('%s has a column for each field', (table) => {
    const columns = columnsOf(`from ${table}`);
    expect(columns).toContain('process.parent.executable');
    expect(columns.every((column) => fields.some(({ name }) => name === column))).toBe(true);
    // Each is a column of the view, and of its own type.
    expect(rowsOf(`from ${table}`).length).toBeGreaterThan(0);
  });
});

describe('a comparison with a list', () => {
  test('adds a note', () => {
    expect(translateEsql('from events | where process.args == "-i"').notes).toEqual([
      expect.stringContaining('`process.args` is a list'),
    ]);
    expect(translateEsql('from events | where mv_contains(process.args, "-i") | keep process.args').notes).toEqual([]);
  });
});

test('the first word decides the language', () => {
  expect(['from events', ' FROM events', '// why\nfrom events', '/* a */ from x', 'row a = 1'].map(isEsql)).toEqual([
    true,
    true,
    true,
    true,
    true,
  ]);
  expect(
    [
      'select * from events',
      'with a as (select 1) select * from a',
      'values (1)',
      'explain select 1',
      'fromage',
      '',
    ].map(isEsql),
  ).toEqual(Array.from({ length: 6 }, () => false));
});

test('the name of a block of code before a query is left out, and positions stay', () => {
  expect(['sql\nfrom events', ' SQL from events', 'sql fromage', 'select 1', 'from sql'].map(withoutBlockName)).toEqual(
    ['   \nfrom events', '     from events', 'sql fromage', 'select 1', 'from sql'],
  );
});

describe('errors name the position and what is allowed', () => {
  test.for<[string, string]>([
    ['from', '1:5+1 found the end of the query, expected the name of an index'],
    ['from nowhere', '1:6+7 no events are stored for the index `nowhere`'],
    [
      'from logs-endpoint.events.registry-*',
      '1:6+31 no events are stored for the index `logs-endpoint.events.registry-*`',
    ],
    ['from logs-endpoint.alerts-*', '1:6+22 no events are stored for the index `logs-endpoint.alerts-*`'],
    ['from events, alerts', '1:14+6 alerts and events cannot be read in one query'],
    ['from events where x', '1:13+5 found `where`, expected `|` or the end'],
    ['from events |', '1:14+1'],
    ['from events | grok message "x"', '1:15+4 the command `grok` is not supported'],
    ['row a = 1', '1:1+3 the command `row` is not supported'],
    ['from events | frobnicate', '1:15+10 `frobnicate` is not a command'],
    ['from events | where process.nam == "x"', '1:21+11 unknown column `process.nam`; did you mean `process.name`?'],
    ['from events\n| where process.pid == "x"', '2:24+3 a long cannot be compared with `"x"`, which is a keyword'],
    ['from events | where process.name = "x"', '1:34+1 found `=`, expected `==`, `|` or the end of the query'],
    ['from events | where process.name : "x"', '1:34+1 the operator `:` is not supported'],
    ['from events | where process.name', '1:21+12 a condition must be a boolean'],
    ['from events | where process.name == "x', '1:37+1 the string that begins here has no closing'],
    ['from events | where process.name == "\\x"', '1:38+2 `\\x` is not an escape'],
    ['from events | where process.name like "a\\\\b"', '1:39+6 a backslash in a pattern'],
    ['from events | where process.name like "*\0"', '1:39+4 a pattern cannot have a NUL'],
    ['from events | where process.name rlike "a{"', '1:40+4 the pattern is not supported'],
    ['from events | where process.pid like "1"', '1:21+11 `process.pid` is a long, and a keyword is needed here'],
    ['from events | where @timestamp > "yesterday"', '1:34+11 `"yesterday"` is not a date'],
    ['from events | where @timestamp > now() - 7 fortnights', '1:42+12 `7 fortnights` is not a timespan'],
    ['from events | where @timestamp > now() - 7', '1:34+5'],
    ['from events | where process.pid == ?pid', '1:36+1 parameters are not supported'],
    ['from events | where length(process.pid) > 1', '1:28+11 `length` takes a keyword here, and this is a long'],
    ['from events | where length() > 1', '1:21+8 `length` takes 1 argument'],
    ['from events | eval x = to_ip("1.1.1.1")', '1:24+5 the function `to_ip` is not supported'],
    ['from events | eval x = lenght(process.name)', 'did you mean `length`?'],
    ['from events | eval x = count(*)', '1:24+8 `count` is an aggregation'],
    ['from events | eval x = constructor(process.name)', 'the function `constructor` is not supported'],
    ['from events | eval x = process.pid::ip', 'unknown type `ip`'],
    ['from events | eval x = 1 day', '1:24+5 a timespan cannot be a column'],
    ['from events | eval x = case(process.name, 1)', '1:29+12 `case` takes a boolean here'],
    ['from events | eval x = coalesce(process.name, 1)', 'the values are of different types: keyword, long'],
    ['from events | eval x = replace(process.name, "(", "")', '1:46+3 the pattern is not a valid regular expression'],
    ['from events | eval x = cidr_match("1.1.1.1", "10.0.0.0/33")', '1:46+13 the text is not a block of addresses'],
    ['from events | stats process.name', '1:21+12 the column `process.name` must be in an aggregation or in `by`'],
    ['from events | stats max(count(*))', '1:25+8 `count` is an aggregation'],
    ['from events | stats sum(process.name)', '1:25+12 `sum` takes numbers'],
    ['from events | stats max()', '`max` takes a column'],
    ['from events | stats n = count() | keep process.name', '1:40+12 unknown column `process.name`'],
    ['from events | keep nothing.*', '1:20+9 no column matches `nothing.*`'],
    ['from events | rename process.pid as p*', '1:37+2 the new name of a column cannot have a `*`'],
    [
      'from events | stats last = max(@timestamp)',
      '1:21+4 `last` is a keyword; quote a column of this name with backticks',
    ],
    ['from events | limit 1 |', 'the end of the query'],
    [`from events | eval x = ${'right('.repeat(40)}process.name${', 9)'.repeat(40)}`, 'the expression is too large'],
    [`from events | eval x = 1${', x = x + 1'.repeat(300)}`, 'more than 200 steps that build on each other'],
    [`from events | eval x = 1${'::string'.repeat(2000)}`, 'the expression is more than 900 levels deep'],
    [
      `from events | eval ${Array.from({ length: 3000 }, (_, i) => `a${i} = ${i}`).join(', ')}`,
      'the query has more than 2000 columns',
    ],
    ['from events | limit 1.5', '1:21+3 `limit` takes a whole number'],
    ['from events | limit -1', '1:21+1'],
    ['from events metadata _score', '1:22+6 the metadata field `_score` is not supported'],
    ['from events | where a /* b', '1:23+2 the comment that begins here'],
    ['from events | where § == 1', '1:21+1 `§` is not part of ES|QL'],
    [`from events | where ${'('.repeat(300)}1`, 'nested more than 200 levels deep'],
    [`from events | where ${'not '.repeat(300)}true`, 'nested more than 200 levels deep'],
    [`from events | where 1${' + 1'.repeat(300)} == 1`, 'more than 200 operators in a row'],
    [`from events${' | limit 1'.repeat(100)}`, 'a query has at most 100 commands'],
  ])('%s', ([query, message]) => {
    expect(errorOf(query)).toContain(message);
  });
});

describe('hostile text stays text', () => {
  test.for<[string, string]>([
    ['a quote', `'; DROP TABLE main.events; --`],
    ['a double quote', `a" AS b, (SELECT 1) AS "c`],
    ['a NUL', 'a\0b'],
    ['a colon', ':now ?1 @x $y'],
    ['an emoji', '💥\u202e'],
  ])('%s', ([, text]) => {
    const literal = `"""${text}"""`;
    expect(
      rowsOf(
        `from process_events | where process.pid == 11 | eval \`${text}\` = ${literal} | keep \`${text}\` | eval n = length(\`${text}\`)`,
      )[0]?.[0],
    ).toBe(text);
    expect(
      rowsOf(`from process_events | where process.name like ${literal} or process.name rlike "x" | keep process.pid`),
    ).toEqual([]);
  });

  test('a query of many conditions runs', () => {
    const conditions = Array.from({ length: 5000 }, (_, i) => `process.executable like "/x${i}/*"`).join(' or ');
    expect(rowsOf(`from process_events | where ${conditions} or process.pid == 11 | stats count()`)).toEqual([[1]]);
  });

  test('so does one of many columns', () => {
    const columns = Array.from({ length: 1000 }, (_, i) => `c${i} = ${i}`).join(', ');
    expect(
      rowsOf(`from process_events | where process.pid == 11 | eval ${columns} | keep c999, c1 | stats max(c999 + c1)`),
    ).toEqual([[1000]]);
  });

  test('columns that are built on each other are computed once', () => {
    const doubled = ' | eval a = a + a'.repeat(45);
    expect(rowsOf(`from process_events | where process.pid == 11 | eval a = process.pid${doubled} | keep a`)).toEqual([
      [11 * 2 ** 45],
    ]);
    const nested = ', a = a + a'.repeat(45);
    expect(
      rowsOf(`from process_events | where process.pid == 11 | eval a = 1${nested} | where a > 1 | keep a`),
    ).toEqual([[2 ** 45]]);
  });

  test('a name of millions of characters is rejected without a search for a similar one', () => {
    expect(errorOf(`from events | keep ${'x'.repeat(3_000_000)}`)).toContain('unknown column');
  });

  test('many comments before a statement are read once', () => {
    expect(isEsql(`${'/**/'.repeat(5000)}select 1`)).toBe(false);
    expect(isEsql(`${'/* * */ // x\n'.repeat(5000)}from events`)).toBe(true);
  });

  test('words in any order are translated, or rejected with their place', () => {
    const words =
      `from events | where eval stats by keep drop rename as sort desc nulls first limit mv_expand process.pid process.args process.name
      @timestamp \`process.name\` "x" """y""" 1 2.5 1e3 7 days null true not and or in like rlike is ( ) , = == != < + - * / % :: string , | ( )
      count( values( case( concat( mv_contains( date_trunc( now() [ ? : \\ \0 \ud800 /* // */`.split(/\s+/);
    let seed = 1;
    const next = (bound: number): number => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * bound);
    };
    const some = (most: number) => Array.from({ length: 1 + next(most) }, () => words[next(words.length)]).join(' ');
    const commands = [
      () => `where ${some(4)}`,
      () => `eval x = ${some(4)}`,
      () => `stats ${some(2)} by ${some(2)}`,
      () => some(9),
    ];
    let translated = 0;
    for (let n = 0; n < 3000; n++) {
      const query = `from events${Array.from({ length: 1 + next(2) }, () => ` | ${commands[next(commands.length)]?.()}`).join('')}`;
      try {
        database.check(translateEsql(query).sql);
        translated++;
      } catch (error) {
        if (!(error instanceof QueryError)) throw new Error(`${JSON.stringify(query)}: ${String(error)}`);
        expect(error.line).toBeGreaterThan(0);
      }
    }
    expect(translated).toBeGreaterThan(20);
  });
});
