// Logs the rules that matched while the store cannot write: an alert must not depend on free disk space.

import type { JudgedEvent } from '../../detectors/judge.ts';
import type { Log } from './log.ts';

export interface StorageOutage {
  /** The store refused these, and is asked again with the same ones later. */
  refused(judgedEvents: readonly JudgedEvent[], reason: string): void;
  /** The store takes findings again. */
  recovered(): void;
  /** Why the store refuses; undefined while it does not. */
  readonly reason: string | undefined;
}

/** Most lines until the store accepts events again; the matches after that are only counted. */
const maxLines = 50;

export function openStorageOutage(log: Pick<Log, 'error' | 'info'>): StorageOutage {
  let reported = new WeakSet<JudgedEvent>();
  let lines = 0;
  let lastReason: string | undefined;
  return {
    refused(judgedEvents, reason) {
      if (reason !== lastReason) log.error('events cannot be stored and wait in memory', { reason });
      lastReason = reason;
      for (const judgedEvent of judgedEvents) {
        if (reported.has(judgedEvent)) continue;
        reported.add(judgedEvent);
        for (const { verdict, alert, exception } of judgedEvent.verdicts) {
          if (alert === undefined || exception !== undefined || ++lines > maxLines) continue;
          log.error('a rule matched, and the baseline could not be asked whether that is usual', {
            rule: verdict.rule.id,
            matched: alert().message,
          });
          if (lines === maxLines) log.error('more matches are not logged until events can be stored again', {});
        }
      }
    },
    recovered() {
      if (lastReason === undefined) return;
      log.info('events are stored again', { matches: lines });
      reported = new WeakSet();
      lines = 0;
      lastReason = undefined;
    },
    get reason() {
      return lastReason;
    },
  };
}
