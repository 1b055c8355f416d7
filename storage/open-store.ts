// Opens the local store: one SQLite file that holds events, baseline terms, alerts and what is still to be delivered.

import { chmodSync, closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { ensureDirectory } from '../collectors/linux/ensure-directory.ts';
import { type Baseline, prepareBaseline } from './baseline.ts';
import { type HuntRows, prepareHuntRows } from './hunt-rows.ts';
import { type KnownFiles, prepareKnownFiles } from './known-files.ts';
import { beginLearning, type Learning, readLearning } from './learning.ts';
import { limits } from './limits.ts';
import { type Listing, prepareListing } from './listing.ts';
import { applicationId, migrations } from './migrations.ts';
import { type Outbox, prepareOutbox } from './outbox.ts';
import { type Pruned, type PruneLimits, preparePrune } from './prune.ts';
import { prepareRecord, type Recorded } from './record.ts';
import type { JudgedEvent } from './records.ts';
import { prepareScriptListing, prepareScripts, type ScriptListing, type Scripts } from './scripts.ts';
import { readStatus, type StoreStatus } from './status.ts';
import { errorCode, StoreError, storeError } from './store-error.ts';
import { prepareSummaries } from './summaries.ts';
import { prepareTransactions, type Transactions } from './transactions.ts';

/** What can be asked of a store that is open for reading. Every function throws a StoreError when the database fails. */
export interface StoreReader extends Listing, Transactions, ScriptListing {
  readonly path: string;
  /** Undefined when the database was made without learning mode. */
  learning(nowMs: number): Learning | undefined;
  status(): StoreStatus;
  close(): void;
}

export interface Store extends StoreReader, Outbox, Baseline, KnownFiles, HuntRows, Scripts {
  /** The file that could not be used and was renamed at this opening (with its -wal and -shm); undefined: none. */
  readonly setAside: SetAside | undefined;
  /** Commits a batch, all or nothing; findings whose event is stored already are passed over. See prepareRecord. */
  record(findings: readonly JudgedEvent[], nowMs: number): Recorded;
  /** Puts what is due about capped alerts into the outbox, and returns it. Call about once a minute. */
  summarize(nowMs: number): StepparentEvent[];
  /** One bounded step of retention, some milliseconds long; `more` asks for another. */
  prune(nowMs: number, bounds?: PruneLimits): Pruned;
}

interface SetAside {
  /** Where it is now. */
  path: string;
  /** One clause. */
  reason: string;
}

export interface StoreOptions {
  /** The sinks that an alert is delivered to; one that is added later gets later alerts only. */
  sinks?: readonly string[] | undefined;
  /**
   * How long a new database learns before it alerts; undefined: not at all. Read only when the database is made, and not
   * when it takes the place of one that was set aside.
   */
  learningMs?: number | undefined;
  /** For commands that edit beside the agent: fails where there is no usable database, instead of making one. */
  mustExist?: boolean | undefined;
  /** Sets aside what is there, whatever it is: for a store that threw `corrupt` while in use. */
  setAsideBecause?: string | undefined;
  /** The time now, in milliseconds since 1970. */
  nowMs?: number | undefined;
}

/** Opens for reading only, beside the agent. Throws a StoreError: `missing`, `privilege`, `older`, or one of those below. */
export function openStore(path: string, options: { readonly: true }): StoreReader;
/**
 * Opens for writing: makes folder (0700) and file (0600), or brings an older schema up to date. What is corrupt, newer or
 * not stepparent's is renamed, never deleted, and a new database made. Throws a StoreError for anything else.
 */
export function openStore(path: string, options?: StoreOptions): Store;
export function openStore(path: string, options: StoreOptions | { readonly: true } = {}): Store | StoreReader {
  if ('readonly' in options) {
    return composed(openReadonlyDatabase(path), path, (db) => reader(db, path));
  }
  if (options.mustExist) {
    requireDatabase(path);
    return composed(openExisting(path, false), path, (db) => writer(db, path, options, undefined));
  }
  return openAgentStore(path, options);
}

function openAgentStore(path: string, options: StoreOptions): Store {
  const nowMs = options.nowMs ?? Date.now();
  const open = (setAside: SetAside | undefined) => {
    inspect(path);
    const db = openWritable(path, nowMs, setAside === undefined ? options.learningMs : undefined);
    return composed(db, path, () => writer(db, path, options, setAside));
  };
  try {
    ensureDirectory(dirname(path));
    for (const file of filesOf(path)) restrict(file);
    const { setAsideBecause } = options;
    if (setAsideBecause !== undefined && existsSync(path)) return open(moveAside(path, setAsideBecause, nowMs));
    try {
      return open(undefined);
    } catch (error) {
      const reported = storeError(error, path);
      if (!['corrupt', 'foreign', 'newer'].includes(reported.trouble)) throw reported;
      return open(moveAside(path, reported.message, nowMs));
    }
  } catch (error) {
    throw storeError(error, path);
  }
}

/** Looks, without changing a byte of evidence, whether this code can use the file. Throws a StoreError if not. */
function inspect(path: string): void {
  const sizeBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (sizeBytes === 0) {
    const logBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (logBytes > 0) throw new StoreError('corrupt', `${path}: the database is gone, but not its write-ahead log`);
    return;
  }
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: limits.busyTimeoutMs });
  try {
    db.pragma(`cache_size = -${limits.cacheKiB}`);
    if (readVersion(db, path) === 0) return;
    const tables = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
    const checks =
      sizeBytes <= limits.wholeCheckBytes
        ? ['quick_check(1)']
        : tables
            .filter((name) => name !== 'events' && name !== 'fields')
            .map((name) => `quick_check("${name.replaceAll('"', '""')}")`);
    for (const check of checks) {
      const said = db.pragma(check, { simple: true });
      if (said !== 'ok') throw new StoreError('corrupt', `${path}: the database is damaged (${said})`);
    }
  } catch (error) {
    throw storeError(error, path);
  } finally {
    db.close();
  }
}

