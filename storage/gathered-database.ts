// A database for events and alerts that were gathered from many hosts. It is made for given statements: it has the columns that they
// read, since a million whole events would take minutes to store.

import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import { valueAt } from '../collectors/event/read-path.ts';
import { statementIn, tokenizeSql } from '../collectors/host-tables/sql-text.ts';
import { isoTime, jsonPath } from './document-sql.ts';
import { limits } from './limits.ts';
import { packageLedgerTables } from './migrations.ts';
import { type LedgerOf, prepareGatheredLedger } from './package-ledger.ts';
import { makeQueryDatabase, type QueryDatabase, type SqlFunctions } from './query-database.ts';
import { alertColumnNames, eventColumnNames, viewsOf } from './sql-views.ts';
import { storeError } from './store-error.ts';

const tables = { events: eventColumnNames, alerts: alertColumnNames } as const;
type Table = keyof typeof tables;
const tableNames = ['events', 'alerts'] as const;

/** The package ledger is made of all events, or of none: its tables are read as one. */
const ledgerTables: readonly string[] = ['package_changes', 'package_runs', 'packages_installed'];
const readNames = [...tableNames, 'ledger'] as const;

/**
 * The columns that statements read, by table; a table that no statement reads is left out. `ledger` has no names: it is
 * read or left out as a whole.
 */
export type GatheredColumns = Readonly<Partial<Record<(typeof readNames)[number], ReadonlySet<string>>>>;

/** More than these are read out of the document, which is stored whole: `SELECT *` has hundreds. */
const maxStored = 40;

type SqlValue = string | number | bigint | null;

/** Columns that every row has: the views ask for the category. */
const always: readonly string[] = ['time_ms', 'event.category'];

/** Columns that are made of others. `r` is a row of the table. */
const made: Readonly<Record<string, string>> = {
  '@timestamp': isoTime('r.time_ms'),
  last_ms: 'r.time_ms',
};

/** Columns that have the first value of a list. */
const firstOf: readonly string[] = ['event.category', 'event.type'];

/** What an alert has where the document does not say it. */
const defaults: Readonly<Record<string, string | number>> = {
  'stepparent.alert.state': 'open',
  'stepparent.alert.count': 1,
};

/** Alerts of others, findings of hunts for one, are not also events. */
const eventCategories: readonly unknown[] = ['process', 'file', 'network', 'package'];

/** No document of stepparent's has more than ten levels, and SQLite's functions fail at 1,000. */
const maxDepth = 64;
/** Hosts with a number of their own in keys, and agents whose hosts are compared. */
const maxHosts = 100_000;
/** A longer id is none. It is not cut: a part of a text keeps the whole in memory. */
const maxIdChars = 256;

/** The fields of an event that its alert has unchanged. */
const ofEvent =
  /^(?:process|file|user)\.|^agent\.id$|^event\.(?:category|action|type)$|^stepparent\.(?!alert\.|hunt\.)/;

/** Columns whose texts are cut, as those of the agent's database are. */
const cut: ReadonlySet<string> = new Set([
  ...['file.path', 'file.name', 'stepparent.lifecycle_script.path', 'process.executable', 'process.command_line'],
  ...['process.parent.executable', 'process.parent.command_line'],
]);

const quoted = (name: string): string => `"${name}"`;

const storedNames = (table: Table): string[] => tables[table].filter((name) => made[name] === undefined);

/** `column` is SQL for a column that is not made of others. */
const createViews = (column: (table: Table, name: string) => string): string => {
  const columnsOf = (table: Table): [string, string][] =>
    tables[table].map((name) => [name, made[name] ?? column(table, name)]);
  const events = 'main.events r';
  return viewsOf(columnsOf('events'), events, 'r."event.category"', columnsOf('alerts'), 'main.alerts r');
};

/**
 * The columns that a statement reads, by the program that SQLite makes of it: a `SELECT *` over a subquery reads what the subquery has.
 * Throws a SqlError.
 */
export function columnsRead(sql: string, functions: SqlFunctions): GatheredColumns {
  const db = new Database(':memory:');
  try {
    for (const table of tableNames) db.exec(`CREATE TABLE ${table} (${storedNames(table).map(quoted).join(', ')})`);
    db.exec(packageLedgerTables);
    const roots = new Map(
      db
        .prepare<[], { table: string; rootpage: number }>('SELECT tbl_name AS "table", rootpage FROM sqlite_schema')
        .all()
        .map(({ table, rootpage }): [unknown, string] => [rootpage, table]),
    );
    const database = makeQueryDatabase(
      db,
      [],
      functions,
      createViews((_, name) => `r.${quoted(name)}`),
    );
    const statement = statementIn(sql);
    if (tokenizeSql(statement)[0]?.value.toUpperCase() === 'EXPLAIN') {
      database.check(statement);
      return {};
    }
    const read: Partial<Record<keyof GatheredColumns, Set<string>>> = {};
    const cursors = new Map<unknown, Table>();
    for (const [, operation, first, second] of database.ask(`EXPLAIN ${statement}`, { since: 0, now: 0 }).rows) {
      const table = operation === 'OpenRead' ? roots.get(second) : cursors.get(first);
      if (table !== undefined && ledgerTables.includes(table)) read.ledger ??= new Set();
      if (!isTable(table)) continue;
      if (operation === 'OpenRead') {
        cursors.set(first, table);
        read[table] ??= new Set();
      } else if (operation === 'Column') {
        read[table]?.add(storedNames(table)[Number(second)] ?? '');
      }
    }
    return read;
  } finally {
    db.close();
  }
}

