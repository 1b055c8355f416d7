// Watches files outside of the package databases that make programs run. The pipeline decides for each change whether a
// rule may match; only then are content, difference and package read.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { healthEvent } from '../../collectors/event/health-event.ts';
import type { HostContext } from '../../collectors/host/host-context.ts';
import type { FileContent } from '../../collectors/host/opened-file.ts';
import { tryRead } from '../../collectors/host/read-faults.ts';
import { maxDatabaseBytes, readText } from '../../collectors/host/read-file.ts';
import type { ListingMemory } from '../../collectors/packagedb/listing.ts';
import { openFileOwners } from '../../collectors/packages/file-owners.ts';
import type { ProcessTable } from '../../collectors/process/process-table.ts';
import { takeEvery } from '../../collectors/take-steps.ts';
import { openTimers } from '../../collectors/timers.ts';
import { groupPaths } from '../../collectors/watched/choose-paths.ts';
import type { Mounts } from '../../collectors/watched/mounts.ts';
import { directoriesOf } from '../../collectors/watched/path-plan.ts';
import {
  openPathWatch,
  type PathWatch,
  type PathWatchReport,
  type WatchedChange,
} from '../../collectors/watched/path-watch.ts';
import type { WatchedPath } from '../../collectors/watched/watched-paths.ts';
import { textOf } from '../../collectors/watched/watched-text.ts';
import { type WatchedFacts, withWatchedFile } from '../../detectors/facts/watched-file.ts';
import type { Store } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import type { Faults } from './faults.ts';
import type { Log } from './log.ts';
import type { Pipeline } from './pipeline.ts';
import type { PackageSourcesWatch } from './watch-package-sources.ts';
import { lastContentOf, openWatchedContents } from './watched-contents.ts';

/** The store, the host that is observed, and the receivers of changes and notices. */
export interface WatchPathsDeps {
  store: Pick<
    Store,
    | 'knownFiles'
    | 'saveKnownFiles'
    | 'forgetDirectories'
    | 'watchedList'
    | 'saveWatchedList'
    | 'lastContent'
    | 'saveContents'
    | 'contentPaths'
  >;
  host: { table: ProcessTable; context: HostContext };
  pipeline: Pick<Pipeline, 'handleWatchedChange' | 'recordHealth' | 'commit'>;
  mounts: Mounts;
  /** Absent: package sources are not compared. */
  sources?: Pick<PackageSourcesWatch, 'note'>;
  faults: Faults;
  log: Pick<Log, 'info' | 'warn'>;
}

/** The running watches of all paths. */
export interface PathsWatch {
  /** One report for each group. */
  report(): PathWatchReport[];
  /** Saves all listings again. Must be called after the store has lost them. */
  saveAgain(): void;
  stop(): Promise<void>;
}

const groupNames = ['system', 'users'] as const;
type GroupName = (typeof groupNames)[number];

/** Listings of package databases and of watched paths are in one table of the store. */
const listingPrefix = 'watched:';
const prefixOf = (group: GroupName): string => `${listingPrefix}${group}:`;
const maxOwnerMs = 5000;

