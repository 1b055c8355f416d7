// Commits judged events to the store in batches, keeps them in memory while the store fails, and replaces a damaged database.

import { errorMessage } from '../../collectors/error-message.ts';
import type { JudgedEvent } from '../../detectors/judge.ts';
import type { Verdict } from '../../detectors/rules/rule.ts';
import type { Store } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import type { Log } from './log.ts';
import { openStorageOutage } from './storage-outage.ts';

/** The store that receives the events. `onFault` is not called for a StoreError: a health check reports it. */
export interface RecorderDeps {
  store: Pick<Store, 'record' | 'replaceDatabase' | 'setAside' | 'damage'>;
  /** Milliseconds since 1970. */
  nowMs(): number;
  log: Pick<Log, 'error' | 'info'>;
  onFault(fault: string, error?: unknown): void;
}

/**
 * The events between judgement and database. While the store fails, at most 2000 events wait, with at most 16 Mi
 * characters of arguments; beyond that, the oldest are dropped.
 */
export interface Recorder {
  /** Adds an event. Events are committed in this order, in batches, all or nothing; a full batch is committed at once. */
  add(event: JudgedEvent): void;
  commit(): void;
  /** A waiting event may raise an alert: its terms were not recorded before. */
  readonly mayAlert: boolean;
  /** Number of events that are not committed yet. */
  readonly waiting: number;
  /** Number of events that were dropped because too many waited or because they cannot be stored. */
  readonly dropped: number;
  /** Why the database accepts no events at present. */
  readonly refused: string | undefined;
  /** Calls `listener` after each commit with alerts. */
  onAlerts(listener: () => void): void;
  /**
   * Calls `listener` when the database was set aside and replaced; immediately, with `isNow` false, if that happened when it was
   * opened.
   */
  onSetAside(listener: SetAsideListener): void;
}

type SetAsideListener = (setAside: NonNullable<Store['setAside']>, isNow: boolean) => void;

/** Maximum number of recorded terms that are remembered: a new alert for these is unlikely. */
const maxRecordedTerms = 4096;
/** Longer terms come from hostile names; they are not remembered, and their alerts are built each time. */
const maxTermsLength = 512;
/** Maximum number of events in one commit. */
const batchSize = 64;
/** Maximum number of events that wait while the store fails: a full disk must not fill the memory as well. */
const maxWaiting = 2000;
/** The same bound in characters of arguments, the only part of an event that an attacker can make large. */
const maxWaitingArgsLength = 16 * 1024 * 1024;

const argsLength = ({ event: { process, stepparent } }: JudgedEvent): number => {
  let length = process?.command_line?.length ?? 0;
  for (const { args = [] } of stepparent.lineage ?? []) length += args.reduce((sum, arg) => sum + arg.length, 0);
  return length;
};

const termsKey = (scope: string, { rule, terms }: Verdict): string => [rule.id, scope, ...terms].join('\0');

/** Whether the store as a whole is at fault; any other error may be caused by a single event. */
const isOfStore = (error: unknown): boolean => error instanceof StoreError && error.trouble !== 'other';

