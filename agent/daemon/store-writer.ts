// Writes judged events into the store, and replaces its database where that is damaged.

import { errorMessage } from '../../collectors/error-message.ts';
import type { Store } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import type { Log } from './log.ts';
import type { PipelineStore } from './pipeline.ts';
import { openStorageOutage } from './storage-outage.ts';

export interface StoreWriter extends PipelineStore {
  /** Called when alerts were committed. */
  onAlerts(listener: () => void): void;
  /** Called when the database was set aside and a new one is in use; at once, and `isNow` is false, where that happened at the opening. */
  onSetAside(listener: SetAsideListener): void;
  /** Why the database takes no events at present. */
  refused(): string | undefined;
}

type SetAsideListener = (setAside: NonNullable<Store['setAside']>, isNow: boolean) => void;

export function openStoreWriter(store: Store, log: Log): StoreWriter {
  const outage = openStorageOutage(log);
  const startedMs = Date.now();
  const alertListeners: (() => void)[] = [];
  const setAsideListeners: SetAsideListener[] = [];
  /** Why the database has to be set aside; it is tried again until it could be. */
  let damage: string | undefined;

  const logSetAside = ({ setAside }: Store): void => {
    if (setAside === undefined) return;
    log.error('the database could not be used and was set aside; a new one was begun', { ...setAside });
    for (const listener of setAsideListeners) listener(setAside, true);
  };
  const replaceDatabase = (reason: string): void => {
    damage = reason;
    store.replaceDatabase(reason);
    damage = undefined;
    logSetAside(store);
  };
  logSetAside(store);

  return {
    commit(events) {
      try {
        if (damage !== undefined) replaceDatabase(damage);
        const { alerts } = store.record(events, Date.now());
        outage.taken();
        if (alerts.length > 0) for (const listener of alertListeners) listener();
      } catch (error) {
        outage.refused(events, errorMessage(error));
        if (error instanceof StoreError && error.trouble === 'corrupt' && damage === undefined) {
          replaceDatabase(error.message);
        }
        throw error;
      }
    },
    saveScripts: (scripts) => store.saveScripts(scripts, Date.now()),
    scriptsOf: (slot) => store.scriptsOf(slot),
    versionKnown: (packageName, version) => store.versionKnown(packageName, version, startedMs),
    onAlerts: (listener) => void alertListeners.push(listener),
    onSetAside(listener) {
      setAsideListeners.push(listener);
      if (store.setAside !== undefined) listener(store.setAside, false);
    },
    refused: () => outage.reason,
  };
}
