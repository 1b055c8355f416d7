// Reports file changes within bounds. Changes beyond them are dropped, and their number is reported.

import type { HealthAction } from '../event/health-event.ts';
import type { ChangeBounds, DirectoryToWatch } from './directory-to-watch.ts';
import type { FileChange } from './file-event.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';
import { fileTurns } from './work-turns.ts';

/** Enough for the upgrade of a whole distribution. */
const databases: ChangeBounds = {
  burst: 20_000,
  perSecond: 100,
  waiting: 4096,
  open: 256,
  reason: 'rate limit: changes to package databases dropped',
};

/** For directories with a name prefix. They are smaller, because any user may write to /var/tmp. */
const scriptlets: ChangeBounds = {
  burst: 4000,
  perSecond: 1,
  waiting: 512,
  open: 64,
  reason: 'rate limit: changes to files of scriptlets dropped',
};

/** The bounds of the group to which the directory belongs: a directory with a name prefix is one of scriptlets. */
export const boundsOf = ({ directory }: WatchedDirectory): ChangeBounds =>
  directory.bounds ?? (directory.namePrefix === undefined ? databases : scriptlets);

/** The tasks of the watch, and the receivers of changes and of notices about dropped ones. */
export interface ChangeReporterDeps {
  tasks: WatchTasks;
  /** event.provider of changes in directories that fanotify does not watch. */
  provider?: FileChange['provider'];
  /** Receives the changes in their order, and closes their files. Resolves when the change is judged. */
  onChange(change: FileChange, directory: DirectoryToWatch): void | Promise<void>;
  onNotice(action: HealthAction, reason: string, count: number): void;
}

/** Passes changes on to their receiver in order, and limits their rate for each group of directories. */
export interface ChangeReporter {
  /**
   * Passes on the change with its file, or drops the change and closes the file. Resolves when the next one may be
   * reported.
   */
  report(watched: WatchedDirectory, change: Omit<FileChange, 'provider'>): Promise<void>;
  /** Number of changes in the directory that may be reported now; infinite where those beyond the bounds are dropped. */
  available(watched: WatchedDirectory): number;
  /** Counts a change that is left to a later comparison because of the bounds. */
  postpone(watched: WatchedDirectory): void;
  /** Resolves when all changes reported so far are judged. Never rejects. */
  judged(): Promise<unknown>;
  /** Reports at once how many changes were dropped since the last notice. */
  reportDropped(): void;
  /** Number of changes that were passed on. */
  readonly reported: number;
  /** Number of changes that exceeded the bounds, and were dropped or left to a comparison. */
  readonly dropped: number;
}

const noticeEveryMs = 10_000;
/** Maximum number of changes that were passed on and are not judged yet: each may have a file open. */
const maxUnjudged = 256;

/** A token bucket, and the number of dropped changes that were not reported yet. */
interface Allowance {
  bounds: ChangeBounds;
  tokens: number;
  refilledMs: number;
  unreported: number;
}

function refill(allowance: Allowance, nowMs: number): void {
  const tokens = ((nowMs - allowance.refilledMs) / 1000) * allowance.bounds.perSecond;
  allowance.tokens = Math.min(allowance.bounds.burst, allowance.tokens + tokens);
  allowance.refilledMs = nowMs;
}

/** Takes a token from the bucket; false: the bucket is empty. */
function takeToken(allowance: Allowance, nowMs: number): boolean {
  refill(allowance, nowMs);
  if (allowance.tokens < 1) return false;
  allowance.tokens--;
  return true;
}

/**
 * Creates a reporter whose token buckets are full. If 256 changes are not judged yet, `report` resolves only when one
 * of them is.
 */
export function createChangeReporter({
  tasks,
  provider: otherProvider = 'chokidar',
  onChange,
  onNotice,
}: ChangeReporterDeps): ChangeReporter {
  let reported = 0;
  let dropped = 0;
  const unjudged = new Set<Promise<void>>();
  const allowances = new Map<ChangeBounds, Allowance>();
  const allowanceOf = (watched: WatchedDirectory): Allowance => {
    const bounds = boundsOf(watched);
    let allowance = allowances.get(bounds);
    if (allowance === undefined) {
      allowance = { bounds, tokens: bounds.burst, refilledMs: tasks.clock.monotonicMs(), unreported: 0 };
      allowances.set(bounds, allowance);
    }
    return allowance;
  };

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
      const allowance = allowanceOf(watched);
      if (!takeToken(allowance, tasks.clock.monotonicMs())) {
        change.opened?.close();
        drop(allowance);
        return;
      }
      reported++;
      const provider = watched.noFanotify === undefined ? 'fanotify' : otherProvider;
      const deliver = async (): Promise<void> => onChange({ ...change, provider }, watched.directory);
      const judged = deliver()
        .catch((error: unknown) => tasks.fault('a file change could not be reported', error))
        .finally(() => unjudged.delete(judged));
      unjudged.add(judged);
      if (unjudged.size >= maxUnjudged) await Promise.race(unjudged);
      await fileTurns.next();
    },
    available(watched) {
      const allowance = allowanceOf(watched);
      if (allowance.bounds.isCompared === undefined) return Number.POSITIVE_INFINITY;
      refill(allowance, tasks.clock.monotonicMs());
      return Math.floor(allowance.tokens);
    },
    postpone(watched) {
      const allowance = allowanceOf(watched);
      if (allowance.bounds.isCompared) drop(allowance);
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
