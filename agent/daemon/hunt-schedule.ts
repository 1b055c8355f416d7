// Runs the hunts at an interval, and raises an alert for every new row.

import { errorMessage } from '../../collectors/error-message.ts';
import type { FieldReader, StepparentEvent } from '../../collectors/event/event.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import type { HostContext } from '../../collectors/host/host-context.ts';
import { timerMs } from '../../collectors/timers.ts';
import type { ExceptionFor } from '../../detectors/exceptions.ts';
import { buildFinding } from '../../detectors/hunts/build-finding.ts';
import { type Hunt, huntRuleId, rowIdentity } from '../../detectors/hunts/hunt.ts';
import type { HuntRow } from '../../storage/hunt-rows.ts';
import type { Store } from '../../storage/store.ts';
import type { QueryResult } from '../query/ask-query.ts';
import { rowObject, runHunt } from '../query/run-hunt.ts';

/** A hunt's account since the start; times are ISO 8601. */
export interface HuntStatus {
  id: string;
  /** Absent until it has run. */
  last?: string;
  /** Rows of the last run that count: those expected are not among them. */
  rows?: number;
  /** Rows reported as alerts since the start. */
  findings: number;
  /** Rows of the last run that an exception hid; absent when there were none. */
  suppressed?: number;
  /** Rows that the first run on this database took as known, without an alert; present when that was since the start. */
  learned?: number;
  /** Why the last run gave nothing. */
  error?: string;
}

/** What a schedule needs of the policy in force. */
interface HuntPolicy {
  /** The ones without findings are passed over. */
  hunts: readonly Hunt[];
  exceptionFor: ExceptionFor;
  /** `interval` is between the end of one round and the start of the next; undefined: none are run. */
  configuration: { hunts: { interval: number | undefined } };
}

type RunHunt = (
  hunt: Hunt,
  window: { sinceMs: number; nowMs: number },
  signal: AbortSignal,
) => Promise<Pick<QueryResult, 'columns' | 'rows'>>;

interface HuntListener {
  /** There is something to deliver. */
  onAlerts(): void;
  /** A hunt ran for the first time on this database: that number of rows is known from now on, without an alert. */
  onFirstRun(hunt: Hunt, known: number): void;
  onFault(fault: string, error: unknown): void;
}

export interface HuntScheduleDeps {
  /** The one in force; a reload puts another one in its place. */
  policy(): HuntPolicy;
  /** Asks a hunt for the rows that would be reported; rejects when it fails. */
  run: RunHunt;
  store: Pick<Store, 'recordHunt'>;
  context: Pick<HostContext, 'hostFields' | 'agent'>;
  listener: HuntListener;
}

interface HuntScheduleOptions {
  nowMs?: () => number;
  /** Before the first round, unless the interval is shorter: the start of the agent is over by then. */
  firstMs?: number;
}

const timeoutMs = 60_000;
/** Rows that one run reports at most; a hunt with more reports the others at the next run. */
const maxRows = 10_000;

/** Runs hunts over the agent's database or over the host, each in a process of its own. */
export const scheduledRun =
  (database: string): RunHunt =>
  (hunt, window, signal) =>
    runHunt(hunt, {
      source: hunt.source === 'host' ? { kind: 'host' } : { kind: 'database', path: database },
      ...window,
      limit: maxRows,
      timeoutMs,
      forFindings: true,
      signal,
    });

export interface HuntSchedule {
  /** Of the hunts in force; empty when none are run. */
  status(): HuntStatus[];
  /** To be called when hunts or interval are other ones: the next round is brought forward or put off. */
  reload(): void;
  /** Resolves when nothing runs any more; what runs is ended. */
  stop(): Promise<void>;
}

/** Starts the rounds. One hunt runs at a time. */
export function startHuntSchedule(
  { policy, run, store, context, listener }: HuntScheduleDeps,
  { nowMs: readClock = Date.now, firstMs = 3 * 60_000 }: HuntScheduleOptions = {},
): HuntSchedule {
  const interval = (): number | undefined => policy().configuration.hunts.interval;
  const hunts = (): Hunt[] =>
    interval() === undefined ? [] : policy().hunts.filter(({ finding }) => finding !== undefined);
  const accounts = new Map<string, HuntStatus>();
  const stopping = new AbortController();
  let round: Promise<void> = Promise.resolve();

  const runOne = async (hunt: Hunt): Promise<void> => {
    const account = accounts.get(hunt.id) ?? { id: hunt.id, findings: 0 };
    accounts.set(hunt.id, account);
    const nowMs = readClock();
    account.last = new Date(nowMs).toISOString();
    try {
      const { columns, rows } = await run(hunt, { sinceMs: nowMs - hunt.windowMs, nowMs }, stopping.signal);
      if (stopping.signal.aborted) return;
      const recorded = store.recordHunt(
        huntRuleId(hunt.id),
        rows.map((values) => huntRow(hunt, rowObject(columns, values), nowMs)),
        nowMs,
      );
      account.rows = rows.length;
      account.findings += recorded.alerts.length;
      delete account.suppressed;
      if (recorded.suppressed > 0) account.suppressed = recorded.suppressed;
      delete account.error;
      if (recorded.first) {
        account.learned = recorded.known;
        listener.onFirstRun(hunt, recorded.known);
      }
      if (recorded.alerts.length > 0) listener.onAlerts();
    } catch (error) {
      if (stopping.signal.aborted) return;
      account.error = errorMessage(error);
      listener.onFault(`the hunt ${hunt.id} failed`, error);
    }
  };

  const huntRow = (hunt: Hunt, row: ReturnType<typeof rowObject>, nowMs: number): HuntRow => {
    const finding = { hunt, row, host: context.hostFields, agent: context.agent, nowMs };
    let reported: StepparentEvent | undefined;
    const read: FieldReader = (field) => {
      reported ??= buildFinding({ ...finding, state: 'open', id: '' });
      return readPath(reported, field);
    };
    const exception = policy().exceptionFor(huntRuleId(hunt.id), read, nowMs);
    return {
      identity: rowIdentity(hunt, row),
      document: (id) => buildFinding({ ...finding, state: 'open', id, exception }),
      exceptionId: exception?.id,
    };
  };

  let timer: NodeJS.Timeout | undefined;
  let runs = false;
  /** When the last round ended, on the monotonic clock. */
  let endedMs: number | undefined;

  const schedule = (): void => {
    clearTimeout(timer);
    const intervalMs = interval();
    if (intervalMs === undefined || runs || stopping.signal.aborted) return;
    const waitMs = endedMs === undefined ? Math.min(firstMs, intervalMs) : endedMs + intervalMs - performance.now();
    // After a reload with a shorter interval the next round may have been due for long.
    timer = setTimeout(() => {
      round = runAll();
    }, timerMs(waitMs));
  };
  const runAll = async (): Promise<void> => {
    runs = true;
    try {
      for (const hunt of hunts()) if (!stopping.signal.aborted) await runOne(hunt);
    } catch (error) {
      listener.onFault('the hunts could not be run', error);
    } finally {
      runs = false;
      endedMs = performance.now();
      schedule();
    }
  };
  schedule();

  return {
    status: () => hunts().map(({ id }) => accounts.get(id) ?? { id, findings: 0 }),
    reload: schedule,
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await round;
    },
  };
}
