// The local store: events, baseline terms, alerts, deliveries, scripts and listings of directories in one SQLite file.

import type { Database } from 'better-sqlite3';
import { errorCode } from '../collectors/error-message.ts';
import type { StepparentEvent } from '../collectors/event/event.ts';
import type { KnownFile } from '../collectors/packagedb/listing.ts';
import type { DigestStore } from '../collectors/provenance/package-lists.ts';
import type { KnownSources } from '../detectors/facts/package-sources.ts';
import type { PastScript, ScriptSlot, SeenScript } from '../detectors/facts/script-state.ts';
import type { JudgedEvent } from '../detectors/judge.ts';
import { type AgentRun, beginRun, endRun, keepAlive } from './agent-runs.ts';
import { lastAlertSeq, moveAlertMark, readAlertMark } from './alert-mark.ts';
import { type Review, reviewAlerts } from './alert-reviews.ts';
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
import { forgetDirectories, readKnownFiles, saveKnownFiles } from './known-files.ts';
import { type Learning, readLearning } from './learning.ts';
import { limits } from './limits.ts';
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
import { digestsBeginMs, prepareDigests } from './package-digests.ts';
import {
  completeFirstList,
  type FoundChanges,
  firstListedMs,
  type InstalledPackage,
  installedPackages,
  type LedgerManager,
  prepareLedger,
} from './package-ledger.ts';
import { readPackageSources, savePackageSources } from './package-sources.ts';
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
import { type AlertCount, countAlerts, readStatus, type StoreStatus } from './status.ts';
import { StoreError, storeError } from './store-error.ts';
import { DamagedRow } from './stored-json.ts';
import { summarize } from './summaries.ts';
import { allowPattern, allowTerm, removeTerm } from './terms.ts';
import {
  countTransactionEvents,
  type IncidentFilter,
  listIncidentAlerts,
  listIncidents,
  listTransactionEvents,
  transactionsByPrefix,
} from './transactions.ts';
import {
  contentPaths,
  type LastContent,
  prepareContents,
  readWatchedList,
  writeWatchedList,
} from './watched-contents.ts';

/**
 * A store that is open for reading. Every method throws a StoreError if the database fails, also while rows are read.
 */
export class StoreReader {
  readonly path: string;
  protected db: Database;

  constructor(path: string, db: Database) {
    this.path = path;
    this.db = db;
  }

  /** Alerts by their first event, newest last. They are read in pages, so later commits may appear. */
  listAlerts(filter: AlertFilter = {}): Generator<AlertRecord> {
    return this.iterate((db) => listAlerts(db, filter));
  }

  /** The number of the alert that was stored last, for the filters `afterSeq` and `untilSeq`; 0: there is no alert. */
  lastAlertSeq(): number {
    return this.run(lastAlertSeq);
  }

  /** The number of the last alert that was looked at; 0: none was. */
  alertMark(): number {
    return this.run(readAlertMark);
  }

  /** Events, newest last by `@timestamp`, or by the time of storing if `@timestamp` was later. */
  listEvents(filter: EventFilter = {}): Generator<StepparentEvent> {
    return this.iterate((db) => listEvents(db, filter));
  }

  /** Terms by rule, and within a rule newest last by the last sighting. */
  listTerms(filter: TermFilter = {}): Generator<TermRecord> {
    return this.iterate((db) => listTerms(db, filter));
  }

  /** The alerts whose id begins with `idPrefix`, at most ten. */
  alertsByPrefix(idPrefix: string): AlertRecord[] {
    return this.run((db) => alertsByPrefix(db, idPrefix));
  }

  /** Numbers of suppressed matches, by exception id. */
  suppressed(): Map<string, SuppressedCount> {
    return this.run(readSuppressed);
  }

  /** Ids of incidents, newest last by the last alert: of transactions with an alert, and of alerts without a transaction. */
  listIncidents(filter: IncidentFilter): string[] {
    return this.run((db) => listIncidents(db, filter));
  }

  /** Ids of transactions with an alert that begin with `prefix`, the newest first, at most ten. */
  transactionsByPrefix(prefix: string): string[] {
    return this.run((db) => transactionsByPrefix(db, prefix, 10));
  }

  /** Alerts of an incident, oldest first, read in pages. */
  incidentAlerts(id: string): Generator<{ state: AlertState; document: StepparentEvent }> {
    return this.iterate((db) => listIncidentAlerts(db, id));
  }

  /** Events of a transaction, oldest first, read in pages. */
  transactionEvents(id: string): Generator<StepparentEvent> {
    return this.iterate((db) => listTransactionEvents(db, id));
  }

  countTransactionEvents(id: string): number {
    return this.run((db) => countTransactionEvents(db, id));
  }

