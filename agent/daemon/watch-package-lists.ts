// Keeps the digests of apt's package lists up to date while the agent runs.

import type { Host } from '../../collectors/host/host.ts';
import { openProvenance, type Provenance } from '../../collectors/provenance/provenance.ts';
import { readAptDirectories, unpackList } from '../../collectors/provenance/run-apt.ts';
import type { Timers } from '../../collectors/timers.ts';
import type { Store } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import { releaseMemory } from './release-memory.ts';

interface PackageListsWatchDeps {
  host: Host;
  store: Pick<Store, 'digests' | 'digestsBeginMs'>;
  timers: Pick<Timers, 'later' | 'every' | 'soon'>;
  onFault(fault: string, error?: unknown): void;
}

/** When the lists are first read. A run of dpkg before that has them read at once. */
const firstMs = 500;
/** An apt that installs does so some seconds after it has fetched new lists, mostly much later. */
const everyMs = 60_000;
/** The garbage of the lists is collected some time later. */
const restMs = 2000;

/** Begins to watch the lists, if the host has dpkg. */
export function watchPackageLists({ host, store, timers, onFault }: PackageListsWatchDeps): Provenance {
  const provenance = openProvenance({
    host,
    store: store.digests,
    unpack: unpackList,
    readDirectories: readAptDirectories,
    sinceMs: store.digestsBeginMs(host.clock.nowMs()),
    onRead: timers.soon(restMs, releaseMemory),
    // A health check reports a StoreError.
    onFault: (fault, error) => {
      if (!(error instanceof StoreError)) onFault(fault, error);
    },
  });
  const refresh = (): void => void provenance.refresh();
  timers.later(firstMs, refresh);
  timers.every(everyMs, refresh);
  return provenance;
}