/** Starts the watches. */
export function watchPaths(
  paths: readonly WatchedPath[],
  { store, host: { table, context }, pipeline, mounts, sources, faults, log }: WatchPathsDeps,
): PathsWatch {
  const { host } = context;
  const groups = groupPaths(paths, tryRead(() => readText(host.open('/etc/passwd'), maxDatabaseBytes)) ?? '');
  const list = listNumber(groups);
  const isSameList = knownList(store) === list;
  const timers = openTimers((error) => faults.note('a task of the watch failed', error));
  const contents = openWatchedContents({
    store,
    nowMs: host.clock.nowMs,
    timers,
    mayOpen: (path) => !mounts.isForeign(path),
    onFault: faults.note,
  });
  const owners = openFileOwners(host, { directories: directoriesOf([...groups.system, ...groups.users]) });

  const factsOf = async (
    { path, action, opened, details, isSecret }: WatchedChange,
    content: FileContent | undefined,
  ): Promise<WatchedFacts> => {
    const isRegular = action !== 'deletion' && opened?.stat.isFile() === true;
    const before = contents.replace(path, isRegular ? lastContentOf(content, isSecret) : undefined);
    if (details.original_path !== undefined) contents.replace(details.original_path, undefined);
    const owner = await Promise.race([owners.find(path, content?.head), sleep(maxOwnerMs, undefined, { ref: false })]);
    return {
      isRead: content !== undefined,
      text: content && textOf(content),
      bytes: content?.head,
      isSecret,
      before,
      owner,
    };
  };

  const openGroup = (group: GroupName): PathWatch => {
    const prefix = prefixOf(group);
    const memory: ListingMemory = {
      knownFiles: (directory) => store.knownFiles(prefix + directory),
      saveKnownFiles: (directory, upserts, deletions) => store.saveKnownFiles(prefix + directory, upserts, deletions),
    };
    return openPathWatch(
      { paths: groups[group], group, isSameList },
      {
        memory,
        table,
        context,
        mounts,
        receiver: {
          async onChange(change) {
            const { path, details, isSecret } = change;
            const noted = sources?.note(change);
            const isCompleted = await pipeline
              .handleWatchedChange(change, async ({ event, content }) => ({
                event: withWatchedFile(event, await factsOf(change, content)),
                later: noted?.described(event, content),
              }))
              .finally(noted?.end);
            if (isCompleted) return;
            contents.note({ path, isSecret });
            if (details.original_path !== undefined) contents.note({ path: details.original_path, isSecret });
          },
          onNotice(action, reason, count) {
            // Any user can cause a storm in a home directory, which is no fault of the agent.
            if (group === 'users') log.warn(reason);
            else faults.note(reason);
            pipeline.recordHealth(healthEvent(context, action, reason, count));
          },
          onFault: faults.note,
          commit: pipeline.commit,
          onFound() {
            notFound.delete(group);
            if (notFound.size === 0) void handleFound();
          },
        },
      },
    );
  };

  /** When the files of all groups are known: from then on a file without a recorded state is new, also at the next start. */
  const handleFound = async (): Promise<void> => {
    await Promise.all(groupNames.map((group) => watches[group].save()));
    if (isStopped) return;
    try {
      if (store.watchedList() !== list) {
        const found = groupNames.flatMap((group) => watches[group].directories().map((path) => prefixOf(group) + path));
        store.forgetDirectories(listingPrefix, new Set(found));
        store.saveWatchedList(list);
      }
      for (const group of groupNames) contents.readNew(watches[group].files());
    } catch (error) {
      // A health check reports that the store fails.
      if (!(error instanceof StoreError)) faults.note('the list of watched paths could not be stored', error);
    }
  };

  let isStopped = false;
  const notFound = new Set<GroupName>(groupNames);
  const watches: Readonly<Record<GroupName, PathWatch>> = { system: openGroup('system'), users: openGroup('users') };
  return {
    report: () => groupNames.map((group) => watches[group].report()),
    saveAgain() {
      for (const group of groupNames) watches[group].saveAgain();
      if (notFound.size === 0) void handleFound();
    },
    stop() {
      isStopped = true;
      return takeEvery([
        ...groupNames.map((group) => [group, watches[group].stop] as const),
        ['timers', timers.close],
        ['contents', contents.save],
      ]);
    },
  };
}

/** The list of the last run; undefined: none was stored, or the store fails. */
function knownList(store: Pick<Store, 'watchedList'>): number | undefined {
  try {
    return store.watchedList();
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

/** A number that changes with the list of paths, and fits into an integer of the store. */
const listNumber = (groups: object): number =>
  Number.parseInt(createHash('sha256').update(JSON.stringify(groups)).digest('hex').slice(0, 12), 16);
