// Makes the package ledger agree with the databases of dpkg and rpm: lists their packages at the start and whenever the ledger may be
// wrong, and adds what no transaction has shown.

import { setImmediate } from 'node:timers/promises';
import type { Host } from '../../collectors/host/host.ts';
import type { HostContext } from '../../collectors/host/host-context.ts';
import { readDpkgLog } from '../../collectors/packages/dpkg-log.ts';
import type { PackageManager } from '../../collectors/packages/tools.ts';
import type { Timers } from '../../collectors/timers.ts';
import { type ListedChange, listedChanges, presentChange } from '../../detectors/listed-packages.ts';
import type { FoundChange } from '../../storage/package-ledger.ts';
import type { Store } from '../../storage/store.ts';
import type { Pipeline } from './pipeline.ts';

/** The ledger, the lists, and the transactions that explain differences. */
export interface LedgerComparisonDeps {
  store: Pick<Store, 'installedPackages' | 'addFoundPackages' | 'firstListedMs' | 'completeFirstList'>;
  pipeline: Pick<Pipeline, 'packages' | 'commit'>;
  host: Pick<Host, 'open' | 'clock'>;
  context: Pick<HostContext, 'hostFields'>;
  timers: Pick<Timers, 'later'>;
  onFault(fault: string, error?: unknown): void;
}

/** Compares the ledger with the lists. */
export interface LedgerComparison {
  /** Lists the packages of the manager, after `afterMs` and when no transaction is underway. */
  compare(manager: PackageManager, afterMs?: number): void;
  /** Resolves when nothing is compared any more. */
  stop(): Promise<void>;
}

/** What dpkg and rpm write last comes some time after a transaction; and a front end goes on with the next one. */
const afterDoubtMs = 3000;
const whenBusyMs = 5000;
const afterFaultMs = 60_000;
/** Rows of one commit: a few milliseconds. */
const rowsAtATime = 250;

/** Starts to listen for doubts about the ledger. Nothing is listed before `compare` is called. */
export function openLedgerComparison(deps: LedgerComparisonDeps): LedgerComparison {
  const { store, pipeline, timers, onFault } = deps;
  const due = new Set<PackageManager>();
  const running = new Set<Promise<void>>();
  let stopped = false;
  const compare = (manager: PackageManager, afterMs = afterDoubtMs): void => {
    if (due.has(manager)) return;
    due.add(manager);
    timers.later(afterMs, () => {
      due.delete(manager);
      const ended = run(manager).finally(() => running.delete(ended));
      running.add(ended);
    });
  };
  pipeline.packages.onDoubt((manager) => compare(manager));

  const run = async (manager: PackageManager): Promise<void> => {
    if (stopped) return;
    try {
      if (!(await compareNow(manager))) compare(manager, whenBusyMs);
    } catch (error) {
      onFault(`the packages of ${manager} could not be compared with the ledger`, error);
      compare(manager, afterFaultMs);
    }
  };

  /** Returns false if it was not the time: transactions that are underway may explain the differences. */
  const compareNow = async (manager: PackageManager): Promise<boolean> => {
    const { packages } = pipeline;
    const { ended } = packages;
    const isQuiet = (): boolean => !stopped && !packages.isBusy() && packages.ended === ended;
    if (!isQuiet()) return false;
    const listed = await packages.list(manager);
    if (listed === 'busy' || !isQuiet()) return false;
    pipeline.commit();
    if (!packages.areCommitted()) return false;
    const isFirst = store.firstListedMs(manager) === undefined;
    const known = store.installedPackages(manager);
    if (listed === 'none' && !(isFirst && known.length === 0)) return true;
    const changes = listed === 'none' ? [] : listedChanges(manager, known, listed);
    for (const part of partsOf(foundChanges(manager, changes, isFirst))) {
      store.addFoundPackages({
        manager,
        host: { hostId: deps.context.hostFields.id, hostName: deps.context.hostFields.name },
        foundBy: isFirst ? 'first_listing' : 'listing',
        changes: part,
      });
      await setImmediate();
      if (!isQuiet()) return false;
    }
    if (isFirst) store.completeFirstList(manager, deps.host.clock.nowMs());
    return true;
  };

  /** Adds the times. Those of the first list are that of the list: the packages were there before. */
  const foundChanges = (manager: PackageManager, changes: readonly ListedChange[], isFirst: boolean): FoundChange[] => {
    const nowMs = deps.host.clock.nowMs();
    const log = manager === 'dpkg' && !isFirst && changes.length > 0 ? readDpkgLog(deps.host) : undefined;
    return changes.map(({ change, listed }) => {
      if (isFirst && listed !== undefined) return { ...presentChange(listed), timeMs: nowMs, timeSource: 'listing' };
      const { name, architecture = '', version = '' } = change;
      const loggedMs =
        listed === undefined ? log?.removalMs(name, architecture) : log?.versionMs(name, architecture, version);
      if (loggedMs !== undefined && loggedMs <= nowMs) return { ...change, timeMs: loggedMs, timeSource: 'dpkg_log' };
      const { installedMs } = listed ?? {};
      if (installedMs !== undefined && installedMs <= nowMs)
        return { ...change, timeMs: installedMs, timeSource: 'install_time' };
      return { ...change, timeMs: nowMs, timeSource: 'listing' };
    });
  };
  return {
    compare,
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
}

function* partsOf(changes: readonly FoundChange[]): Generator<readonly FoundChange[]> {
  for (let start = 0; start < changes.length; start += rowsAtATime) yield changes.slice(start, start + rowsAtATime);
}
