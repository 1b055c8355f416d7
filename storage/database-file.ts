// Opens the file of the local store: permissions, schema and checks. Sets a file aside that cannot be used.

import { chmodSync, closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { errorCode } from '../collectors/error-message.ts';
import { ensureDirectory } from '../collectors/linux/ensure-directory.ts';
import { beginLearning } from './learning.ts';
import { limits } from './limits.ts';
import { applicationId, migrations, schemaVersion, unreleasedVersion } from './migrations.ts';
import { StoreError, storeError } from './store-error.ts';

/** A database file that stepparent could not use and has renamed. */
export interface SetAside {
  /** The path that the file was renamed to. */
  path: string;
  /** Why the file cannot be used, one clause. */
  reason: string;
}

/** The tables that make up most of a large database. */
const eventTables: readonly string[] = ['events', 'processes', 'parts'];

interface OpenedDatabase {
  db: Database.Database;
  /** The file that could not be used and was renamed; undefined: none. */
  setAside: SetAside | undefined;
}

/**
 * Opens the database for the agent, see `openStore`. A database that replaces one that was set aside does not learn.
 */
export function openAgentDatabase(path: string, nowMs: number, learningMs: number | undefined): OpenedDatabase {
  return throwingStoreErrors(path, () => {
    prepareDirectory(path);
    try {
      return { db: openUsable(path, nowMs, learningMs), setAside: undefined };
    } catch (error) {
      const reported = storeError(error, path);
      if (!['corrupt', 'foreign', 'newer', 'older'].includes(reported.trouble)) throw reported;
      const setAside = moveAside(path, reported.message, nowMs);
      return { db: openUsable(path, nowMs, undefined), setAside };
    }
  });
}

/** Renames the file, whatever its content; undefined: there is no file. The database must be closed. */
export function setAsideDatabase(path: string, reason: string, nowMs: number): SetAside | undefined {
  return throwingStoreErrors(path, () => {
    prepareDirectory(path);
    return existsSync(path) ? moveAside(path, reason, nowMs) : undefined;
  });
}

/** Creates a database that does not learn. */
export function createDatabase(path: string, nowMs: number): Database.Database {
  return throwingStoreErrors(path, () => openUsable(path, nowMs, undefined));
}

function prepareDirectory(path: string): void {
  ensureDirectory(dirname(path));
  for (const file of filesOf(path)) restrict(file);
}

function openUsable(path: string, nowMs: number, learningMs: number | undefined): Database.Database {
  inspect(path);
  return openWritable(path, nowMs, learningMs);
}

function throwingStoreErrors<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw storeError(error, path);
  }
}

/**
 * Checks whether this code can use the file, without changing the file, which is evidence. Throws a StoreError if not.
 */
function inspect(path: string): void {
  const sizeBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (sizeBytes === 0) {
    const logBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (logBytes > 0) throw new StoreError('corrupt', `${path}: the database is missing, its write-ahead log is not`);
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
            .filter((name) => !eventTables.includes(name))
            .map((name) => `quick_check("${name.replaceAll('"', '""')}")`);
    for (const check of checks) {
      const result = db.pragma(check, { simple: true });
      if (result !== 'ok') throw new StoreError('corrupt', `${path}: the database is damaged (${result})`);
    }
  } catch (error) {
    throw storeError(error, path);
  } finally {
    db.close();
  }
}

/**
 * The schema version; 0 for an empty database. Throws a StoreError: `foreign`, `newer`, or `older` if there is no
 * migration from that version.
 */
function readVersion(db: Database.Database, path: string): number {
  const version = db.pragma('user_version', { simple: true }) as number;
  const application = db.pragma('application_id', { simple: true });
  const empty = db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
  if (application === 0 && version === 0 && empty) return 0;
  if (application !== applicationId || version < 1) {
    throw new StoreError('foreign', `${path}: not a stepparent database`);
  }
  if (version <= unreleasedVersion) {
    const text = `schema version ${version} of an unreleased stepparent, which the agent sets aside when it starts`;
    throw new StoreError('older', `${path}: ${text}`);
  }
  if (version > schemaVersion) {
    const known = `this program knows versions up to ${schemaVersion}`;
    throw new StoreError('newer', `${path}: made by a newer stepparent (schema version ${version}; ${known})`);
  }
  return version;
}

function openWritable(path: string, nowMs: number, learningMs: number | undefined): Database.Database {
  // SQLite gives -wal and -shm the mode of the database file, so all three are only accessible to root.
  if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600));
  const db = new Database(path, { timeout: limits.busyTimeoutMs });
  try {
    // auto_vacuum has an effect only before the first page is written.
    db.pragma('auto_vacuum = INCREMENTAL');
    db.pragma('journal_mode = WAL');
    configure(db);
    migrate(db, path, nowMs, learningMs);
    db.pragma('foreign_keys = ON');
    db.pragma(`busy_timeout = ${limits.agentBusyTimeoutMs}`);
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
    const done = Math.max(version - unreleasedVersion, 0);
    const sql = migrations[done];
    if (sql === undefined) return false;
    db.exec(sql);
    db.pragma(`user_version = ${unreleasedVersion + done + 1}`);
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
  return throwingStoreErrors(path, () => {
    const db = new Database(path, { readonly, fileMustExist: true, timeout: limits.busyTimeoutMs });
    try {
      configure(db);
      db.pragma('foreign_keys = ON');
      const version = readVersion(db, path);
      if (version === 0) throw new StoreError('missing', missingText(path));
      if (version < schemaVersion) {
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
  });
}

/** Opens the database for a command that edits it while the agent runs. Throws a StoreError as `openStore` does. */
export function openExistingDatabase(path: string): Database.Database {
  requireDatabase(path);
  return openExisting(path, false);
}

/** Opens the database read-only, for SQL queries. Throws a StoreError as `openStoreReader` does. */
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

/** The error of a command that runs before the agent has created the database. */
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

/** Renames the file and its log together, so that they can still be opened as one database. */
function moveAside(path: string, reason: string, nowMs: number): SetAside {
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  let asidePath = `${path}.aside-${stamp}`;
  for (let n = 2; filesOf(asidePath).some((file) => existsSync(file)); n++) asidePath = `${path}.aside-${stamp}-${n}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, asidePath + suffix);
  }
  return { path: asidePath, reason };
}
