// A watch of scratch directories, with everything else in memory.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import type { HealthAction } from '../../../collectors/event/health-event.ts';
import { systemClock } from '../../../collectors/host/clock.ts';
import { openHost } from '../../../collectors/host/host.ts';
import type { DirectoryToWatch } from '../../../collectors/packagedb/directory-to-watch.ts';
import type { openFanotify } from '../../../collectors/packagedb/fanotify.ts';
import { FanotifyUnavailable } from '../../../collectors/packagedb/fanotify-group.ts';
import { describeFileChange, type FileChange } from '../../../collectors/packagedb/file-event.ts';
import type { KnownFile, ListingMemory } from '../../../collectors/packagedb/listing.ts';
import { openPackageWatch, type PackageWatch } from '../../../collectors/packagedb/package-watch.ts';
import { openProcView } from '../../../collectors/proc/inspect-process.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { hostContext } from '../host/host-context-double.ts';

/** Stores listings in memory, with the interface of the store. */
export function listingMemory(): ListingMemory & { files: Map<string, Map<string, KnownFile>> } {
  const files = new Map<string, Map<string, KnownFile>>();
  const filesOf = (directory: string): Map<string, KnownFile> => {
    const known = files.get(directory) ?? new Map<string, KnownFile>();
    files.set(directory, known);
    return known;
  };
  return {
    files,
    knownFiles: (directory) => [...filesOf(directory).values()],
    saveKnownFiles(directory, upserts, deletions) {
      for (const name of deletions) filesOf(directory).delete(name);
      for (const file of upserts) filesOf(directory).set(file.name, file);
    },
  };
}

export const noFanotify: typeof openFanotify = () => {
  throw new FanotifyUnavailable('fanotify_init: EPERM');
};

export interface TestWatch {
  watch: PackageWatch;
  events: StepparentEvent[];
  /** Content of scripts and control files, by event.id. */
  contents: Map<string, string>;
  notices: { action: HealthAction; reason: string; count: number | undefined }[];
  faults: string[];
  /** `action name` of each event so far about a file in that directory. */
  reported(directory: string): string[];
  stop(): Promise<void>;
}

const open = new Set<TestWatch>();
afterEach(async () => {
  for (const one of open) await one.stop();
});

export function startWatch(
  directories: readonly (string | DirectoryToWatch)[],
  {
    memory = listingMemory(),
    fanotify,
    judge = async () => {},
    onOpened = () => {},
  }: {
    memory?: ListingMemory;
    fanotify?: typeof openFanotify;
    /** A promise that delays each change after it is described. */
    judge?: () => Promise<void>;
    /** Called with each changed file as soon as it is open. */
    onOpened?: (file: string) => void;
  } = {},
): TestWatch {
  const events: StepparentEvent[] = [];
  const contents = new Map<string, string>();
  const notices: TestWatch['notices'] = [];
  const faults: string[] = [];
  const { bootEpochMs } = hostContext.host.clock;
  const context = { ...hostContext, host: openHost({ clock: { ...systemClock, bootEpochMs } }) };
  const table = createProcessTable(openProcView(context.host));
  let described: Promise<void> = Promise.resolve();
  const describe = async (change: FileChange): Promise<void> => {
    try {
      const { event, content } = await describeFileChange(change, { table, context });
      events.push(event);
      if (content !== undefined) contents.set(event.event.id, content.head.toString());
    } finally {
      change.opened?.close();
    }
  };
  const packageDirectories = directories.map(
    (directory): DirectoryToWatch =>
      typeof directory === 'string' ? { path: directory, manager: 'dpkg', expected: true } : directory,
  );
  const watch = openPackageWatch(packageDirectories, {
    memory,
    table,
    context,
    receiver: {
      onOpened,
      onChange(change) {
        described = described.then(() => describe(change));
        return described.then(judge);
      },
      onNotice: (action, reason, count) => notices.push({ action, reason, count }),
      onFault: (what, error) => faults.push(`${what}: ${String(error)}`),
      commit() {},
    },
    ...(fanotify && { openFanotify: fanotify }),
  });
  const started: TestWatch = {
    watch,
    events,
    contents,
    notices,
    faults,
    reported: (directory) =>
      events.flatMap(({ event, file }) =>
        file?.directory === directory || file?.path === directory ? [`${event.action} ${file.name}`] : [],
      ),
    async stop() {
      open.delete(started);
      await watch.stop();
    },
  };
  open.add(started);
  return started;
}

/** An empty directory for one test. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-packagedb-'));
  scratches.push(directory);
  const inner = join(directory, 'dpkg');
  mkdirSync(inner);
  return inner;
}
const scratches: string[] = [];
afterEach(() => {
  for (const directory of scratches.splice(0)) rmSync(directory, { recursive: true, force: true });
});
