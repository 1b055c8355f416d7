// A watch of scratch folders, with everything round it in memory.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import type { SensorAction } from '../../../collectors/event/health-event.ts';
import { FanotifyUnavailable, type openFanotify } from '../../../collectors/packagedb/fanotify.ts';
import type { KnownFile, ListingMemory } from '../../../collectors/packagedb/listing.ts';
import type { PackageFolder } from '../../../collectors/packagedb/package-directories.ts';
import { openPackageWatch, type PackageWatch } from '../../../collectors/packagedb/package-watch.ts';
import { openProcView, readHostNamespaces } from '../../../collectors/proc/inspect-process.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { hostContext } from '../host/host-context-double.ts';

/** Remembers listings as the store does, but in memory. */
export function listingMemory(): ListingMemory & { files: Map<string, Map<string, KnownFile>> } {
  const files = new Map<string, Map<string, KnownFile>>();
  const of = (folder: string): Map<string, KnownFile> => {
    const known = files.get(folder) ?? new Map<string, KnownFile>();
    files.set(folder, known);
    return known;
  };
  return {
    files,
    knownFiles: (folder) => [...of(folder).values()],
    saveKnownFiles(folder, upserts, deletions) {
      for (const name of deletions) of(folder).delete(name);
      for (const file of upserts) of(folder).set(file.name, file);
    },
  };
}

export const noFanotify: typeof openFanotify = () => {
  throw new FanotifyUnavailable('fanotify_init: EPERM');
};

export interface TestWatch {
  watch: PackageWatch;
  events: StepparentEvent[];
  /** Of scripts and control files, by event.id. */
  contents: Map<string, string>;
  notices: { action: SensorAction; reason: string; count: number | undefined }[];
  faults: string[];
  /** `action name`, of the events so far that are about files of that folder. */
  told(folder: string): string[];
  stop(): Promise<void>;
}

const open = new Set<TestWatch>();
afterEach(async () => {
  for (const one of open) await one.stop();
});

export function startWatch(
  folders: readonly (string | PackageFolder)[],
  { memory = listingMemory(), fanotify }: { memory?: ListingMemory; fanotify?: typeof openFanotify } = {},
): TestWatch {
  const events: StepparentEvent[] = [];
  const contents = new Map<string, string>();
  const notices: TestWatch['notices'] = [];
  const faults: string[] = [];
  const watch = openPackageWatch({
    folders: folders.map((folder) =>
      typeof folder === 'string' ? { path: folder, manager: 'dpkg', expected: true } : folder,
    ),
    memory,
    table: createProcessTable(openProcView(readHostNamespaces())),
    context: hostContext,
    onEvent: (event, content) => {
      events.push(event);
      if (content !== undefined) contents.set(event.event.id, content.head.toString());
    },
    onNotice: (action, reason, count) => notices.push({ action, reason, count }),
    commit: () => {},
    onFault: (what, error) => faults.push(`${what}: ${String(error)}`),
    ...(fanotify && { openFanotify: fanotify }),
  });
  const started: TestWatch = {
    watch,
    events,
    contents,
    notices,
    faults,
    told: (folder) =>
      events.flatMap(({ event, file }) =>
        file?.directory === folder || file?.path === folder ? [`${event.action} ${file.name}`] : [],
      ),
    async stop() {
      open.delete(started);
      await watch.stop();
    },
  };
  open.add(started);
  return started;
}

/** An empty folder for one test. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stepparent-packagedb-'));
  scratches.push(folder);
  const inner = join(folder, 'dpkg');
  mkdirSync(inner);
  return inner;
}
const scratches: string[] = [];
afterEach(() => {
  for (const folder of scratches.splice(0)) rmSync(folder, { recursive: true, force: true });
});
