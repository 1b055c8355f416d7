// `hunt` and `query` as a user meets them: output, messages and exit codes, each from a process of its own.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingText } from '../../../storage/database-file.ts';
import { openStore } from '../../../storage/store.ts';
import { fileEvent } from '../../detectors/hunts/hunt-events.ts';

const main = join(import.meta.dirname, '../../../agent/main.ts');
let directory: string;
let config: string;

const hunt = (id: string, sql: string): string =>
  `[hunt]\nid = "${id}"\nname = "Of ${id}"\ndescription = "d"\nidentity = ["a"]\nsql = '''\n${sql}\n'''\n`;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stepparent-hunts-'));
  config = join(directory, 'config.toml');
  mkdirSync(join(directory, 'hunts'));
  writeFileSync(
    config,
    `directories.state = "${directory}/state"\ndirectories.runtime = "${directory}/run"\ndirectories.hunts = ["${directory}/hunts"]\n`,
  );
  writeFileSync(
    join(directory, 'hunts', 'files.toml'),
    hunt('files', 'SELECT "file.name" AS a, 1 AS n FROM file_events\nWHERE time_ms >= :since ORDER BY a'),
  );
  writeFileSync(join(directory, 'hunts', 'wrong.toml'), hunt('wrong', 'SELECT\n  frm AS a'));
  const store = openStore(join(directory, 'state', 'stepparent.db'));
  const put = (name: string, ageMs: number): void => {
    const event = fileEvent(`/var/lib/dpkg/info/${name}`);
    event['@timestamp'] = new Date(Date.now() - ageMs).toISOString();
    store.record([{ event, scope: '', verdicts: [] }], Date.now());
  };
  put('b\n\u001b[2Jforged', 60_000);
  put('a.postinst', 60_000);
  put('old.postinst', 20 * 86_400_000);
  store.close();
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Result {
  code: number | null;
  out: string;
  err: string;
}

const stepparent = (...args: string[]): Promise<Result> =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...args, '--config', config], (_, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });

/** The lines without the text before the path that they name. */
const placed = (text: string): string[] => text.replaceAll(/^[^/\n]*(?=\/)/gm, '').split('\n');

/** The numbers of the last line: valid, rejected, warnings. */
const countsOf = (text: string): number[] => (text.trimEnd().split('\n').at(-1)?.match(/\d+/g) ?? []).map(Number);

test('run --check reports rejected hunts, also for their SQL', async () => {
  const file = join(directory, 'hunts', 'rejected.toml');
  const unless = join(directory, 'hunts', 'unless.toml');
  const wrong = [`${directory}/hunts/wrong.toml:6:1: \`hunt.sql\`: no such column: frm`, "sql = '''", '^~~', ''];
  const alone = await stepparent('run', '--check');
  expect({ code: alone.code, out: placed(alone.out) }).toEqual({ code: 1, out: wrong });
  expect(alone.err).toMatch(/\n1 hunt valid, 1 rejected\n$/);
  writeFileSync(file, '[hunt]\nidd = "x"\n');
  writeFileSync(unless, `[hunt.finding]\nreason = "r"\nunless = "b = 1"\n${hunt('unless', 'SELECT 1 AS a')}`);
  try {
    const { out, err } = await stepparent('run', '--check');
    const key = [expect.stringMatching(`^${file}:2:1: .*\`hunt\\.idd\`.*\`id\``), 'idd = "x"', '^~~'];
    const fault = [`${unless}:3:1: \`hunt.finding.unless\`: no such column: b`, 'unless = "b = 1"', '^~~~~~'];
    expect(placed(out)).toEqual([...key, ...fault, ...wrong]);
    expect(countsOf(err)).toEqual([1, 3]);
  } finally {
    rmSync(file);
    rmSync(unless);
  }
});

