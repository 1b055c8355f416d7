// The local store: events, baseline terms, alerts, deliveries, scripts and listings of directories in one SQLite file.

import type { Database } from 'better-sqlite3';
import { errorCode } from '../collectors/error-message.ts';
import type { StepparentEvent } from '../collectors/event/event.ts';
import type { KnownFile } from '../collectors/packagedb/listing.ts';
import type { PastScript, ScriptSlot, SeenScript } from '../detectors/facts/script-state.ts';
import type { JudgedEvent } from '../detectors/judge.ts';
import {
  createDatabase,
  openAgentDatabase,
  openExistingDatabase,
  openReadonlyDatabase,
  type SetAside,
  setAsideDatabase,
} from './database-file.ts';
import { readSuppressed, type SuppressedCount } from './exceptions.ts';
import { type HuntRow, type RecordedHunt, recordHunt } from './hunt-rows.ts';
import { readKnownFiles, saveKnownFiles } from './known-files.ts';
import { type Learning, readLearning } from './learning.ts';
import {
  type AlertFilter,
  alertsByPrefix,
  type EventFilter,
  listAlerts,
  listEvents,
  listTerms,
  type TermFilter,
} from './listing.ts';
import { nextDueMs, pendingDeliveries, postponeDeliveries, removeDeliveries } from './outbox.ts';
import { type Pruned, type PruneLimits, prune } from './prune.ts';
import { prepareRecord, type Recorded } from './record.ts';
import type { AlertRecord, AlertState, OutboxItem, TermRecord } from './records.ts';
import {
  completeScripts,
  listScripts,
  prepareScripts,
  type ScriptContent,
  type ScriptVersion,
  scriptsByPrefix,
  scriptsComplete,
} from './scripts.ts';
import { readStatus, type StoreStatus } from './status.ts';
import { StoreError, storeError } from './store-error.ts';
import { DamagedRow } from './stored-json.ts';
import { summarize } from './summaries.ts';
import { allowTerm, removeTerm } from './terms.ts';
import {
  countTransactionEvents,
  listTransactionAlerts,
  listTransactionEvents,
  listTransactions,
  type TransactionFilter,
} from './transactions.ts';

/** A store that is open for reading. Every method throws a StoreError when the database fails, also while rows are read. */
export class StoreReader {
  readonly path: string;
  protected db: Database;

  constructor(path: string, db: Database) {
    this.path = path;
    this.db = db;
  }

  /** Newest last, by the first event. Read in pages: what is committed meanwhile may show. */
  listAlerts(filter: AlertFilter = {}): Generator<AlertRecord> {
    return this.iterate((db) => listAlerts(db, filter));
  }

  /** Newest last, by `@timestamp` as far as it was not in the future. */
  listEvents(filter: EventFilter = {}): Generator<StepparentEvent> {
    return this.iterate((db) => listEvents(db, filter));
  }

  /** Rule by rule, each newest last by the last sighting. */
  listTerms(filter: TermFilter = {}): Generator<TermRecord> {
    return this.iterate((db) => listTerms(db, filter));
  }

  /** The alerts whose id begins so, at most ten: none, the one, or several to choose from. */
  alertsByPrefix(idPrefix: string): AlertRecord[] {
    return this.run((db) => alertsByPrefix(db, idPrefix));
  }

  /** What each exception has hidden, by its id. */
  suppressed(): Map<string, SuppressedCount> {
    return this.run(readSuppressed);
  }

  /** The ids of transactions with an alert, newest last by the last alert. */
  listTransactions(filter: TransactionFilter): string[] {
    return this.run((db) => listTransactions(db, filter));
  }

  /** Oldest first; read in pages, like the events. */
  transactionAlerts(id: string): Generator<{ state: AlertState; document: StepparentEvent }> {
    return this.iterate((db) => listTransactionAlerts(db, id));
  }

  /** Oldest first. */
  transactionEvents(id: string): Generator<StepparentEvent> {
    return this.iterate((db) => listTransactionEvents(db, id));
  }

  countTransactionEvents(id: string): number {
    return this.run((db) => countTransactionEvents(db, id));
  }

  /** By package, phase and time; of one package (`libc6` is `libc6:amd64` too), or all. */
  listScripts(packageName?: string): ScriptVersion[] {
    return this.run((db) => listScripts(db, packageName));
  }