/** The schema version; 0: an empty database. Throws `foreign` or `newer`. */
function readVersion(db: Database.Database, path: string): number {
  const version = db.pragma('user_version', { simple: true }) as number;
  const application = db.pragma('application_id', { simple: true });
  const empty = db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
  if (application === 0 && version === 0 && empty) return 0;
  if (application !== applicationId || version < 1) {
    throw new StoreError('foreign', `${path}: not a stepparent database`);
  }
  if (version > migrations.length) {
    const known = `this program knows versions up to ${migrations.length}`;
    throw new StoreError('newer', `${path}: made by a newer stepparent (schema version ${version}; ${known})`);
  }
  return version;
}

function openWritable(path: string, nowMs: number, learningMs: number | undefined): Database.Database {
  // SQLite gives -wal and -shm the mode of the database file, so none of them is ever wider than this.
  if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600));
  const db = new Database(path, { timeout: limits.busyTimeoutMs });
  try {
    // Before the first page is written, or it has no effect.
    db.pragma('auto_vacuum = INCREMENTAL');
    db.pragma('journal_mode = WAL');
    configure(db);
    migrate(db, path, nowMs, learningMs);
    db.pragma('foreign_keys = ON');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function configure(db: Database.Database): void {
  db.pragma('synchronous = NORMAL');
  db.pragma(`wal_autocheckpoint = ${limits.walPages}`);
  db.pragma(`journal_size_limit = ${limits.walBytes}`);
  db.pragma(`cache_size = -${limits.cacheKiB}`);
}

function migrate(db: Database.Database, path: string, nowMs: number, learningMs: number | undefined): void {
  db.pragma('foreign_keys = OFF');
  const step = db.transaction(() => {
    const version = readVersion(db, path);
    const sql = migrations[version];
    if (sql === undefined) return false;
    db.exec(sql);
    db.pragma(`user_version = ${version + 1}`);
    if (version === 0) {
      db.pragma(`application_id = ${applicationId}`);
      db.prepare("INSERT INTO meta (key, value) VALUES ('created_ms', ?)").run(nowMs);
      if (learningMs !== undefined) beginLearning(db, nowMs, learningMs);
    }
    return true;
  });
  while (step.immediate());
}

function openExisting(path: string, readonly: boolean): Database.Database {
  try {
    const db = new Database(path, { readonly, fileMustExist: true, timeout: limits.busyTimeoutMs });
    try {
      configure(db);
      db.pragma('foreign_keys = ON');
      const version = readVersion(db, path);
      if (version === 0) throw new StoreError('missing', missingText(path));
      if (version < migrations.length) {
        throw new StoreError(
          'older',
          `${path}: schema version ${version} of an older stepparent; restart the agent first`,
        );
      }
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw storeError(error, path);
  }
}

/** The database itself, for who asks it in SQL; throws a StoreError as `openStore` does. */
export function openReadonlyDatabase(path: string): Database.Database {
  requireDatabase(path);
  return openExisting(path, true);
}

function requireDatabase(path: string): void {
  try {
    closeSync(openSync(path, 'r'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new StoreError('missing', missingText(path), { cause: error });
    throw storeError(error, path);
  }
}

/** What a command answers with before the agent has ever run. */
export function missingText(path: string): string {
  return `${path}: no database yet; start the agent first`;
}

function filesOf(path: string): string[] {
  return ['', '-wal', '-shm'].map((suffix) => path + suffix);
}

function restrict(file: string): void {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode;
  if (mode !== undefined && (mode & 0o077) !== 0) chmodSync(file, 0o600);
}

/** Renames the file and its log together, so that they still open as one database. */
function moveAside(path: string, reason: string, nowMs: number): SetAside {
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  let aside = `${path}.aside-${stamp}`;
  for (let n = 2; filesOf(aside).some((file) => existsSync(file)); n++) aside = `${path}.aside-${stamp}-${n}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return { path: aside, reason };
}

function reader(db: Database.Database, path: string): StoreReader {
  return {
    path,
    ...prepareListing(db, path),
    ...prepareTransactions(db, path),
    ...prepareScriptListing(db),
    learning: (nowMs) => readLearning(db, nowMs),
    status: () => readStatus(db, path),
    close: () => {
      db.close();
    },
  };
}

function writer(db: Database.Database, path: string, options: StoreOptions, setAside: SetAside | undefined): Store {
  const sinks = options.sinks ?? [];
  return {
    ...reader(db, path),
    ...prepareOutbox(db),
    ...prepareBaseline(db),
    ...prepareKnownFiles(db, path),
    ...prepareHuntRows(db, sinks),
    ...prepareScripts(db),
    setAside,
    record: prepareRecord(db, sinks),
    summarize: prepareSummaries(db, sinks),
    prune: preparePrune(db, sinks),
  };
}

/** Has every function of the store throw SQLite's errors as a StoreError; all other errors pass as they are. */
function composed<T extends object>(db: Database.Database, path: string, compose: (db: Database.Database) => T): T {
  const wrap =
    (call: (...args: unknown[]) => unknown) =>
    (...args: unknown[]) => {
      try {
        return call(...args);
      } catch (error) {
        throw errorCode(error).startsWith('SQLITE_') ? storeError(error, path) : error;
      }
    };
  try {
    const parts = Object.entries(compose(db));
    return Object.fromEntries(parts.map(([name, part]) => [name, typeof part === 'function' ? wrap(part) : part])) as T;
  } catch (error) {
    db.close();
    throw storeError(error, path);
  }
}