  /** Script versions by package, phase and time, of one package (`libc6` includes `libc6:amd64`) or of all. */
  listScripts(packageName?: string): ScriptVersion[] {
    return this.run((db) => listScripts(db, packageName));
  }

  /** The contents whose SHA-256 begins with `sha256Prefix`, at most ten. */
  scriptsByPrefix(sha256Prefix: string): ScriptContent[] {
    return this.run((db) => scriptsByPrefix(db, sha256Prefix));
  }

  /** The installed packages of a manager, as the package ledger has them. */
  installedPackages(manager: LedgerManager): InstalledPackage[] {
    return this.run((db) => installedPackages(db, manager));
  }

  /** When the packages of the manager were first listed; undefined: the first list is not complete. */
  firstListedMs(manager: LedgerManager): number | undefined {
    return this.run((db) => firstListedMs(db, manager));
  }

  /** The state of learning mode; undefined: the database was created without it. */
  learning(nowMs: number): Learning | undefined {
    return this.run((db) => readLearning(db, nowMs));
  }

  /** The numbers of alerts by rule, severity and state. */
  countAlerts(): AlertCount[] {
    return this.run(countAlerts);
  }

  status(): StoreStatus {
    return this.run((db) => readStatus(db, this.path));
  }

  close(): void {
    this.run((db) => db.close());
  }

  /** Calls the database. `run` and `iterate` turn SQLite's errors into a StoreError; other errors pass unchanged. */
  protected run<T>(call: (db: Database) => T): T {
    try {
      return call(this.db);
    } catch (error) {
      throw this.translated(error);
    }
  }

  /** Calls the database for rows that are read one by one. */
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

/** Number of alerts whose documents stay in memory. */
const maxLatest = 32;

/** A store that is open for writing. The object stays the same when the file is replaced. */
export class Store extends StoreReader {
  readonly #sinks: readonly string[];
  #setAside: SetAside | undefined;
  #damage: string | undefined;
  /** Statements are prepared once for each database. What `#record` knows of patterns ends with an edit of them by this object. */
  #record: ReturnType<typeof prepareRecord> | undefined;
  #scripts: ReturnType<typeof prepareScripts> | undefined;
  #contents: ReturnType<typeof prepareContents> | undefined;
  #ledger: ReturnType<typeof prepareLedger> | undefined;
  #digests: DigestStore | undefined;
  /** Documents of the latest alerts, by alert id, so that they need not be parsed for delivery. */
  readonly #latest = new Map<string, StepparentEvent>();

  constructor(path: string, db: Database, sinks: readonly string[], setAside: SetAside | undefined) {
    super(path, db);
    this.#sinks = sinks;
    this.#setAside = setAside;
  }

  /** The latest file that could not be used and was renamed with its -wal and -shm; undefined: none. */
  get setAside(): SetAside | undefined {
    return this.#setAside;
  }

  /** The damage that a call found since the file was opened; undefined: none. */
  get damage(): string | undefined {
    return this.#damage;
  }

  protected override translated(error: unknown): unknown {
    const translated = super.translated(error);
    if (translated instanceof StoreError && translated.trouble === 'corrupt') this.#damage = translated.message;
    return translated;
  }

  /**
   * Sets the file aside, whatever its content, and continues with a new one, which does not learn: for a database that
   * threw `corrupt`. If this throws, the store is closed, and the call can be repeated.
   */
  replaceDatabase(reason: string, nowMs = Date.now()): void {
    this.close();
    this.#record = undefined;
    this.#scripts = undefined;
    this.#contents = undefined;
    this.#ledger = undefined;
    this.#digests = undefined;
    this.#latest.clear();
    // If an earlier call failed after this step, the file that it set aside stays the latest one.
    this.#setAside = setAsideDatabase(this.path, reason, nowMs) ?? this.#setAside;
    this.db = createDatabase(this.path, nowMs);
    this.#damage = undefined;
  }