  /** The contents whose hash begins so, at most ten. */
  scriptsByPrefix(sha256Prefix: string): ScriptContent[] {
    return this.run((db) => scriptsByPrefix(db, sha256Prefix));
  }

  /** Undefined when the database was made without learning mode. */
  learning(nowMs: number): Learning | undefined {
    return this.run((db) => readLearning(db, nowMs));
  }

  status(): StoreStatus {
    return this.run((db) => readStatus(db, this.path));
  }

  close(): void {
    this.run((db) => db.close());
  }

  /** Every call of the database goes through here or `iterate`, which throw SQLite's errors as a StoreError; others pass as they are. */
  protected run<T>(call: (db: Database) => T): T {
    try {
      return call(this.db);
    } catch (error) {
      throw this.translated(error);
    }
  }

  /** The same for rows that are read one by one. */
  protected *iterate<T>(rows: (db: Database) => Iterable<T>): Generator<T> {
    try {
      yield* rows(this.db);
    } catch (error) {
      throw this.translated(error);
    }
  }

  protected translated(error: unknown): unknown {
    const isOfDatabase = errorCode(error).startsWith('SQLITE_') || error instanceof DamagedRow;
    return isOfDatabase ? storeError(error, this.path) : error;
  }
}

/** Alerts whose documents stay in memory until others take their place. */
const maxLatest = 32;

/** A store that is open for writing. It stays the same object when the file is replaced. */
export class Store extends StoreReader {
  readonly #sinks: readonly string[];
  #setAside: SetAside | undefined;
  #damage: string | undefined;
  /** Statements are prepared once for each database. */
  #record: ReturnType<typeof prepareRecord> | undefined;
  #scripts: ReturnType<typeof prepareScripts> | undefined;
  /** Documents of the latest alerts, by alert id: what was just written need not be parsed for its delivery. */
  readonly #latest = new Map<string, StepparentEvent>();

  constructor(path: string, db: Database, sinks: readonly string[], setAside: SetAside | undefined) {
    super(path, db);
    this.#sinks = sinks;
    this.#setAside = setAside;
  }

  /** The file that could not be used and was renamed (with its -wal and -shm), the last one; undefined: none. */
  get setAside(): SetAside | undefined {
    return this.#setAside;
  }

  /** What a call has found of damage since the file is in use; undefined: nothing. */
  get damage(): string | undefined {
    return this.#damage;
  }

  protected override translated(error: unknown): unknown {
    const translated = super.translated(error);
    if (translated instanceof StoreError && translated.trouble === 'corrupt') this.#damage = translated.message;
    return translated;
  }

  /**
   * Sets the file aside, whatever is in it, and goes on with a new one, which does not learn: for a database that threw `corrupt`.
   * Where that throws, the store is closed, and can be asked for the same again.
   */
  replaceDatabase(reason: string, nowMs = Date.now()): void {
    this.close();
    this.#record = undefined;
    this.#scripts = undefined;
    this.#latest.clear();
    // Where an earlier call was refused after this step, the file of then is still the one that was set aside.
    this.#setAside = setAsideDatabase(this.path, reason, nowMs) ?? this.#setAside;
    this.db = createDatabase(this.path, nowMs);
    this.#damage = undefined;
  }

  /** Commits a batch, all or nothing; findings whose event is stored already are passed over. See prepareRecord. */
  record(judgedEvents: readonly JudgedEvent[], nowMs: number): Recorded {
    return this.run((db) => {
      this.#record ??= prepareRecord(db, this.#sinks);
      const recorded = this.#record(judgedEvents, nowMs);
      for (const { id, state, document } of recorded.alerts) if (state === 'open') this.#latest.set(id, document);
      for (const id of this.#latest.keys()) {
        if (this.#latest.size <= maxLatest) break;
        this.#latest.delete(id);
      }
      return recorded;
    });
  }

