// The read-only database for SQL queries: the agent's events and alerts, or gathered alerts, together with tables of the host.

import Database from 'better-sqlite3';
import { errorCode } from '../collectors/error-message.ts';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { userClassOf } from '../collectors/event/user-class.ts';
import type { HostTable } from '../collectors/host-tables/host-table.ts';
import { pathsInSql, readingWords, statementIn, tokenizeSql } from '../collectors/host-tables/sql-text.ts';
import { openReadonlyDatabase } from './database-file.ts';
import { prepareInsertEvent } from './event-rows.ts';
import { limits } from './limits.ts';
import { migrations } from './migrations.ts';
import { type LedgerOf, prepareGatheredLedger } from './package-ledger.ts';
import { takeUnknownNamesAsTexts } from './sql-texts-in-double-quotes.ts';
import { createViews, dropViews, type EventAccess } from './sql-views.ts';

/** A value of an answer, as in JSON: whole numbers beyond 2^53 are text, bytes are hexadecimal text. */
export type AnswerValue = string | number | null;

interface Answer {
  columns: string[];
  /** The rows, read one by one from SQLite. */
  rows: Iterable<AnswerValue[]>;
  /** Remarks on the rows; complete when all rows are read. */
  notes: readonly string[];
}

/** An open database for SQL queries, which no statement can change. */
export interface QueryDatabase {
  /**
   * Runs one read-only statement. `:since` and `:now` in it are milliseconds since 1970. Throws a SqlError, also while
   * rows are read.
   */
  ask(sql: string, parameters: { since: number; now: number }): Answer;
  /** The columns of the answer. Throws the SqlError that `ask` would throw before the first row. */
  check(sql: string): string[];
  close(): void;
}

/** Functions that a statement may call beside SQLite's own, by name. Each is pure. */
export type SqlFunctions = Readonly<
  Record<string, (...args: (string | number | bigint | null)[]) => string | number | bigint | null>
>;

/** The statement was rejected or failed. The message is SQLite's, which names the word at fault. */
export class SqlError extends Error {
  override name = 'SqlError';
}

/** Opens the agent's database for reading while the agent runs. Throws a StoreError as `openStoreReader` does. */
export function openQueryDatabase(
  path: string,
  tables: readonly HostTable[],
  functions: SqlFunctions = {},
): QueryDatabase {
  return makeQueryDatabase(openReadonlyDatabase(path), tables, functions);
}

