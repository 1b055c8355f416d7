// Commits judged events to the store in batches, keeps them in memory while it refuses them, and replaces a damaged database.

import { errorMessage } from '../../collectors/error-message.ts';
import type { JudgedEvent } from '../../detectors/judge.ts';
import type { Verdict } from '../../detectors/rules/rule.ts';
import type { Store } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import type { Log } from './log.ts';
import { openStorageOutage } from './storage-outage.ts';

export interface RecorderDeps {
  store: Pick<Store, 'record' | 'replaceDatabase' | 'setAside' | 'damage'>;
  /** Milliseconds since 1970. */
  nowMs(): number;
  log: Pick<Log, 'error' | 'info'>;
  onFault(fault: string, error?: unknown): void;
}

export interface Recorder {
  /** In the order of `add` events are committed, in batches, all or nothing; a full batch at once. */
  add(event: JudgedEvent): void;
  commit(): void;
  /** An event that waits may make an alert: its terms were not recorded before. */
  readonly mayAlert: boolean;
  /** Events that could not be committed yet. */
  readonly waiting: number;
  /** Events that were dropped since too many waited. */
  readonly dropped: number;
  /** Why the database takes no events at present. */
  readonly refused: string | undefined;
  /** Called when alerts were committed. */
  onAlerts(listener: () => void): void;
  /** Called when the database was set aside and a new one is in use; at once, and `isNow` is false, where that happened at the opening. */
  onSetAside(listener: SetAsideListener): void;
}

type SetAsideListener = (setAside: NonNullable<Store['setAside']>, isNow: boolean) => void;

/** Terms that were recorded before: an alert for them is unlikely. */
const maxRecordedTerms = 4096;
/** Longer ones are of hostile names: their alerts are built each time. */
const maxTermsLength = 512;
/** Events that are committed together; a larger batch of records makes several commits. */
const batchSize = 64;
/** Events that wait while the store refuses them: a full disk should not fill the memory as well. */
const maxWaiting = 2000;
/** The same in characters of arguments, the one part of an event that an attacker can make large. */
const maxWaitingArgsLength = 16 * 1024 * 1024;

const argsLength = ({ event: { process, stepparent } }: JudgedEvent): number => {
  let length = process?.command_line?.length ?? 0;
  for (const { args = [] } of stepparent.lineage ?? []) length += args.reduce((sum, arg) => sum + arg.length, 0);
  return length;
};

const termsKey = (scope: string, { rule, terms }: Verdict): string => [rule.id, scope, ...terms].join('\0');

/** The store takes nothing for now; what else it throws may be because of one event. */
const isOfStore = (error: unknown): boolean => error instanceof StoreError && error.trouble !== 'other';

export function openRecorder({ store, nowMs, log, onFault }: RecorderDeps): Recorder {
  const outage = openStorageOutage(log);
  const alertListeners: (() => void)[] = [];
  const setAsideListeners: SetAsideListener[] = [];

  // -- One commit.
  /** Why the database has to be set aside; it is tried again until it could be. */
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
    log.error('the database could not be used and was set aside; a new one was begun', { ...store.setAside });
  };
  /** Most matches repeat what was alerted or learned: only of new ones the alert is built, and before the transaction. */
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

  // -- What waits for it.
  let waiting: JudgedEvent[] = [];
  let waitingArgsLength = 0;
  let mayAlert = false;
  let dropped = 0;
  /** The last commit failed: the caller decides when the next is tried. */
  let isRefusing = false;
  /** What the store refuses is a health check while it is refused, and no longer. */
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
      isRefusing = false;
    } catch (error) {
      isRefusing = !isOfStore(error) && waiting.length > 1 ? !commitEach() : true;
      if (isRefusing) noteFault('events could not be committed; they wait in memory', error);
    }
  };

  /** Stores each event on its own and drops those that fail, so that the others are kept. False where every event failed: the store is at fault. */
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
    for (const { error } of lost) noteFault('an event that cannot be stored was given up', error);
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
      if (waiting.length >= batchSize && !isRefusing) commit();
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
