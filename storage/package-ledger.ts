// The package ledger: what happened to each package of the host, kept for years, and the packages that are installed.

import { hash } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import type { LedgerChange, LedgerEntry } from '../detectors/package-ledger.ts';
import { limits } from './limits.ts';

/** A package manager of the ledger. */
export type LedgerManager = LedgerEntry['manager'];

/** An installed package, as the ledger has it. */
export interface InstalledPackage {
  name: string;
  /** '' if it is not known. */
  architecture: string;
  /** '' without an archive: dpkg has not unpacked the package. */
  version: string;
  /** As dpkg names it; '' for rpm. */
  state: string;
  /** When this version was installed, or was found, in milliseconds since 1970. */
  sinceMs: number;
}

/** How the time of a change is known that no transaction shows. */
type FoundTime = 'dpkg_log' | 'install_time' | 'listing';

/** A change that a list of the installed packages shows. */
export interface FoundChange extends LedgerChange {
  timeMs: number;
  timeSource: FoundTime;
}

/** The rows that a list of the installed packages adds. */
export interface FoundChanges {
  manager: LedgerManager;
  host: Pick<LedgerEntry, 'hostId' | 'hostName'>;
  /** `first_listing`: the packages of the first list, which were there before. `listing`: differences from the ledger. */
  foundBy: 'first_listing' | 'listing';
  changes: readonly FoundChange[];
}

interface LedgerRows {
  /** Adds the changes of a transaction, within the transaction of its event. */
  add(entry: LedgerEntry, timeMs: number): void;
  addFound(found: FoundChanges): void;
}

const cut = (text: string | undefined): string | null => text?.slice(0, limits.ledgerChars) ?? null;

const truth = (value: boolean | undefined): number | null => (value === undefined ? null : Number(value));
const digest = (sha256: string | undefined): Buffer | null =>
  sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) ? Buffer.from(sha256, 'hex') : null;

/** Changes of one package among which one is looked for that an event came after. */
const maxLate = 16;

/**
 * Prepares the statements that the agent runs for each transaction. `keepsInstalled`: the installed packages follow the
 * changes, which come in their order.
 */