  /**
   * Commits what a run of a hunt has found. `ruleId` is the hunt's id among alerts and in the baseline, so that
   * `baseline` shows and edits its rows as it does the terms of rules.
   */
  recordHunt(ruleId: string, rows: readonly HuntRow[], nowMs: number): RecordedHunt {
    return this.run((db) => recordHunt(db, this.#sinks, { ruleId, rows, nowMs }));
  }

  /** Puts what is due about rate-limited alerts into the outbox, and returns it. Call about once a minute. */
  summarize(nowMs: number): StepparentEvent[] {
    return this.run((db) => summarize(db, this.#sinks, nowMs));
  }

  /** One bounded step of retention, some milliseconds long; `more` asks for another. */
  prune(nowMs: number, bounds: PruneLimits = {}): Pruned {
    return this.run((db) => prune(db, this.#sinks, nowMs, bounds));
  }

  /** The oldest deliveries to this sink that are due at `nowMs`, at most `limit`. */
  pending(sink: string, limit: number, nowMs: number): OutboxItem[] {
    return this.run((db) => pendingDeliveries(db, this.#latest, { sink, limit, nowMs }));
  }

  /** When the next delivery to this sink is due, in the past if it is already; undefined: none waits. */
  nextDueMs(sink: string): number | undefined {
    return this.run((db) => nextDueMs(db, sink));
  }

  /** These arrived: they are taken out, in one transaction. A crash before this delivers again, with the same `stepparent.alert.id`. */
  delivered(ids: readonly number[]): void {
    this.run((db) => removeDeliveries(db, ids));
  }

  /** These did not arrive: each counts an attempt and waits until `nextMs`. */
  failed(ids: readonly number[], nextMs: number): void {
    this.run((db) => postponeDeliveries(db, ids, nextMs));
  }

  /** The term counts as never seen: its next sighting is an alert. False when it was not there. */
  removeTerm(ruleId: string, scope: string, terms: readonly string[]): boolean {
    return this.run((db) => removeTerm(db, [ruleId, scope, JSON.stringify(terms)]));
  }

  /** The term counts as seen permanently, seen before or not. */
  allowTerm(ruleId: string, scope: string, terms: readonly string[], nowMs: number): void {
    this.run((db) => allowTerm(db, [ruleId, scope, JSON.stringify(terms)], nowMs));
  }

  /** The directory's files by name, read row by row: finish or leave the loop before the store is asked for anything else. */
  knownFiles(directory: string): Generator<KnownFile> {
    return this.iterate((db) => readKnownFiles(db, directory));
  }

  /** Writes these and forgets those, in one transaction. */
  saveKnownFiles(directory: string, upserts: Iterable<KnownFile>, deletions: Iterable<string>): void {
    this.run((db) => saveKnownFiles(db, directory, upserts, deletions));
  }

  /** Keeps the content and notes that it was seen; what is there already keeps its state and origin, where it has any. */
  saveScripts(scripts: readonly SeenScript[], nowMs: number): void {
    this.#runScripts(({ save }) => save(scripts, nowMs));
  }

  /** What that slot has had and has been judged, the latest first. */
  scriptsOf(slot: ScriptSlot): PastScript[] {
    return this.#runScripts(({ past }) => past(slot));
  }

  /** Whether any script of that version was known before a moment. */
  versionKnown(packageName: string, version: string, beforeMs: number): boolean {
    return this.#runScripts(({ isVersionKnown }) => isVersionKnown(packageName, version, beforeMs));
  }

  /** Whether the first pass over what was there has been completed. */
  scriptsComplete(): boolean {
    return this.run(scriptsComplete);
  }

  completeScripts(nowMs: number): void {
    this.run((db) => completeScripts(db, nowMs));
  }

  #runScripts<T>(call: (scripts: ReturnType<typeof prepareScripts>) => T): T {
    return this.run((db) => {
      this.#scripts ??= prepareScripts(db);
      return call(this.#scripts);
    });
  }
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
  /** The time now, in milliseconds since 1970. */
  nowMs?: number | undefined;
}

/** Opens for reading only, beside the agent. Throws a StoreError: `missing`, `privilege`, `older`, or one of those below. */
export function openStoreReader(path: string): StoreReader {
  return new StoreReader(path, openReadonlyDatabase(path));
}

/**
 * Opens for writing: makes directory (0700) and file (0600), or brings an older schema up to date. What is corrupt, newer or
 * not stepparent's is renamed, never deleted, and a new database made. Throws a StoreError for anything else.
 */
export function openStore(path: string, options: StoreOptions = {}): Store {
  const { sinks = [], learningMs, mustExist, nowMs = Date.now() } = options;
  if (mustExist) return new Store(path, openExistingDatabase(path), sinks, undefined);
  const { db, setAside } = openAgentDatabase(path, nowMs, learningMs);
  return new Store(path, db, sinks, setAside);
}
