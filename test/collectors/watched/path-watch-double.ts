// A watch of paths below a scratch directory, with everything else in memory.

import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { systemClock } from '../../../collectors/host/clock.ts';
import { openHost } from '../../../collectors/host/host.ts';
import type { openFanotify } from '../../../collectors/packagedb/fanotify.ts';
import { describeFileChange } from '../../../collectors/packagedb/file-event.ts';
import type { ListingMemory } from '../../../collectors/packagedb/listing.ts';
import { openProcView } from '../../../collectors/proc/inspect-process.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { type Mounts, openMounts } from '../../../collectors/watched/mounts.ts';
import { openPathWatch, type PathWatch, type WatchedChange } from '../../../collectors/watched/path-watch.ts';
import type { WatchedPath } from '../../../collectors/watched/watched-paths.ts';
import { hostContext } from '../host/host-context-double.ts';
import { listingMemory } from '../packagedb/watch-double.ts';

export interface TestPathWatch {
  watch: PathWatch;
  changes: WatchedChange[];
  events: StepparentEvent[];
  notices: { reason: string; count: number | undefined }[];
  faults: string[];
  /** Resolves when the directories that were there at the start have been compared. */
  found: Promise<void>;
  /** `action path kind` of each event so far, with the path below the scratch directory. */
  reported(): string[];
  stop(): Promise<void>;
}

const open = new Set<TestPathWatch>();
const scratches: string[] = [];
afterEach(async () => {
  for (const one of open) await one.stop();
  for (const directory of scratches.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** An empty directory for one test, without links in its path. */
export function scratchRoot(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'stepparent-watched-')));
  scratches.push(directory);
  return directory;
}

/** Makes the directories above the path, and returns it. */
export const below = (root: string, path: string): string => {
  const whole = join(root, path);
  mkdirSync(dirname(whole), { recursive: true });
  return whole;
};

/** Watches patterns below the root. */
export function watchPatterns(
  root: string,
  patterns: readonly string[],
  {
    memory = listingMemory(),
    mounts = openMounts(systemClock),
    isSameList = false,
    group = 'system',
    fanotify,
  }: {
    memory?: ListingMemory;
    mounts?: Mounts;
    isSameList?: boolean;
    group?: 'system' | 'users';
    fanotify?: typeof openFanotify;
  } = {},
): TestPathWatch {
  const changes: WatchedChange[] = [];
  const events: StepparentEvent[] = [];
  const notices: TestPathWatch['notices'] = [];
  const faults: string[] = [];
  const { bootEpochMs } = hostContext.host.clock;
  const context = { ...hostContext, host: openHost({ clock: { ...systemClock, bootEpochMs } }) };
  const table = createProcessTable(openProcView(context.host));
  const { promise: found, resolve: onFound } = Promise.withResolvers<void>();
  const paths = patterns.map((pattern): WatchedPath => ({ kind: 'cron', path: root + pattern, source: 'test' }));
  let described: Promise<void> = Promise.resolve();
  const watch = openPathWatch(
    { paths, group, isSameList },
    {
      memory,
      table,
      context,
      mounts,
      checkEveryMs: 500,
      receiver: {
        onChange(change) {
          changes.push(change);
          described = described.then(async () => {
            const { event } = await describeFileChange(change, { table, context });
            events.push(event);
            change.opened?.close();
          });
          return described;
        },
        onNotice: (_action, reason, count) => notices.push({ reason, count }),
        onFault: (what, error) => faults.push(`${what}: ${String(error)}`),
        commit() {},
        onFound,
      },
      ...(fanotify && { openFanotify: fanotify }),
    },
  );
  const started: TestPathWatch = {
    watch,
    changes,
    events,
    notices,
    faults,
    found,
    reported: () =>
      events.map(
        ({ event, file, stepparent }) =>
          `${event.action} ${file?.path?.slice(root.length)} ${stepparent.file?.watched}`,
      ),
    async stop() {
      open.delete(started);
      await watch.stop();
    },
  };
  open.add(started);
  return started;
}
