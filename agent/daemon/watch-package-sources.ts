// Follows the configuration of package sources: some seconds after changes of its files it is read as a whole, and compared
// with what it was, since tools move sources from one file to another.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import type { FileContent } from '../../collectors/host/opened-file.ts';
import { concernsSources, parseKeyring, parseSourceFile } from '../../collectors/package-sources/package-sources.ts';
import {
  maxSourceBytes,
  readSources,
  type SourceConfiguration,
  type SourceReader,
} from '../../collectors/package-sources/read-sources.ts';
import type { FileChange } from '../../collectors/packagedb/file-event.ts';
import type { OfferedVersions } from '../../collectors/provenance/offered-versions.ts';
import type { Timers } from '../../collectors/timers.ts';
import { findBlockedUpdates } from '../../detectors/facts/apt-pins.ts';
import {
  assignChanges,
  compareSources,
  knownAfter,
  newPins,
  pinChanges,
  type SeenChange,
  type SourceChange,
  withSources,
} from '../../detectors/facts/package-sources.ts';
import type { Store } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import type { LaterFields } from './pipeline.ts';

/** The files, the store, the clock and the timers. */
export interface PackageSourcesDeps {
  reader: SourceReader;
  store: Pick<Store, 'packageSources' | 'savePackageSources'>;
  /** The versions that apt's lists offer of the installed packages. Is called when there is a new pin. */
  offeredVersions(): Promise<Pick<OfferedVersions, 'parts' | 'packages'>>;
  timers: Pick<Timers, 'later'>;
  monotonicMs(): number;
  onFault(fault: string, error?: unknown): void;
}

/** A change of a file that may have changed the package sources. */
interface NotedChange {
  /** Called with the event of the change and the content of the file, if a rule may match. */
  described(event: StepparentEvent, content: FileContent | undefined): LaterFields;
  /** Must be called when the change was described, or is not going to be. */
  end(): void;
}

/** The followed configuration. */
export interface PackageSourcesWatch {
  /** Must be called for each change, in order. Undefined: the change does not concern package sources. */
  note(change: Pick<FileChange, 'action' | 'path' | 'details'>): NotedChange | undefined;
  /** Saves all again. Must be called after the store has lost them. */
  saveAgain(): void;
  /** Compares what has changed at once. */
  stop(): Promise<void>;
}

/** How long the files must rest, and how long a comparison waits for that. */
const restMs = 3000;
const maxWaitMs = 15_000;
/** Changes of one comparison; further ones are not named as its cause. */
const maxChanges = 1024;

interface Batch {
  sinceMs: number;
  noted: number;
  ended: Promise<void>[];
  seen: SeenChange[];
  compared: PromiseWithResolvers<ReadonlyMap<SeenChange, readonly SourceChange[]>>;
}

/**
 * Opens it. Sources from before the first start of the agent are known; of a later start, changes since the last comparison
 * are found with the next change.
 */
export async function watchPackageSources({
  reader,
  store,
  offeredVersions,
  timers,
  monotonicMs,
  onFault,
}: PackageSourcesDeps): Promise<PackageSourcesWatch> {
  const attempt = <T>(run: () => T): T | undefined => {
    try {
      return run();
    } catch (error) {
      // A health check reports that the store fails.
      if (!(error instanceof StoreError)) onFault('the package sources could not be stored', error);
      return undefined;
    }
  };
  const save = (): void => attempt(() => store.savePackageSources(known));
  const stored = attempt(() => store.packageSources());
  let known = stored ?? knownAfter(new Map(), await readSources(reader));
  if (stored === undefined) save();

  let batch: Batch | undefined;
  let cancel = (): void => {};
  let last = Promise.resolve();
  const pinned = async (now: SourceConfiguration): Promise<SourceChange[]> => {
    const added = newPins(known, now);
    if (added.length === 0) return [];
    try {
      return pinChanges(added, await findBlockedUpdates(now.pins, await offeredVersions(), reader.next), now);
    } catch (error) {
      onFault('what pins block could not be found', error);
      return [];
    }
  };
  const compare = async ({ ended, seen, compared }: Batch): Promise<void> => {
    try {
      await Promise.all(ended);
      const now = await readSources(reader);
      const changes = [...compareSources(known, now), ...(await pinned(now))];
      compared.resolve(assignChanges(changes, seen));
      const after = knownAfter(known, now);
      const isChanged = JSON.stringify([...after.values()]) !== JSON.stringify([...known.values()]);
      known = after;
      if (isChanged) save();
    } catch (error) {
      onFault('the package sources could not be compared', error);
      compared.resolve(new Map());
    }
  };
  const close = (): Promise<void> => {
    cancel();
    const closed = batch;
    batch = undefined;
    if (closed !== undefined) last = last.then(() => compare(closed));
    return last;
  };

  return {
    note({ action, path, details: { original_path: originalPath } }) {
      if (!concernsSources(path) && (originalPath === undefined || !concernsSources(originalPath))) return undefined;
      const nowMs = monotonicMs();
      batch ??= { sinceMs: nowMs, noted: 0, ended: [], seen: [], compared: Promise.withResolvers() };
      const { sinceMs, ended, seen, compared } = batch;
      cancel();
      cancel = timers.later(Math.min(restMs, sinceMs + maxWaitMs - nowMs), () => void close());
      if (++batch.noted > maxChanges) return undefined;
      const end = Promise.withResolvers<void>();
      ended.push(end.promise);
      return {
        end: end.resolve,
        described(event, content) {
          const names = content === undefined && action !== 'deletion' ? undefined : namesIn(path, content?.head);
          const change: SeenChange = { path, originalPath, names, event };
          seen.push(change);
          let changes: readonly SourceChange[] = [];
          const answered = compared.promise.then((assigned) => {
            changes = assigned.get(change) ?? [];
          });
          return { known: answered, complete: (latest) => withSources(latest, changes) };
        },
      };
    },
    saveAgain: save,
    stop: close,
  };
}

/** Names of the sources and keys in a file with this content. */
function namesIn(path: string, head: Buffer = Buffer.alloc(0)): ReadonlySet<string> {
  const { sources } = parseSourceFile(path, head.subarray(0, maxSourceBytes).toString());
  return new Set([...sources, ...parseKeyring(path, head)].map(({ name }) => name));
}
