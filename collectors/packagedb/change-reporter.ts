// Tells file changes as events, within bounds: what is over them is counted, and that is told.

import { setImmediate } from 'node:timers/promises';
import type { StepparentEvent } from '../event/event.ts';
import type { HealthAction } from '../event/health-event.ts';
import type { HostContext } from '../host/host-context.ts';
import type { FileContent } from '../host/opened-file.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { allBounds, boundsOf, type ChangeBounds } from './change-bounds.ts';
import { describeFileChange, type FileChange } from './file-event.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';

export interface ChangeReporterDeps {
  table: ProcessTable;
  context: HostContext;
  tasks: WatchTasks;
  onEvent(event: StepparentEvent, content: FileContent | undefined): void;
  onNotice(action: HealthAction, reason: string, count: number): void;
}

export interface ChangeReporter {
  report(at: WatchedDirectory, change: FileChange): Promise<void>;
  /** Says now how many were not told since it was last said. */
  sayUntold(): void;
  /** Events told. */
  readonly reported: number;
  /** Changes over the bounds. */
  readonly dropped: number;
}

const noticeEveryMs = 10_000;
/** Others have their turn after so many events. */
const eventsAtATime = 32;

export function createChangeReporter({ table, context, tasks, onEvent, onNotice }: ChangeReporterDeps): ChangeReporter {
  let reported = 0;
  let dropped = 0;
  /** A token bucket for each of the bounds, and what was not told of late. */
  const allowances = new Map(
    allBounds.map((bounds) => [bounds, { left: bounds.burst, atMs: performance.now(), untold: 0 }]),
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
    if (allowance.untold === 0) tasks.later(noticeEveryMs, () => sayUntoldOf(bounds));
    allowance.untold++;
    dropped++;
    return false;
  };
  const sayUntoldOf = (bounds: ChangeBounds): void => {
    const allowance = allowances.get(bounds);
    if (allowance === undefined || allowance.untold === 0) return;
    onNotice('file-events-lost', bounds.reason, allowance.untold);
    allowance.untold = 0;
  };

  return {
    async report(at, change) {
      if (!mayReport(boundsOf(at))) return;
      reported++;
      const provider = at.hintedBecause === undefined ? 'fanotify' : 'chokidar';
      const { event, content } = await describeFileChange(change, { table, context, provider });
      onEvent(event, content);
      if (reported % eventsAtATime === 0) await setImmediate();
    },
    sayUntold() {
      for (const bounds of allBounds) sayUntoldOf(bounds);
    },
    get reported() {
      return reported;
    },
    get dropped() {
      return dropped;
    },
  };
}