test('run --check warns of columns that a hunt names and its rows do not have', async () => {
  const file = join(directory, 'hunts', 'columns.toml');
  const text = hunt('columns', 'SELECT 1 AS path').replace(
    '[hunt]',
    '[hunt]\nfinding = { reason = "{pth} of {path}" }',
  );
  writeFileSync(file, text.replace(/^identity = .*$/m, 'identity = ["path", "name"]'));
  try {
    const { out, err } = await stepparent('run', '--check');
    expect(out).toMatch(
      new RegExp(`${file}:6:1: \`hunt\\.identity\`: .*\nidentity = \\["path", "name"\\]\n\\^~~~~~~~\n`),
    );
    expect(out).toContain(
      `hunt warning: ${file}:2:1: \`hunt.finding.reason\`: the rows have no column "pth"; did you mean "path"?\n`,
    );
    expect(err).toMatch(/\n2 hunts valid, 1 rejected, 2 warnings\n$/);
  } finally {
    rmSync(file);
  }
});

test('hunt --journal reports a missing directory once', async () => {
  expect(await stepparent('hunt', '--journal', '/nowhere')).toEqual({
    code: 1,
    out: '',
    err: 'stepparent: --journal /nowhere: no such directory\n',
  });
});

describe('--events', () => {
  let gathered: string;
  beforeAll(() => {
    gathered = join(directory, 'gathered');
    for (const host of ['one', 'two']) {
      mkdirSync(join(gathered, host), { recursive: true });
      const events = ['a', 'b'].map((name) => fileEvent(`/var/lib/dpkg/info/${name}`, null, { agent: host }));
      for (const event of events) event['@timestamp'] = new Date(Date.now() - 60_000).toISOString();
      writeFileSync(
        join(gathered, host, '1.ndjson'),
        `${events.map((each) => JSON.stringify(each)).join('\n')}\nbroken\n`,
      );
    }
  });
  const notes =
    /^note: 4 events of 2 hosts in 2 files\nnote: 2 lines without an event left out, the first: line 3 of .*1\.ndjson\n$/;

  test('hunts over the events of many hosts', async () => {
    const { code, out, err } = await stepparent('hunt', '--events', gathered, 'files', '--json');
    expect({
      code,
      rows: out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    }).toEqual({
      code: 0,
      rows: ['a', 'a', 'b', 'b'].map((a) => ({ a, n: 1 })),
    });
    expect(err).toMatch(notes);
  });

  test('without a name runs each, and a wrong one does not keep the others', async () => {
    const { code, out, err } = await stepparent('hunt', '--events', gathered, '--json');
    expect(code).toBe(1);
    expect(out.trim().split('\n')).toHaveLength(4);
    expect(err).toContain(`${directory}/hunts/wrong.toml: \`hunt.sql\`: no such column: frm`);
  });

  test.for([
    'SELECT "agent.id" AS agent, count(*) AS n FROM file_events GROUP BY 1 ORDER BY 1',
    'from logs-endpoint.events.file-* | stats n = count() by agent.id | rename agent.id as agent | keep agent, n | sort agent',
    'sql\nfrom file_events | stats n = count() by agent.id | rename agent.id as agent | keep agent, n | sort agent',
  ])('query: %s', async (query) => {
    const { code, out, err } = await stepparent('query', '--events', gathered, '--json', query);
    expect({ code, out }).toEqual({ code: 0, out: '{"agent":"one","n":2}\n{"agent":"two","n":2}\n' });
    expect(err).toMatch(notes);
  });

  test('a hunt in ES|QL keeps its own window, and says so with --since', async () => {
    const file = join(directory, 'hunts', 'esql.toml');
    const query = 'from file_events | where process.args == "x" or true | stats a = count()';
    writeFileSync(file, hunt('esql', query).replace('sql =', 'esql ='));
    try {
      const { code, out, err } = await stepparent('hunt', '--events', gathered, 'esql', '--json', '--since', '1m');
      expect({ code, out }).toEqual({ code: 0, out: '{"a":4}\n' });
      expect(err).toContain(
        'note: the hunt esql is written in ES|QL and has its own window; --since does not change it\n',
      );
      expect(err).toContain('note: `process.args` is a list');
      const all = await stepparent('hunt', '--events', gathered);
      expect(all.out).toMatch(/^esql: Of esql\n/m);
      expect(all.out).toMatch(/^files: Of files, since /m);
    } finally {
      rmSync(file);
    }
  });

  test('a hunt over the host itself is rejected', async () => {
    const file = join(directory, 'hunts', 'own.toml');
    writeFileSync(file, hunt('own', 'SELECT 1 AS a').replace('[hunt]', '[hunt]\nsource = "host"'));
    try {
      const { code, err } = await stepparent('hunt', '--events', gathered, 'own');
      expect({ code, err }).toEqual({
        code: 1,
        err: 'stepparent: the hunt own reads files of this host, which gathered events do not contain\n',
      });
    } finally {
      rmSync(file);
    }
  });

  test.for([
    ['hunt', 'files'],
    ['query', 'SELECT count(*) FROM events'],
  ])('%s: no such directory', async ([command = '', argument = '']) => {
    expect(await stepparent(command, '--events', '/nowhere', argument)).toEqual({
      code: 1,
      out: '',
      err: 'stepparent: --events /nowhere: no such directory\n',
    });
  });

  test('not together with --journal', async () => {
    const { code, err } = await stepparent('hunt', '--events', gathered, '--journal', gathered);
    expect(code).toBe(2);
    expect(err).toContain("'--journal <directory>' cannot be used with option '--events <directory>'");
  });

  test('a statement that is wrong is an error before anything is read', async () => {
    expect(await stepparent('query', '--events', gathered, 'SELECT frm FROM events')).toEqual({
      code: 1,
      out: '',
      err: 'stepparent: no such column: frm\n',
    });
  });
});