const isTable = (name: string | undefined): name is Table => tableNames.some((each) => each === name);

/** The columns of several statements. */
export function joinColumns(each: readonly GatheredColumns[]): GatheredColumns {
  const joined: Partial<Record<keyof GatheredColumns, Set<string>>> = {};
  for (const columns of each) {
    for (const table of readNames) {
      if (columns[table] !== undefined) joined[table] = new Set([...(joined[table] ?? []), ...columns[table]]);
    }
  }
  return joined;
}

interface HostCount {
  host: string;
  events: number;
}

/** Fills a new database with the gathered events and alerts of several hosts. */
export interface GatheredWriter {
  /**
   * Stores a document that was parsed from JSON. `duplicate`: that event of that host is stored already. `damaged`: it has no time or no
   * id. Throws a StoreError.
   */
  add(document: unknown): 'added' | 'duplicate' | 'damaged';
  /** What makes all readable. Throws a StoreError. */
  commit(): void;
  close(): void;
  /**
   * How many values of `host.id` there are, how many of `agent.id` are those of several hosts, how many events differ from one with the
   * same id, and the host with the most events.
   */
  counts(): { hosts: number; sharedAgents: number; differing: number; largest: HostCount };
}

/** Creates the file, which must not exist. It outlasts neither a crash nor the command. Throws a StoreError. */
export function createGatheredDatabase(path: string, columns: GatheredColumns, ledgerOf: LedgerOf): GatheredWriter {
  const throwingStoreErrors = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      throw storeError(error, path);
    }
  };
  const db = throwingStoreErrors(() => new Database(path));
  for (const pragma of ['journal_mode = OFF', 'synchronous = OFF', 'locking_mode = EXCLUSIVE']) db.pragma(pragma);
  db.pragma(`cache_size = -${limits.gatherCacheKiB}`);
  const { insertEvent, insertAlert, ledger } = throwingStoreErrors(() => {
    const insertEvent = prepareInsert(db, 'events', columns.events);
    const insertAlert = prepareInsert(db, 'alerts', columns.alerts);
    db.exec(packageLedgerTables);
    const ledger = columns.ledger && prepareGatheredLedger(db, ledgerOf);
    db.exec('BEGIN');
    return { insertEvent, insertAlert, ledger };
  });
  const hosts = new Map<string, HostCount & { number: number }>();
  const hostOfAgent = new Map<string, string>();
  const sharedAgents = new Set<string>();

  let differing = 0;
  let largest: HostCount = { host: '', events: 0 };

  const hostKey = (document: object): string => {
    const host = idIn(document, 'host.id') || idIn(document, 'host.name');
    const agent = idIn(document, 'agent.id');
    const known = hostOfAgent.get(agent);
    if (known === undefined && agent !== '' && hostOfAgent.size < maxHosts) hostOfAgent.set(agent, host);
    if (known !== undefined && known !== host) sharedAgents.add(agent);
    const count = hosts.get(host) ?? { host, events: 0, number: hosts.size };
    if (count.number < maxHosts) hosts.set(host, count);
    count.events++;
    if (count.events > largest.events) largest = count;
    return count.number < maxHosts ? String(count.number) : host;
  };
  return {
    add(document) {
      if (typeof document !== 'object' || document === null) return 'damaged';
      const id = idIn(document, 'event.id');
      const ms = timeOf(valueAt(document, '@timestamp'));
      if (id === '' || ms === undefined) return 'damaged';
      const key = `${hostKey(document)} ${id}`;
      const isAlert = valueAt(document, 'event.kind') === 'alert';
      return throwingStoreErrors(() => {
        const results: Inserted[] = [];
        if (isAlert) results.push(insertAlert(`${key} ${idIn(document, 'rule.id')}`, ms, document));
        if (!isAlert || eventCategories.includes(firstValue(valueAt(document, 'event.category')))) {
          results.push(insertEvent(key, ms, document));
        }
        ledger?.add(document, ms);
        if (results.includes('differing')) differing++;
        return results.every((each) => each === 'duplicate') ? 'duplicate' : 'added';
      });
    },
    commit: () =>
      throwingStoreErrors(() => {
        ledger?.finish();
        db.exec('COMMIT');
      }),
    close: () => void db.close(),
    counts: () => ({ hosts: hosts.size, sharedAgents: sharedAgents.size, differing, largest }),
  };
}

/** `differing`: stored, although another event has the key. */
type Inserted = 'added' | 'differing' | 'duplicate';

/**
 * Creates the table and prepares its insert. An event with the key of another is a row of its own where the statements can see the
 * difference: else one host could hide an event of another by an event with its id.
 */