export function prepareLedger(db: Database, keepsInstalled = true): LedgerRows {
  const insertRun = db.prepare(
    `INSERT INTO package_runs (manager, found_by, event_id, transaction_id, host_id, host_name, requested_by, initiator,
       origin, user_id, user_name)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertChange = db.prepare(
    `INSERT INTO package_changes (run, time_ms, time_source, name, architecture, version, former_version, action, applied,
       state, archive, sha256, source, repository, signed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const applyChange = prepareInstalled(db);
  const latestMs = db
    .prepare<[string | null], number | null>(
      `SELECT max(time_ms) FROM (SELECT time_ms FROM package_changes WHERE name = ? ORDER BY id DESC LIMIT ${maxLate})`,
    )
    .pluck();
  const forgetInstalled = db.prepare(`DELETE FROM packages_installed WHERE host = '' AND manager = ? AND name = ?`);
  const history = db.prepare<[string | null, string], StoredChange>(
    `${selectStored} WHERE c.name = ? AND r.manager = ? ORDER BY c.time_ms, c.id`,
  );
  const applyAgain = (manager: LedgerManager, name: string): void => {
    forgetInstalled.run(manager, cut(name));
    for (const stored of history.all(cut(name), manager)) applyChange({ ...storedChange(stored), host: '' });
  };
  const addChange = (
    run: number | bigint,
    manager: LedgerManager,
    change: LedgerChange,
    [timeMs, timeSource]: readonly [number, FoundTime | null],
  ): void => {
    const { name, architecture, version, formerVersion, action = null, applied, state } = change;
    const { archive, sha256, source, repository, signed } = change;
    // An event can wait longer than that of a later transaction.
    const isLate = keepsInstalled && timeSource === null && (latestMs.get(cut(name)) ?? 0) > timeMs;
    insertChange.run(
      ...[run, timeMs, timeSource, cut(name), cut(architecture), cut(version), cut(formerVersion), action],
      ...[truth(applied), cut(state), cut(archive), digest(sha256), cut(source), cut(repository), truth(signed)],
    );
    if (isLate) applyAgain(manager, name);
    else if (keepsInstalled) applyChange({ host: '', manager, timeMs, ...change });
  };
  return {
    add(entry, timeMs) {
      const { manager, eventId, transactionId, hostId, hostName, changes } = entry;
      const { requestedBy, initiator, origin, userId, userName } = entry;
      const { lastInsertRowid: run } = insertRun.run(
        ...[manager, 'transaction', cut(eventId), cut(transactionId), cut(hostId), cut(hostName)],
        ...[cut(requestedBy), cut(initiator), cut(origin), cut(userId), cut(userName)],
      );
      for (const change of changes) addChange(run, manager, change, [timeMs, null]);
    },
    addFound: db.transaction(({ manager, host, foundBy, changes }: FoundChanges) => {
      if (changes.length === 0) return;
      const { lastInsertRowid: run } = insertRun.run(
        ...[manager, foundBy, null, null, cut(host.hostId), cut(host.hostName)],
        ...[null, null, null, null, null],
      );
      for (const change of changes) addChange(run, manager, change, [change.timeMs, change.timeSource]);
    }).immediate,
  };
}

/** A change of one package on one host. `host` is '' in the database of the agent. */
type HostChange = Pick<
  LedgerChange,
  'name' | 'architecture' | 'version' | 'formerVersion' | 'action' | 'applied' | 'state'
> & { host: string; manager: string; timeMs: number };

/** States of dpkg in which the package is not there. */
const absent: readonly (string | undefined)[] = ['not-installed', 'config-files'];

interface StoredChange {
  id: number;
  timeMs: number;
  host: string;
  manager: string;
  name: string;
  architecture: string | null;
  version: string | null;
  formerVersion: string | null;
  action: LedgerChange['action'] | null;
  applied: number | null;
  state: string | null;
}

const selectStored = `SELECT c.id, c.time_ms AS timeMs, c.name, c.architecture, c.version, c.former_version AS formerVersion,
  c.action, c.applied, c.state, r.manager, coalesce(r.host_id, r.host_name, '') AS host
  FROM package_changes c JOIN package_runs r ON r.id = c.run`;

const storedChange = (row: StoredChange): HostChange => ({
  ...row,
  architecture: row.architecture ?? undefined,
  version: row.version ?? undefined,
  formerVersion: row.formerVersion ?? undefined,
  action: row.action ?? undefined,
  applied: row.applied === null ? undefined : row.applied === 1,
  state: row.state ?? undefined,
});

/** Prepares the function that brings the installed packages up to date with a change. */
function prepareInstalled(db: Database): (change: HostChange) => void {
  const removeAt = db.prepare(
    'DELETE FROM packages_installed WHERE host = ? AND manager = ? AND name = ? AND architecture = ? AND version <> ?',
  );
  const removeVersion = db.prepare(
    'DELETE FROM packages_installed WHERE host = ? AND manager = ? AND name = ? AND architecture = ? AND version = ?',
  );
  const removeOtherArchitecture = db.prepare(
    'DELETE FROM packages_installed WHERE host = ? AND manager = ? AND name = ? AND architecture <> ? AND version = ?',
  );
  const put = db.prepare(
    `INSERT INTO packages_installed (host, manager, name, architecture, version, state, since_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET state = excluded.state`,
  );
  return (change) => {
    const { host, manager, action, applied, state, formerVersion, timeMs } = change;
    // What was not applied left the package as it was, unless dpkg stopped halfway.
    if (applied === undefined || (!applied && state === undefined)) return;
    const version = applied ? change.version : (formerVersion ?? (action === 'install' ? '' : change.version));
    if (version === undefined) return;
    const key = [host, manager, cut(change.name), cut(change.architecture) ?? ''] as const;
    const isAbsent = absent.includes(state) || (applied && action === 'remove');
    if (isAbsent) {
      // dpkg has one version of a package; rpm can have several.
      if (manager === 'dpkg') removeAt.run(...key, '\0');
      else removeVersion.run(...key, version);
      return;
    }
    const replaced =
      applied && formerVersion !== undefined ? removeVersion.run(...key, formerVersion).changes : undefined;
    // The new version can be for another architecture.
    if (replaced === 0) removeOtherArchitecture.run(...key, formerVersion);
    if (manager === 'dpkg') removeAt.run(...key, version);
    put.run(...key, cut(version), cut(state) ?? '', timeMs);
  };
}

/** The installed packages of a package manager. */
export const installedPackages = (db: Database, manager: LedgerManager): InstalledPackage[] =>
  db
    .prepare<[string], InstalledPackage>(
      `SELECT name, architecture, version, state, since_ms AS sinceMs FROM packages_installed
       WHERE host = '' AND manager = ?`,
    )
    .all(manager);

const listedKey = (manager: LedgerManager): string => `ledger_${manager}_ms`;

/** When the packages of the manager were first listed; undefined: the first list is not complete. */
export const firstListedMs = (db: Database, manager: LedgerManager): number | undefined =>
  db.prepare<[string], number>('SELECT value FROM meta WHERE key = ?').pluck().get(listedKey(manager));

/** Stores that the first list is complete. */
export function completeFirstList(db: Database, manager: LedgerManager, nowMs: number): void {
  db.prepare('INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)').run(listedKey(manager), nowMs);
}

/**
 * One bounded step of the ledger's retention: deletes the oldest rows, those from before `beforeMs` and those over the
 * limit. The installed packages stay. `needsRoom`: the database is full, and nothing else is left to delete. Returns the number of deleted rows.
 */
export function pruneLedger(db: Database, beforeMs: number, needsRoom: boolean): number {
  const [first, last] = db
    .prepare<[], [number, number]>(
      'SELECT (SELECT min(id) FROM package_changes), (SELECT max(id) FROM package_changes)',
    )
    .raw()
    .get() ?? [0, 0];
  // Only the oldest rows are deleted, so that the ids have no gaps.
  const excess = Math.min(last - first + 1 - limits.ledgerRows, limits.pruneRows);
  const [rows, ageMs] =
    needsRoom || excess > 0
      ? [needsRoom ? limits.pruneRows : excess, Number.MAX_SAFE_INTEGER]
      : [limits.pruneRows, beforeMs];
  const deleted = db
    .prepare<[number, number]>(
      `DELETE FROM package_changes
       WHERE id IN (SELECT id FROM package_changes ORDER BY id LIMIT ?) AND time_ms < ?`,
    )
    .run(rows, ageMs).changes;
  if (deleted > 0) {
    db.exec(
      'DELETE FROM package_runs WHERE id < coalesce((SELECT run FROM package_changes ORDER BY id LIMIT 1), id + 1)',
    );
  }
  return deleted;
}

/** The rows of an event that was gathered. Undefined: it has none. */
export type LedgerOf = (document: object) => LedgerEntry | undefined;

/** The ledger of gathered events of several hosts. */
interface GatheredLedger {
  /** Adds the rows of a document, unless they are there already: an alert has the rows of its event. */
  add(document: object, timeMs: number): void;
  /** Finds the installed packages of each host. Must be called once, after the last document. */
  finish(): void;
}

/** Rows that are applied at once. */
const gatheredPage = 10_000;

/** Prepares the ledger of a new database, in which only gathered events are. */
export function prepareGatheredLedger(db: Database, ledgerOf: LedgerOf): GatheredLedger {
  const ledger = prepareLedger(db, false);
  db.exec('CREATE TABLE package_entries (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID');
  const isNew = db.prepare('INSERT INTO package_entries (digest) VALUES (?) ON CONFLICT DO NOTHING');
  return {
    add(document, timeMs) {
      const entry = ledgerOf(document);
      // Two hosts can claim the same id, so that the whole content is compared.
      if (entry === undefined || isNew.run(hash('sha256', JSON.stringify(entry), 'buffer')).changes === 0) return;
      ledger.add(entry, timeMs);
    },
    finish() {
      db.exec('CREATE INDEX package_changes_time ON package_changes (time_ms)');
      const page = db.prepare<[number, number], StoredChange>(
        `${selectStored} WHERE (c.time_ms, c.id) > (?, ?) ORDER BY c.time_ms, c.id LIMIT ${gatheredPage}`,
      );
      const applyChange = prepareInstalled(db);
      for (let rows = page.all(-1, 0); rows.length > 0; ) {
        for (const row of rows) applyChange(storedChange(row));
        const last = rows.at(-1);
        rows = last === undefined ? [] : page.all(last.timeMs, last.id);
      }
    },
  };
}