test('hunt lists the hunts', async () => {
  expect(await stepparent('hunt')).toEqual({
    code: 0,
    out: 'files  7d  events  Of files\nwrong  7d  events  Of wrong\n',
    err: '',
  });
  const { out } = await stepparent('hunt', '--json');
  expect(JSON.parse(out.split('\n')[0] ?? '')).toMatchObject({ id: 'files', window_days: 7, findings: false });
});

test('hunt prints an aligned and escaped table with column names', async () => {
  expect(await stepparent('hunt', 'files')).toEqual({
    code: 0,
    out: 'a                 n\na.postinst        1\nb\\n\\x1b[2Jforged  1\n',
    err: '',
  });
  const json = await stepparent('hunt', 'files', '--json', '--since', '30d');
  expect(
    json.out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { a: 'a.postinst', n: 1 },
    { a: 'b\n\u001b[2Jforged', n: 1 },
    { a: 'old.postinst', n: 1 },
  ]);
  expect((await stepparent('hunt', 'files', '--limit', '1')).err).toMatch(/\b1\b.*--limit/);
});

test('hunt reports wrong SQL with file and key', async () => {
  const { code, out, err } = await stepparent('hunt', 'wrong');
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(placed(err)).toEqual([`${directory}/hunts/wrong.toml: \`hunt.sql\`: no such column: frm`, '']);
});

test('hunt --all runs each hunt, and continues after one that fails', async () => {
  const { code, out, err } = await stepparent('hunt', '--all');
  expect(code).toBe(1);
  expect(out).toMatch(/^files: Of files, since \d{4}-.*\na +n\n/);
  expect(out).toContain('\nwrong: Of wrong, since ');
  expect(err).toContain('no such column: frm');
  const { out: json } = await stepparent('hunt', '--all', '--json');
  expect(JSON.parse(json.split('\n')[0] ?? '')).toEqual({ hunt: 'files', a: 'a.postinst', n: 1 });
});

test('hunt reports an unknown hunt', async () => {
  expect(await stepparent('hunt', 'x\u001b')).toEqual({
    code: 1,
    out: '',
    err: 'stepparent: no hunt with the name x\\x1b; `stepparent hunt` lists them\n',
  });
});

