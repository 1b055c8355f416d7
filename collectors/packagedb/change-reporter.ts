// Reports file changes within bounds; what exceeds them is dropped, counted and reported as a number.

import { setImmediate } from 'node:timers/promises';
import type { HealthAction } from '../event/health-event.ts';
import { allBounds, boundsOf, type ChangeBounds } from './change-bounds.ts';
import type { FileChange } from './file-event.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';

export interface ChangeReporterDeps {
  tasks: WatchTasks;
  /** Gets the changes in their order, and closes their files. Resolves when the change is judged. */
  onChange(change: FileChange): void | Promise<void>;
  onNotice(action: HealthAction, reason: string, count: number): void;
  onFault(what: string, error: unknown): void;
}

export interface ChangeReporter {
  /** Passes the change and its file on, or drops it and closes its file. Resolves when another one may be reported. */
  report(at: WatchedDirectory, change: Omit<FileChange, 'provider'>): Promise<void>;
  /** Resolves when the changes that were reported until now are judged. Never rejects. */
  judged(): Promise<unknown>;
  /** Reports now how many changes were dropped since the last report of that. */
  reportDropped(): void;
  /** Changes passed on. */
  readonly reported: number;
  /** Changes that exceeded the bounds. */
  readonly dropped: number;
}

const noticeEveryMs = 10_000;
/** The event loop runs other tasks after this number of changes. */
const changesAtATime = 32;
/** Changes that were passed on and are not judged: each may have a file open. */
const maxUnjudged = 256;

export function createChangeReporter({ tasks, onChange, onNotice, onFault }: ChangeReporterDeps): ChangeReporter {
  let reported = 0;
  let dropped = 0;
  const unjudged = new Set<Promise<void>>();
  /** A token bucket for each of the bounds, and the number of dropped changes that is still to be reported. */
  const allowances = new Map(
    allBounds.map((bounds) => [bounds, { left: bounds.burst, atMs: performance.now(), unreported: 0 }]),
  );

  const mayReport = (bounds: ChangeBounds): boolean => {
    const allowance = allowances.get(bounds);
    if (allowance === undefined) return false;
    const nowMs = performance.now();
    const earned = ((nowMs - allowance.atMs) / 1000) * bounds.perSecond;
    allowance.left = Math.min(bounds.burst, allowance.left + earned);
    allowance.atMs = nowMs;
    if (allowance.left >= 1) {
      allowance.left--;
      return true;
    }
    if (allowance.unreported === 0) tasks.later(noticeEveryMs, () => reportDroppedOf(bounds));
    allowance.unreported++;
    dropped++;
    return false;
  };
  const reportDroppedOf = (bounds: ChangeBounds): void => {
    const allowance = allowances.get(bounds);
    if (allowance === undefined || allowance.unreported === 0) return;
    onNotice('file-events-lost', bounds.reason, allowance.unreported);
    allowance.unreported = 0;
  };

  return {
    async report(at, change) {
      if (!mayReport(boundsOf(at))) {
        change.opened?.close();
        return;
      }
      reported++;
      const provider = at.hintedBecause === undefined ? 'fanotify' : 'chokidar';
      const passOn = async (): Promise<void> => onChange({ ...change, provider });
      const judged = passOn()
        .catch((error: unknown) => onFault('a file change could not be told', error))
        .finally(() => unjudged.delete(judged));
      unjudged.add(judged);
      if (unjudged.size >= maxUnjudged) await Promise.race(unjudged);
      if (reported % changesAtATime === 0) await setImmediate();
    },
    judged: () => Promise.all(unjudged),
    reportDropped() {
      for (const bounds of allBounds) reportDroppedOf(bounds);
    },
    get reported() {
      return reported;
    },
    get dropped() {
      return dropped;
    },
  };
}
