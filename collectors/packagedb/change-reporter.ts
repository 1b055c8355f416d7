// Reports file changes within bounds; what exceeds them is dropped, counted and reported as a number.

import { setImmediate } from 'node:timers/promises';
import type { HealthAction } from '../event/health-event.ts';
import type { FileChange } from './file-event.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';

/** What the changes of some directories may cost, so that they take nothing from those of the others. */
export interface ChangeBounds {
  /** Changes that are reported in one go, and a second in the long run. */
  burst: number;
  perSecond: number;
  /** Changes that wait. */
  waiting: number;
  /** Files that are open while their change waits or is judged. */
  open: number;
  /** Why further changes are dropped. */
  reason: string;
}

/** As many as the upgrade of a whole distribution makes. */
const databases: ChangeBounds = {
  burst: 20_000,
  perSecond: 100,
  waiting: 4096,
  open: 256,
  reason: 'rate limit: changes to package databases dropped',
};

/** Of directories with a prefix: any user may write to /var/tmp. */
const scriptlets: ChangeBounds = {
  burst: 4000,
  perSecond: 1,
  waiting: 512,
  open: 64,
  reason: 'rate limit: changes to files of scriptlets dropped',
};

export const allBounds: readonly ChangeBounds[] = [databases, scriptlets];
export const boundsOf = ({ directory }: WatchedDirectory): ChangeBounds =>
  directory.namePrefix === undefined ? databases : scriptlets;

export interface ChangeReporterDeps {
  tasks: WatchTasks;
  /** Gets the changes in their order, and closes their files. Resolves when the change is judged. */
  onChange(change: FileChange): void | Promise<void>;
  onNotice(action: HealthAction, reason: string, count: number): void;
}

export interface ChangeReporter {
  /** Passes the change and its file on, or drops it and closes its file. Resolves when another one may be reported. */
  report(watched: WatchedDirectory, change: Omit<FileChange, 'provider'>): Promise<void>;
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

/** A token bucket, and the number of dropped changes that is still to be reported. */
interface Allowance {
  bounds: ChangeBounds;
  tokens: number;
  refilledMs: number;
  unreported: number;
}

/** Takes a token; false: there is none. */
function takeToken(allowance: Allowance, nowMs: number): boolean {
  const refill = ((nowMs - allowance.refilledMs) / 1000) * allowance.bounds.perSecond;
  allowance.tokens = Math.min(allowance.bounds.burst, allowance.tokens + refill);
  allowance.refilledMs = nowMs;
  if (allowance.tokens < 1) return false;
  allowance.tokens--;
  return true;
}

export function createChangeReporter({ tasks, onChange, onNotice }: ChangeReporterDeps): ChangeReporter {
  let reported = 0;
  let dropped = 0;
  const unjudged = new Set<Promise<void>>();
  const allowances = new Map(
    allBounds.map((bounds): [ChangeBounds, Allowance] => [
      bounds,
      { bounds, tokens: bounds.burst, refilledMs: tasks.clock.monotonicMs(), unreported: 0 },
    ]),
  );

  const reportDropped = (allowance: Allowance): void => {
    if (allowance.unreported === 0) return;
    onNotice('file-events-lost', allowance.bounds.reason, allowance.unreported);
    allowance.unreported = 0;
  };
  const drop = (allowance: Allowance): void => {
    if (allowance.unreported === 0) tasks.later(noticeEveryMs, () => reportDropped(allowance));
    allowance.unreported++;
    dropped++;
  };

  return {
    async report(watched, change) {
      const allowance = allowances.get(boundsOf(watched)) as Allowance;
      if (!takeToken(allowance, tasks.clock.monotonicMs())) {
        change.opened?.close();
        drop(allowance);
        return;
      }
      reported++;
      const provider = watched.noFanotify === undefined ? 'fanotify' : 'chokidar';
      const deliver = async (): Promise<void> => onChange({ ...change, provider });
      const judged = deliver()
        .catch((error: unknown) => tasks.fault('a file change could not be reported', error))
        .finally(() => unjudged.delete(judged));
      unjudged.add(judged);
      if (unjudged.size >= maxUnjudged) await Promise.race(unjudged);
      if (reported % changesAtATime === 0) await setImmediate();
    },
    judged: () => Promise.all(unjudged),
    reportDropped() {
      for (const allowance of allowances.values()) reportDropped(allowance);
    },
    get reported() {
      return reported;
    },
    get dropped() {
      return dropped;
    },
  };
}