test('query: osquery’s columns of files, users and groups, with unqualified names', async () => {
  const sql = `SELECT f.filename, u.username AS owner, g.groupname AS grp, datetime(f.mtime, 'unixepoch') AS changed
    FROM file f LEFT JOIN users u ON f.uid = u.uid LEFT JOIN groups g ON f.gid = g.gid
    WHERE (f.path LIKE '${directory}/hunts/%' OR f.path LIKE '/nowhere/%')
      AND (mtime > strftime('%s', 'now') - (7 * 86400)) -- a week
    ORDER BY 1; -- the end`;
  const { code, out } = await stepparent('query', sql);
  expect(code).toBe(0);
  expect(out).toMatch(/^filename +owner +grp +changed\nfiles\.toml +\S+ +\S+ +\d{4}-\S+ \S+\nwrong\.toml .*\n$/);
});

test.for([
  ['SELECT "file.name" FROM file_events ORDER BY 1 LIMIT 1', 0, 'file.name\na.postinst\n', ''],
  ['SELECT 1 WHERE 0', 0, '', 'no rows\n'],
  ['SELECT path FROM file', 0, '', /^no rows\nnote: .*\bfile\b.*path LIKE '\/etc\/%'.*\n$/],
  ['SELECT frm\u001b', 1, '', /^stepparent: unrecognized token: .*\n$/],
  ['DELETE FROM terms', 1, '', /^stepparent: only SELECT, .*\n$/],
] as const)('query %s', async ([sql, code, out, err]) => {
  const result = await stepparent('query', sql);
  expect(result).toMatchObject({ code, out });
  if (typeof err === 'string') expect(result.err).toBe(err);
  else expect(result.err).toMatch(err);
});

test('query: limits of rows and time', async () => {
  const endless = 'WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)';
  expect(await stepparent('query', `${endless} SELECT x FROM c`, '--limit', '2', '--json')).toEqual({
    code: 0,
    out: '{"x":1}\n{"x":2}\n',
    err: 'only the first 2 rows are shown; --limit shows more\n',
  });
  expect(await stepparent('query', `${endless} SELECT max(x) FROM c`, '--timeout', '1s')).toEqual({
    code: 1,
    out: '',
    err: expect.stringMatching(/^stepparent: .*\b1 s\b.*--timeout.*\n$/),
  });
  expect((await stepparent('query', 'SELECT 1', '--timeout', '2h')).code).toBe(2);
  const since = await stepparent('query', 'SELECT :since AS s', '--since', '1970-01-01T00:00:01Z', '--json');
  expect(since.out).toBe('{"s":1000}\n');
});

test('baseline allows and removes a row by the hunt’s identity', async () => {
  expect((await stepparent('baseline', 'allow', 'hunt:files', 'x.postinst')).code).toBe(0);
  const { out } = await stepparent('baseline', 'list', '--rule', 'hunt:files');
  expect(out).toMatch(/^hunt:files .* allowed +x\.postinst\n$/);
  expect((await stepparent('baseline', 'allow', 'hunt:files', 'x', 'y')).err).toContain(
    'hunt:files needs 1 term (a), 2 given',
  );
  expect((await stepparent('baseline', 'remove', 'hunt:files', 'x.postinst')).code).toBe(0);
});

test('query reads the tables of the host before the agent has ever run', async () => {
  const empty = join(directory, 'empty.toml');
  writeFileSync(empty, `directories.state = "${directory}/none"\ndirectories.runtime = "${directory}/none"\n`);
  const ask = (...args: string[]) =>
    new Promise<Result>((resolve) => {
      const child = execFile(process.execPath, [main, ...args, '--config', empty], (_, out, err) =>
        resolve({ code: child.exitCode, out, err }),
      );
    });
  expect(await ask('query', "SELECT username FROM users WHERE uid = '0'")).toEqual({
    code: 0,
    out: 'username\nroot\n',
    err: 'note: no database yet: the tables of events and alerts are empty\n',
  });
  expect(await ask('hunt', 'package-database-files')).toMatchObject({
    code: 1,
    err: `stepparent: ${missingText(join(directory, 'none', 'stepparent.db'))}\n`,
  });
});
