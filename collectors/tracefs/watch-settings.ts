// Watches the control files of the tracing instance. No program but the agent has a reason to write there, or to read
// the records, which are gone from the buffer when they were read.

import fs from 'node:fs';
import path from 'node:path';
import { errorMessage } from '../error-message.ts';
import { type FanotifyGroup, FanotifyUnavailable, openFanotifyGroup } from '../packagedb/fanotify-group.ts';
import { type FanotifyEvent, fanotifyMask } from '../packagedb/parse-fanotify.ts';
import { openTimers } from '../timers.ts';
import { openTokenBucket } from '../token-bucket.ts';
import type { ChangedSetting, InstanceSettings } from './instance-settings.ts';

/** What happened to one control file. `Seen`: the process as the caller's `see` returns it. */
export interface Tampering<Seen> {
  action: 'tracing-changed' | 'tracing-read';
  path: string;
  /** Undefined: a comparison found the change. */
  seen: Seen | undefined;
  /** Absent: the file has what the agent set. */
  setting?: ChangedSetting;
}

/** The settings, and the receivers. */
export interface WatchSettingsOptions<Seen> {
  settings: Pick<InstanceSettings, 'restore' | 'directories'>;
  /** Called at once with the process that wrote or read. */
  see(pid: number): Seen;
  onTampering(tampering: Tampering<Seen>): void;
  /** Called with the number of files in reports that were left out, as there were too many. */
  onDropped(count: number): void;
  onFault(fault: string, error: unknown): void;
}

/** The running watch. */
export interface SettingsWatch {
  /** Why the kernel does not report accesses; undefined: it does. */
  reason: string | undefined;
  stop(): Promise<void>;
}

/** What is read through these files is gone from the buffer. */
const recordFiles: ReadonlySet<string> = new Set(['trace_pipe', 'trace_pipe_raw', 'snapshot_raw']);
const written = fanotifyMask.modify | fanotifyMask.closeWrite;
/** The writes of one command are one report. */
const gatherMs = 20;
/** While there are too many reports, the settings are still compared and set again. */
const stormMs = 500;
const compareMs = 30_000;
/** Without fanotify a comparison is all that finds a change. */
const compareAloneMs = 2_000;
const reportRate = { burst: 20, perSecond: 0.2 };

/** Begins to watch. `directory`: that of the instance. */
export function watchSettings<Seen>(
  directory: string,
  { settings, see, onTampering, onDropped, onFault }: WatchSettingsOptions<Seen>,
): SettingsWatch {
  const timers = openTimers((error) => onFault('the settings of the tracing instance could not be compared', error));
  const takeToken = openTokenBucket(reportRate);
  /** What the next report has, by path. */
  const gathered = new Map<string, Tampering<Seen>>();
  const directories = new Map<string, string>();
  let isStorm = false;

  const restore = (): void => {
    for (const setting of settings.restore()) {
      const file = setting.path;
      const known = gathered.get(file) ?? { action: 'tracing-changed', path: file, seen: undefined };
      gathered.set(file, { ...known, setting: known.setting ?? setting });
    }
  };
  const report = (): void => {
    restore();
    const all = [...gathered.values()];
    gathered.clear();
    const reported = all.filter(() => takeToken(performance.now()));
    for (const one of reported) onTampering(one);
    isStorm = reported.length < all.length;
    if (isStorm) onDropped(all.length - reported.length);
  };
  const reportSoon = timers.soon(gatherMs, report);
  const reportLater = timers.soon(stormMs, report);

  const handle = ({ mask, pid, entry }: FanotifyEvent): void => {
    if (pid === process.pid) return;
    const below = entry && directories.get(entry.directory);
    const isRead = entry !== undefined && recordFiles.has(entry.name) && (mask & fanotifyMask.open) !== 0;
    const isWrite = (mask & written) !== 0;
    if (entry !== undefined && below !== undefined && (isRead || isWrite)) {
      const file = path.join(below, entry.name);
      const known = gathered.get(file);
      if (known?.seen === undefined) {
        const action = isWrite ? 'tracing-changed' : 'tracing-read';
        gathered.set(file, { ...known, action, path: file, seen: see(pid) });
      }
    }
    if (!isRead && !isWrite && (mask & fanotifyMask.overflow) === 0) return;
    // What is recorded until then is lost: the first write is undone at once, those that follow with the report.
    if (!isStorm && isWrite && gathered.size === 1) restore();
    (isStorm ? reportLater : reportSoon)();
  };

  /** Marks the directories that exist by now. Throws FanotifyUnavailable. */
  const mark = (group: FanotifyGroup): void => {
    const perCpu = fs.readdirSync(path.join(directory, 'per_cpu')).map((name) => path.join(directory, 'per_cpu', name));
    const readable = new Set([directory, ...perCpu]);
    for (const one of new Set([...readable, ...settings.directories()])) {
      const fd = openDirectory(one);
      if (fd === undefined) continue;
      try {
        const key = group.keyOf(fd);
        if (directories.has(key)) continue;
        const mask = written | fanotifyMask.onChild | (readable.has(one) ? fanotifyMask.open : 0);
        const code = group.mark(fd, mask, 0);
        if (code !== undefined) throw new FanotifyUnavailable(`fanotify_mark: ${code}`);
        directories.set(key, one);
      } finally {
        fs.closeSync(fd);
      }
    }
  };

  let group: FanotifyGroup | undefined;
  let reason: string | undefined;
  const giveUp = (error: unknown): void => {
    reason = errorMessage(error);
    timers.every(compareAloneMs, report);
  };
  try {
    group = openFanotifyGroup('names', { onEvent: handle, onFault, onStopped: giveUp });
    mark(group);
  } catch (error) {
    giveUp(error);
  }
  timers.every(compareMs, () => {
    report();
    // New probes have directories of their own.
    if (group !== undefined && reason === undefined) mark(group);
  });
  return {
    get reason() {
      return reason;
    },
    async stop() {
      timers.close();
      await group?.close();
    },
  };
}

/** Undefined: the directory is gone, as that of a probe that was removed. */
function openDirectory(directory: string): number | undefined {
  try {
    return fs.openSync(directory, 'r');
  } catch {
    return undefined;
  }
}