function prepareInsert(
  db: Database.Database,
  table: Table,
  columns: ReadonlySet<string> | undefined,
): (key: string, ms: number, document: object) => Inserted {
  const names = columns === undefined ? [] : columns.size > maxStored ? ['document'] : [...columns];
  const others = names.filter((name) => !always.includes(name));
  const list = ['key', ...always, ...others].map(quoted).join(', ');
  db.exec(`CREATE TABLE ${table} (${list}, UNIQUE (key))`);
  if (columns === undefined) return () => 'added';
  const insert = db.prepare(
    `INSERT INTO ${table} (${list}) VALUES (?, ?, ?${', ?'.repeat(others.length)}) ON CONFLICT (key) DO NOTHING`,
  );
  const isWhole = others.includes('document');
  const compared = [...(isWhole ? storedNames(table) : others), 'event.category'].filter((name) => ofEvent.test(name));
  const selected = ['time_ms', ...(isWhole ? ['document'] : compared)].map(quoted).join(', ');
  const selectStored = db.prepare<[string], SqlValue[]>(`SELECT ${selected} FROM ${table} WHERE key = ?`).raw(true);
  const contentOf = (values: readonly SqlValue[]): string =>
    JSON.stringify(values, (_, value) => (typeof value === 'bigint' ? Number(value) : value));
  const storedContent = (key: string): string => {
    const [time = null, ...values] = selectStored.get(key) ?? [];
    if (!isWhole) return contentOf([time, ...values]);
    const stored: object = typeof values[0] === 'string' ? JSON.parse(values[0]) : {};
    return contentOf([time, ...compared.map((name) => columnValue(stored, name))]);
  };
  return (key, ms, document) => {
    const sqlValue = (name: string): SqlValue =>
      name === 'document' ? textOf(document) : name === 'time_ms' ? BigInt(ms) : columnValue(document, name);
    const row = [...always, ...others].map(sqlValue);
    if (insert.run([key, ...row]).changes > 0) return 'added';
    const content = contentOf(['time_ms', ...compared].map(sqlValue));
    if (storedContent(key) === content) return 'duplicate';
    const digest = createHash('sha256').update(content).digest('base64');
    return insert.run([`${key} ${digest}`, ...row]).changes > 0 ? 'differing' : 'duplicate';
  };
}

/** Opens for reading what `createGatheredDatabase` has made. A statement that reads other columns fails. Throws a StoreError. */
export function openGatheredDatabase(path: string, functions: SqlFunctions): QueryDatabase {
  try {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    const inTable = (table: Table) =>
      new Set(db.prepare<[], string>(`SELECT name FROM pragma_table_info('${table}')`).pluck().all());
    const stored = { events: inTable('events'), alerts: inTable('alerts') };
    db.function('column_not_read', (name) => {
      throw new Error(`the column ${name} was not gathered`);
    });
    const views = createViews((table, name) => {
      if (stored[table].has(name)) return `r.${quoted(name)}`;
      return stored[table].has('document') ? inDocument(name) : `column_not_read('${name}')`;
    });
    return makeQueryDatabase(db, [], functions, views);
  } catch (error) {
    throw storeError(error, path);
  }
}

/** SQL for a column that is not stored, where the document is. */
function inDocument(name: string): string {
  const path = jsonPath(name.split('.'));
  const value = `r.document ->> ${path}`;
  if (firstOf.includes(name)) return `coalesce(r.document ->> ${path.slice(0, -1)}[0]', ${value})`;
  if (cut.has(name)) return `substr(${value}, 1, ${limits.columnChars})`;
  const otherwise = defaults[name];
  if (otherwise === undefined) return value;
  return `coalesce(${value}, ${typeof otherwise === 'number' ? otherwise : `'${otherwise}'`})`;
}

function columnValue(document: object, name: string): SqlValue {
  const found = valueAt(document, name) ?? defaults[name];
  const value = firstOf.includes(name) ? firstValue(found) : found;
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return cut.has(name) ? value.slice(0, limits.columnChars) : value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return textOf(value);
}

/**
 * The JSON; NULL where it is nested too deeply for SQLite's functions. Not that of the line: where a name stands twice, SQLite would read
 * the first value, JSON.parse reads the last.
 */
function textOf(value: object): string | null {
  return isDeeper(value, maxDepth) ? null : JSON.stringify(value);
}

const firstValue = (value: unknown): unknown => (Array.isArray(value) ? value[0] : value);

/** The text at the name; empty where there is none, or a longer one. */
function idIn(document: object, name: string): string {
  const value = valueAt(document, name);
  return typeof value === 'string' && value.length <= maxIdChars ? value : '';
}

/** The last millisecond that SQLite writes as a time, in the year 9999. */
const lastMs = 253_402_300_799_999;

/** Milliseconds since 1970; undefined where it is no time of the years 1970 to 9999. */
function timeOf(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return ms >= 0 && ms <= lastMs ? ms : undefined;
}

function isDeeper(value: object, depth: number): boolean {
  if (depth === 0) return true;
  for (const name in value) {
    const inner = (value as Record<string, unknown>)[name];
    if (typeof inner === 'object' && inner !== null && isDeeper(inner, depth - 1)) return true;
  }
  return false;
}