  /** Commits a batch, all or nothing; events that are already stored are skipped. See prepareRecord. */
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
   * Commits the rows that a run of a hunt found. `ruleId` is the hunt's id in alerts and in the baseline, so that
   * `baseline` shows and edits its rows like terms of rules.
   */
  recordHunt(ruleId: string, rows: readonly HuntRow[], nowMs: number): RecordedHunt {
    return this.run((db) => recordHunt(db, this.#sinks, { ruleId, rows, nowMs }));
  }

  /** Puts due summaries of rate-limited alerts into the outbox and returns them. Called about once a minute. */
  summarize(nowMs: number): StepparentEvent[] {
    return this.run((db) => summarize(db, this.#sinks, nowMs));
  }

  /** One bounded step of retention, some milliseconds long; `more` requests another step. */
  prune(nowMs: number, bounds: PruneLimits = {}): Pruned {
    return this.run((db) => prune(db, this.#sinks, nowMs, bounds));
  }

  /** The oldest deliveries to this sink that are due at `nowMs`, at most `limit`. */
  pending(sink: string, limit: number, nowMs: number): OutboxItem[] {
    return this.run((db) => pendingDeliveries(db, this.#latest, { sink, limit, nowMs }));
  }

  /** When the next delivery to this sink is due, which may be in the past; undefined: no delivery is pending. */
  nextDueMs(sink: string): number | undefined {
    return this.run((db) => nextDueMs(db, sink));
  }

  /**
   * Removes deliveries that succeeded, in one transaction. After a crash before this call they are repeated, with the
   * same `stepparent.alert.id`.
   */
  delivered(ids: readonly number[]): void {
    this.run((db) => removeDeliveries(db, ids));
  }

  /** Postpones deliveries that failed until `nextMs`, and counts an attempt for each. */
  failed(ids: readonly number[], nextMs: number): void {
    this.run((db) => postponeDeliveries(db, ids, nextMs));
  }

  /**
   * Removes a term from the baseline, so that its next match raises an alert. False: the term was not in the baseline.
   */
  removeTerm(ruleId: string, scope: string, terms: readonly string[]): boolean {
    this.#record = undefined;
    return this.run((db) => removeTerm(db, [ruleId, scope, JSON.stringify(terms)]));
  }

  /** Allows a term permanently, whether or not it is in the baseline. */
  allowTerm(ruleId: string, scope: string, terms: readonly string[], nowMs: number): void {
    this.run((db) => allowTerm(db, [ruleId, scope, JSON.stringify(terms)], nowMs));
  }

  /** Allows all terms that the patterns cover, one for each term field. False: the rule has too many patterns. */
  allowPattern(ruleId: string, scope: string, patterns: readonly string[], nowMs: number): boolean {
    this.#record = undefined;
    return this.run((db) => allowPattern(db, [ruleId, scope, JSON.stringify(patterns)], nowMs));
  }

  /**
   * Writes a decision about the alerts with these ids, and stores `events`, which tell of it, all or nothing. A closed alert counts as open
   * again after its next match.
   */
  reviewAlerts(ids: readonly string[], review: Review, events: readonly StepparentEvent[]): void {
    this.run((db) =>
      db
        .transaction(() => {
          reviewAlerts(db, ids, review);
          this.record(
            events.map((event) => ({ event, scope: '', verdicts: [] })),
            review.timeMs,
          );
        })
        .immediate(),
    );
  }

  /** Stores the beginning of a run of the agent, and returns the run before; undefined: there was none in this database. */
  beginRun(bootId: string, nowMs: number): AgentRun | undefined {
    return this.run((db) => beginRun(db, bootId, nowMs));
  }

  /** Stores that the run of the agent is alive. */
  keepAlive(nowMs: number): void {
    this.run((db) => keepAlive(db, nowMs));
  }

  /** Stores the end of the run of the agent. */
  endRun(nowMs: number): void {
    this.run((db) => endRun(db, nowMs));
  }

  /** Moves the mark of the alerts that were looked at, never back. */
  moveAlertMark(seq: number): void {
    this.run((db) => moveAlertMark(db, seq));
  }

  /** The directory's files by name, read row by row. The loop must end before any other call of the store. */
  knownFiles(directory: string): Generator<KnownFile> {
    return this.iterate((db) => readKnownFiles(db, directory));
  }

  /** Writes `upserts` and deletes `deletions`, in one transaction. */
  saveKnownFiles(directory: string, upserts: Iterable<KnownFile>, deletions: Iterable<string>): void {
    this.run((db) => saveKnownFiles(db, directory, upserts, deletions));
  }

  /** Deletes the listings whose directory begins with `prefix`, except those in `kept`. */
  forgetDirectories(prefix: string, kept: ReadonlySet<string>): void {
    this.run((db) => forgetDirectories(db, prefix, kept));
  }

  /** The last seen content of a watched file; undefined: it was not seen. */
  lastContent(path: string): LastContent | undefined {
    return this.#runContents(({ read }) => read(path));
  }

  /** Writes the last seen contents of watched files, and deletes those that are undefined, in one transaction. */
  saveContents(contents: Iterable<readonly [path: string, content: LastContent | undefined]>, nowMs: number): void {
    this.#runContents(({ save }) => save(contents, nowMs));
  }

  /** The watched files whose contents were seen. */
  contentPaths(): string[] {
    return this.run(contentPaths);
  }

  /** The number that identifies the list of paths that was watched last; undefined: none was. */
  watchedList(): number | undefined {
    return this.run(readWatchedList);
  }

  saveWatchedList(list: number): void {
    this.run((db) => writeWatchedList(db, list));
  }

  /** The package sources that the host has or had; undefined: they were never saved. */
  packageSources(): KnownSources | undefined {
    return this.run(readPackageSources);
  }

  savePackageSources(sources: KnownSources): void {
    this.run((db) => savePackageSources(db, sources));
  }

  /** The digests of apt's package lists. Its methods throw a StoreError if the database fails. */
  readonly digests: DigestStore = {
    maxDigests: limits.packageDigests,
    packageLists: () => this.#runDigests((rows) => rows.packageLists()),
    savePackageList: (list) => this.#runDigests((rows) => rows.savePackageList(list)),
    endPackageList: (id, nowMs) => this.#runDigests((rows) => rows.endPackageList(id, nowMs)),
    digestsOf: (id, first) => this.#runDigests((rows) => rows.digestsOf(id, first)),
    changeDigests: (id, change, nowMs) => this.#runDigests((rows) => rows.changeDigests(id, change, nowMs)),
    findDigest: (digest) => this.#runDigests((rows) => rows.findDigest(digest)),
  };

  /** When the digests were first asked for, in milliseconds since 1970. The first call stores `nowMs`. */
  digestsBeginMs(nowMs: number): number {
    return this.run((db) => digestsBeginMs(db, nowMs));
  }

  /** Stores the contents and when they were seen. A stored script keeps its state and origin if it has a state. */
  saveScripts(scripts: readonly SeenScript[], nowMs: number): void {
    this.#runScripts(({ save }) => save(scripts, nowMs));
  }

  /** The judged contents of a slot, newest first, at most 16. */
  scriptsOf(slot: ScriptSlot): PastScript[] {
    return this.#runScripts(({ past }) => past(slot));
  }

  /** Whether any script of that version was known before `beforeMs`. */
  versionKnown(packageName: string, version: string, beforeMs: number): boolean {
    return this.#runScripts(({ isVersionKnown }) => isVersionKnown(packageName, version, beforeMs));
  }

  /** Whether the first scan of installed scripts is complete. */
  scriptsComplete(): boolean {
    return this.run(scriptsComplete);
  }

  completeScripts(nowMs: number): void {
    this.run((db) => completeScripts(db, nowMs));
  }

  /** Adds the changes that a list of the installed packages shows, in one transaction. */
  addFoundPackages(found: FoundChanges): void {
    this.run((db) => {
      this.#ledger ??= prepareLedger(db);
      this.#ledger.addFound(found);
    });
  }

  completeFirstList(manager: LedgerManager, nowMs: number): void {
    this.run((db) => completeFirstList(db, manager, nowMs));
  }

  #runContents<T>(call: (contents: ReturnType<typeof prepareContents>) => T): T {
    return this.run((db) => {
      this.#contents ??= prepareContents(db);
      return call(this.#contents);
    });
  }

  #runDigests<T>(call: (digests: DigestStore) => T): T {
    return this.run((db) => {
      this.#digests ??= prepareDigests(db);
      return call(this.#digests);
    });
  }

  #runScripts<T>(call: (scripts: ReturnType<typeof prepareScripts>) => T): T {
    return this.run((db) => {
      this.#scripts ??= prepareScripts(db);
      return call(this.#scripts);
    });
  }
}

/** How `openStore` opens the database. */
export interface StoreOptions {
  /** The sinks that alerts are delivered to; a sink that is added later gets only later alerts. */
  sinks?: readonly string[] | undefined;
  /**
   * How long a new database learns before alerts are delivered; undefined: it does not learn. Applies only when the
   * database is created, and not when it replaces one that was set aside.
   */
  learningMs?: number | undefined;
  /** For commands that edit while the agent runs: throws if there is no usable database, instead of creating one. */
  mustExist?: boolean | undefined;
  /** The time now, in milliseconds since 1970. */
  nowMs?: number | undefined;
}

/**
 * Opens the store read-only while the agent runs. Throws a StoreError: `missing`, `privilege`, `older`, or one that
 * `openStore` throws.
 */
export function openStoreReader(path: string): StoreReader {
  return new StoreReader(path, openReadonlyDatabase(path));
}

/**
 * Opens the store for writing. Creates the directory (0700) and the file (0600), or migrates an older schema. A file
 * that is corrupt, newer or not a stepparent database is renamed, never deleted, and a new one is created. Throws a
 * StoreError for any other fault.
 */
export function openStore(path: string, options: StoreOptions = {}): Store {
  const { sinks = [], learningMs, mustExist, nowMs = Date.now() } = options;
  if (mustExist) return new Store(path, openExistingDatabase(path), sinks, undefined);
  const { db, setAside } = openAgentDatabase(path, nowMs, learningMs);
  return new Store(path, db, sinks, setAside);
}