/** Opens a recorder without events. Logs an error at once if the database was set aside when the store was opened. */
export function openRecorder({ store, nowMs, log, onFault }: RecorderDeps): Recorder {
  const outage = openStorageOutage(log);
  const alertListeners: (() => void)[] = [];
  const setAsideListeners: SetAsideListener[] = [];

  // -- One commit.
  /** Why the database must be set aside; tried at each commit until it succeeds. */
  let damage: string | undefined;
  const replaceDatabase = (reason: string): void => {
    damage = reason;
    store.replaceDatabase(reason);
    damage = undefined;
    logSetAside();
    if (store.setAside !== undefined) for (const listener of setAsideListeners) listener(store.setAside, true);
  };
  const logSetAside = (): void => {
    if (store.setAside === undefined) return;
    log.error('the database cannot be used: it was set aside and a new one was created', { ...store.setAside });
  };
  /** Most matches repeat known terms: alerts are built only for new terms, before the transaction. */
  const recordedTerms = new Set<string>();
  const newMatches = ({ scope, verdicts }: JudgedEvent): JudgedEvent['verdicts'] =>
    verdicts.filter(({ verdict, alert }) => alert !== undefined && !recordedTerms.has(termsKey(scope, verdict)));
  const buildAlerts = (events: readonly JudgedEvent[]): void => {
    for (const event of events) for (const { alert } of newMatches(event)) alert?.();
  };
  const noteTerms = (events: readonly JudgedEvent[]): void => {
    if (recordedTerms.size > maxRecordedTerms) recordedTerms.clear();
    for (const { scope, verdicts } of events) {
      for (const { verdict, alert } of verdicts) {
        const key = termsKey(scope, verdict);
        if (alert !== undefined && key.length <= maxTermsLength) recordedTerms.add(key);
      }
    }
  };
  const commitBatch = (events: readonly JudgedEvent[]): void => {
    try {
      // What another call has found, a delivery or the housekeeping, counts as well.
      const found = damage ?? store.damage;
      if (found !== undefined) replaceDatabase(found);
      buildAlerts(events);
      const { alerts } = store.record(events, nowMs());
      noteTerms(events);
      outage.recovered();
      if (alerts.length > 0) for (const listener of alertListeners) listener();
    } catch (error) {
      outage.refused(events, errorMessage(error));
      if (error instanceof StoreError && error.trouble === 'corrupt' && damage === undefined) {
        replaceDatabase(error.message);
      }
      throw error;
    }
  };
  logSetAside();

  // -- The events that wait for a commit.
  let waiting: JudgedEvent[] = [];
  let waitingArgsLength = 0;
  let mayAlert = false;
  let dropped = 0;
  /** The last commit failed: the caller decides when to try again. */
  let isFailing = false;
  /** A StoreError is not a fault: the health check `event_storage` reports it while it lasts. */
  const noteFault = (fault: string, error: unknown): void => {
    if (!(error instanceof StoreError)) onFault(fault, error);
  };

  const commit = (): void => {
    mayAlert = false;
    if (waiting.length === 0 && store.damage === undefined) return;
    try {
      commitBatch(waiting);
      waiting = [];
      waitingArgsLength = 0;
      isFailing = false;
    } catch (error) {
      isFailing = !isOfStore(error) && waiting.length > 1 ? !commitEach() : true;
      if (isFailing) noteFault('events could not be committed; they wait in memory', error);
    }
  };

  /**
   * Stores each event on its own and drops those that fail, so that the others are kept. False where every event failed: the store is
   * at fault.
   */
  const commitEach = (): boolean => {
    const failed: { event: JudgedEvent; error: unknown }[] = [];
    for (const event of waiting) {
      try {
        commitBatch([event]);
      } catch (error) {
        failed.push({ event, error });
      }
    }
    if (failed.length === waiting.length) return false;
    const lost = failed.filter(({ error }) => !isOfStore(error));
    for (const { error } of lost) noteFault('dropped an event that cannot be stored', error);
    dropped += lost.length;
    waiting = failed.filter(({ error }) => isOfStore(error)).map(({ event }) => event);
    waitingArgsLength = waiting.reduce((sum, event) => sum + argsLength(event), 0);
    return waiting.length === 0;
  };

  return {
    add(event) {
      waiting.push(event);
      mayAlert ||= newMatches(event).length > 0;
      waitingArgsLength += argsLength(event);
      if (waiting.length >= batchSize && !isFailing) commit();
      while (waiting.length > maxWaiting || waitingArgsLength > maxWaitingArgsLength) {
        const oldest = waiting.shift();
        if (oldest === undefined) break;
        waitingArgsLength -= argsLength(oldest);
        dropped++;
      }
    },
    commit,
    get mayAlert() {
      return mayAlert;
    },
    get waiting() {
      return waiting.length;
    },
    get dropped() {
      return dropped;
    },
    get refused() {
      return outage.reason;
    },
    onAlerts: (listener) => void alertListeners.push(listener),
    onSetAside(listener) {
      setAsideListeners.push(listener);
      if (store.setAside !== undefined) listener(store.setAside, false);
    },
  };
}