/** Opens a database in memory with these alerts, each once; each alert is also an event, and can have rows of the package ledger. */
export async function openAlertDatabase(
  alerts: AsyncIterable<StepparentEvent> | Iterable<StepparentEvent>,
  tables: readonly HostTable[],
  functions: SqlFunctions = {},
  ledgerOf: LedgerOf = () => undefined,
): Promise<QueryDatabase> {
  const db = new Database(':memory:');
  for (const sql of migrations) db.exec(sql);
  const insertEvent = prepareInsertEvent(db);
  const insertAlert = db.prepare(
    `INSERT INTO alerts (id, rule_id, scope, terms, state, first_ms, last_ms, count, stored_ms, user_class, document)
     VALUES (?, ?, '', '[]', 'open', ?, ?, 1, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  );
  const ledger = prepareGatheredLedger(db, ledgerOf);
  for await (const alert of alerts) {
    const ms = Date.parse(alert['@timestamp']);
    insertAlert.run(alert.event.id, String(alert.rule?.id), ms, ms, ms, userClassOf(alert), JSON.stringify(alert));
    insertEvent.insert(alert, ms, ms);
    ledger.add(alert, ms);
  }
  ledger.finish();
  return makeQueryDatabase(db, tables, functions);
}

/** Maximum number of columns for which lookups are faster than a join; `SELECT *` has hundreds. */
const maxLookups = 40;

/** `views` makes the tables that a statement sees of a database other than the agent's. */
export function makeQueryDatabase(
  db: Database.Database,
  tables: readonly HostTable[],
  functions: SqlFunctions,
  views?: string,
): QueryDatabase {
  for (const [name, call] of Object.entries(functions)) db.function(name, { deterministic: true, varargs: true }, call);
  let notes: string[] = [];
  let paths: string[] = [];
  let names: ReadonlySet<string> = new Set();
  const note = (text: string): void => {
    if (!notes.includes(text)) notes.push(text);
  };
  for (const { name, columns, rows } of tables) {
    db.table(`${name} rows`, {
      columns: columns.map(([column]) => column),
      *rows() {
        for (const row of rows({ paths, names, note })) yield [...row];
      },
    });
    // A virtual table of better-sqlite3 has neither types nor an index: read into a materialized view it gets both.
    const typed = columns.map(([column, type]) => `CAST("${column}" AS ${type}) AS "${column}"`).join(', ');
    db.exec(
      `CREATE TEMP VIEW "${name}" AS WITH read AS MATERIALIZED (SELECT ${typed} FROM "${name} rows") SELECT * FROM read`,
    );
  }
  let access: EventAccess = 'lookup';
  db.exec(views ?? createViews[access]);
  db.pragma('query_only = ON');
  const readEventsBy = (wanted: EventAccess): void => {
    if (wanted === access || views !== undefined) return;
    db.pragma('query_only = OFF');
    db.exec(`${dropViews}\n${createViews[wanted]}`);
    db.pragma('query_only = ON');
    access = wanted;
  };
  db.pragma(`cache_size = -${limits.queryCacheKiB}`);

  const prepare = (sql: string): Database.Statement => {
    try {
      const statement = db.prepare(sql);
      if (!statement.reader || !statement.readonly)
        throw new SqlError('the statement would write: the database is read-only');
      return statement;
    } catch (error) {
      throw sqlError(error);
    }
  };
  const read = (text: string): ReturnType<typeof takeUnknownNamesAsTexts> => {
    const sql = statementIn(text);
    const [first] = tokenizeSql(sql);
    if (first === undefined) throw new SqlError('the statement is empty');
    if (first.kind !== 'name' || !readingWords.includes(first.value.toUpperCase())) {
      throw new SqlError('only SELECT, WITH, VALUES and EXPLAIN are allowed: the database is read-only');
    }
    return takeUnknownNamesAsTexts(sql, (each) => void prepare(each));
  };

  return {
    check(text) {
      const statement = prepare(read(text).sql);
      try {
        statement.bind({ since: 0, now: 0 });
        return distinct(statement.columns().map(({ name }) => name));
      } catch (error) {
        throw sqlError(error);
      }
    },
    ask(text, parameters) {
      readEventsBy('lookup');
      const { sql, texts } = read(text);
      let statement = prepare(sql);
      if (statement.columns().length > maxLookups) {
        readEventsBy('join');
        statement = prepare(sql);
      }
      statement.raw(true).safeIntegers(true);
      notes = texts.map((each) => `"${each}" is no column and was taken as text: write texts in single quotes`);
      const tokens = tokenizeSql(sql);
      paths = pathsInSql(tokens);
      names = new Set(tokens.filter(({ kind }) => kind === 'name').map(({ value }) => value.toLowerCase()));
      try {
        const columns = distinct(statement.columns().map(({ name }) => name));
        const rows = statement.iterate(parameters) as IterableIterator<unknown[]>;
        return { columns, rows: answers(rows), notes };
      } catch (error) {
        throw sqlError(error);
      }
    },
    close: () => {
      db.close();
    },
  };
}

/** A SqlError if the statement is at fault; else the error itself. */
function sqlError(error: unknown): unknown {
  if (error instanceof RangeError || error instanceof TypeError) return new SqlError(bindingText(error.message));
  if (!errorCode(error).startsWith('SQLITE_ERROR') || !(error instanceof Error)) return error;
  return new SqlError(error.message, { cause: error });
}

function* answers(rows: Iterable<unknown[]>): Generator<AnswerValue[]> {
  try {
    for (const row of rows) yield row.map(answerValue);
  } catch (error) {
    throw sqlError(error);
  }
}

function answerValue(value: unknown): AnswerValue {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (Buffer.isBuffer(value)) return value.toString('hex');
  return typeof value === 'string' ? value : null;
}

/** Unique names of columns: a repeated name gets a number. */
function distinct(names: readonly string[]): string[] {
  const used = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let n = 2; used.has(free); n++) free = `${name}:${n}`;
    used.add(free);
    return free;
  });
}

function bindingText(message: string): string {
  if (/more than one statement/.test(message)) return 'more than one statement: run one at a time';
  if (/contains no statements/.test(message)) return 'the statement is empty';
  if (/parameter/i.test(message)) return 'the statement has a parameter other than :since and :now';
  return message;
}
