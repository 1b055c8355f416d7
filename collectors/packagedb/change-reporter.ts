// Tells file changes as events, within bounds: what is over them is counted, and that is told.

import { setImmediate } from 'node:timers/promises';
import type { StepparentEvent } from '../event/event.ts';
import type { SensorAction } from '../event/health-event.ts';
import type { HostContext } from '../host/host-context.ts';
import type { FileContent } from '../host/opened-file.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { allBounds, boundsOf, type ChangeBounds } from './change-bounds.ts';
import { describeFileChange, type FileChange } from './file-event.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedFolder } from './watched-directory.ts';

export interface ChangeTellerOptions {
  table: ProcessTable;
  context: HostContext;
  tasks: WatchTasks;
  onEvent(event: StepparentEvent, content: FileContent | undefined): void;
  onNotice(action: SensorAction, reason: string, count: number): void;
}

export interface ChangeTeller {
  tell(at: WatchedFolder, change: FileChange): Promise<void>;
  /** Says now how many were not told since it was last said. */
  sayUntold(): void;
  /** Events told. */
  readonly told: number;
  /** Changes over the bounds. */
  readonly untold: number;
}

const noticeEveryMs = 10_000;
/** Others have their turn after so many events. */
const eventsAtATime = 32;

export function createChangeTeller({ table, context, tasks, onEvent, onNotice }: ChangeTellerOptions): ChangeTeller {
  let told = 0;
  let untold = 0;
  /** A token bucket for each of the bounds, and what was not told of late. */
  const allowances = new Map(
    allBounds.map((bounds) => [bounds, { left: bounds.burst, atMs: performance.now(), untold: 0 }]),
  );

  const mayTell = (bounds: ChangeBounds): boolean => {
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
    untold++;
    return false;
  };
  const sayUntoldOf = (bounds: ChangeBounds): void => {
    const allowance = allowances.get(bounds);
    if (allowance === undefined || allowance.untold === 0) return;
    onNotice('file-events-lost', bounds.reason, allowance.untold);
    allowance.untold = 0;
  };

  return {
    async tell(at, change) {
      if (!mayTell(boundsOf(at))) return;
      told++;
      const provider = at.hintedBecause === undefined ? 'fanotify' : 'chokidar';
      const { event, content } = await describeFileChange(change, { table, context, provider });
      onEvent(event, content);
      if (told % eventsAtATime === 0) await setImmediate();
    },
    sayUntold() {
      for (const bounds of allBounds) sayUntoldOf(bounds);
    },
    get told() {
      return told;
    },
    get untold() {
      return untold;
    },
  };
}
