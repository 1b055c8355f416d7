// Logs the matches of rules while the store cannot write: the operator must learn of a match even without free disk space.

import type { JudgedEvent } from '../../detectors/judge.ts';
import type { Log } from './log.ts';

/** The failure of the store, while there is one. During a failure, each match is logged at most once. */
export interface StorageOutage {
  /** The store failed to record these events; they are tried again later. */
  refused(judgedEvents: readonly JudgedEvent[], reason: string): void;
  /** The store records events again. */
  recovered(): void;
  /** Why the store fails; undefined while it works. */
  readonly reason: string | undefined;
}

/** Maximum number of logged matches until the store works again; further matches are only counted. */
const maxLines = 50;

/** Starts without a failure. Only matches that can raise an alert and have no exception are logged. */
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
          log.error('a rule matched, but the baseline cannot be read to decide whether the match is new', {
            rule: verdict.rule.id,
            matched: alert().message,
          });
          if (lines === maxLines) log.error('further matches are not logged until events can be stored again', {});
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
