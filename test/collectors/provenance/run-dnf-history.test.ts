// The history of dnf, read by the real process from real databases: those of dnf 4 and dnf 5, and hostile ones.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, describe, expect, test } from 'vitest';
import { maxHistoryItems, runDnfHistory } from '../../../collectors/provenance/run-dnf-history.ts';

/** The machine may be busy. */
const read: typeof runDnfHistory = (file, request) => runDnfHistory(file, request, 60_000);

const directory = mkdtempSync(join(tmpdir(), 'stepparent-history-'));
afterAll(() => rmSync(directory, { recursive: true }));

// The tables of libdnf 0.69 and libdnf5 5.2, without the columns and indexes that are not read.
const dnf4 = `
  CREATE TABLE trans (id INTEGER PRIMARY KEY AUTOINCREMENT, dt_begin INTEGER NOT NULL, dt_end INTEGER);
  CREATE TABLE repo (id INTEGER PRIMARY KEY, repoid TEXT NOT NULL);
  CREATE TABLE trans_item (id INTEGER PRIMARY KEY AUTOINCREMENT, trans_id INTEGER, item_id INTEGER, repo_id INTEGER);
  CREATE TABLE rpm (item_id INTEGER UNIQUE NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL, version TEXT NOT NULL,
    release TEXT NOT NULL, arch TEXT NOT NULL);
  CREATE INDEX trans_item_trans_id ON trans_item(trans_id);`;
const dnf5 = `${dnf4.slice(0, dnf4.indexOf('CREATE TABLE rpm'))}
  CREATE TABLE pkg_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE arch (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE rpm (item_id INTEGER NOT NULL UNIQUE, name_id INTEGER NOT NULL, epoch INTEGER NOT NULL,
    version TEXT NOT NULL, release TEXT NOT NULL, arch_id INTEGER NOT NULL);`;
const rows = `
  INSERT INTO trans VALUES (1, 100, 105), (2, 110, NULL);
  INSERT INTO repo VALUES (1, 'updates'), (2, '@System');
  INSERT INTO trans_item VALUES (1, 1, 1, 1), (2, 2, 2, 1), (3, 2, 1, 2);`;
const rpmRows = `${rows} INSERT INTO rpm VALUES (1, 'tool', 0, '1', '1', 'noarch'), (2, 'tool', 3, '2', '1', 'noarch');`;

let number = 0;
function databaseOf(sql: string): string {
  const file = join(directory, `${++number}.sqlite`);
  const db = new Database(file);
  db.exec(sql);
  db.close();
  return file;
}

const first = { name: 'tool', epoch: 0, version: '1', release: '1', architecture: 'noarch', repository: 'updates' };

describe.each([
  ['dnf 4', `${dnf4}${rpmRows} UPDATE trans SET dt_end = 0 WHERE dt_end IS NULL`],
  [
    'dnf 5',
    `${dnf5}${rows} INSERT INTO pkg_name VALUES (7, 'tool'); INSERT INTO arch VALUES (8, 'noarch');
     INSERT INTO rpm VALUES (1, 7, 0, '1', '1', 8), (2, 7, 3, '2', '1', 8);`,
  ],
])('the history of %s', (_name, sql) => {
  const file = databaseOf(sql);
  test('has the packages of a transaction that has ended', async () => {
    expect(await read(file, { sinceS: 99, startS: 101 })).toEqual([first]);
  });
  test('has those of one that goes on', async () => {
    expect(await read(file, { sinceS: 99, startS: 120 })).toEqual([
      { ...first, epoch: 3, version: '2' },
      { ...first, repository: '@System' },
    ]);
  });
  test.each([
    ['began before the process', { sinceS: 101, startS: 104 }],
    ['begins later', { sinceS: 90, startS: 99 }],
    ['had ended', { sinceS: 90, startS: 106 }],
  ])('has none of one that %s', async (_what, request) => {
    expect(await read(file, request)).toEqual([]);
  });
});

test('what is only in the write-ahead log is read, while dnf holds the database open', async () => {
  const file = join(directory, 'open.sqlite');
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.exec(dnf4 + rpmRows);
  db.exec('BEGIN; DELETE FROM trans_item');
  expect(await read(file, { sinceS: 99, startS: 101 })).toEqual([first]);
  db.exec('ROLLBACK');
  db.close();
});

const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)';
const request = { sinceS: 99, startS: 101 };

describe('a hostile file is refused in bounded time', () => {
  test.each<[string, () => string]>([
    [
      'a view without end',
      () =>
        databaseOf(
          `${dnf4.replace(/CREATE TABLE trans \(.*;/, '')} ${rpmRows.replace(/INSERT INTO trans VALUES.*;/, '')}
           CREATE VIEW trans AS ${endless} SELECT i AS id, 100 AS dt_begin, 105 AS dt_end FROM n`,
        ),
    ],
    [
      'a view that takes all memory',
      () =>
        databaseOf(
          `${dnf4.replace(/CREATE TABLE repo.*;/, '')} ${rpmRows.replace(/INSERT INTO repo.*;/, '')}
           CREATE VIEW repo AS ${endless} SELECT 1 AS id, group_concat(hex(zeroblob(100000))) AS repoid FROM n`,
        ),
    ],
    ['other tables', () => databaseOf('CREATE TABLE trans (id)')],
    [
      'no database',
      () => {
        const file = join(directory, 'text');
        writeFileSync(file, 'x'.repeat(10_000));
        return file;
      },
    ],
    [
      'a database with bytes in its middle overwritten',
      () => {
        const file = databaseOf(dnf4 + rpmRows);
        writeFileSync(file, Buffer.alloc(8192, 0xff), { flag: 'r+' });
        return file;
      },
    ],
    ['a missing file', () => join(directory, 'missing')],
  ])('%s', async (_what, make) => {
    await expect(runDnfHistory(make(), request)).rejects.toThrow();
  });

  test('many rows and long texts are cut', async () => {
    const file = databaseOf(
      `${dnf4}${rows} UPDATE repo SET repoid = hex(zeroblob(5000));
       INSERT INTO rpm VALUES (1, 'tool', 0, '1', '1', 'noarch');
       ${endless} INSERT INTO trans_item SELECT i + 10, 1, 1, 1 FROM n LIMIT ${maxHistoryItems + 5}`,
    );
    const found = await read(file, request);
    expect(found).toHaveLength(maxHistoryItems);
    expect(found.at(-1)?.repository).toBe('0'.repeat(256));
  });
});
