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

/** The state of a hunt since the start of the agent; times are ISO 8601. */
export interface HuntStatus {
  id: string;
  /** The start of the last run; absent before the first run. */
  last?: string;
  /** Number of rows of the last run, without expected rows (`finding.unless`). */
  rows?: number;
  /** Number of rows reported as alerts since the start. */
  findings: number;
  /** Number of rows of the last run that an exception suppressed; absent if 0. */
  suppressed?: number;
  /** Number of rows that the first run on this database added to the baseline without an alert; present if it ran since the start. */
  learned?: number;
  /** Why the last run failed. */
  error?: string;
}

/** The part of the policy in force that the schedule reads. */
interface HuntPolicy {
  /** All hunts; the schedule skips those without `finding`. */
  hunts: readonly Hunt[];
  exceptionFor: ExceptionFor;
  /** `interval`: milliseconds between the end of one round and the start of the next; undefined if hunts are off. */
  configuration: { hunts: { interval: number | undefined } };
}

type RunHunt = (
  hunt: Hunt,
  window: { sinceMs: number; nowMs: number },
  signal: AbortSignal,
) => Promise<Pick<QueryResult, 'columns' | 'rows'>>;

interface HuntListener {
  /** Called when new alerts are in the outbox. */
  onAlerts(): void;
  /** Called after the first run of a hunt on this database, which added `known` rows to the baseline without an alert. */
  onFirstRun(hunt: Hunt, known: number): void;
  onFault(fault: string, error: unknown): void;
}

/** The policy that names the hunts, the store of their rows, and the receiver of their results. */
export interface HuntScheduleDeps {
  /** The policy in force; a reload replaces it. */
  policy(): HuntPolicy;
  /** Runs a hunt and returns the rows that count as findings; rejects if the hunt fails. */
  run: RunHunt;
  store: Pick<Store, 'recordHunt'>;
  context: Pick<HostContext, 'hostFields' | 'agent'>;
  listener: HuntListener;
}

interface HuntScheduleOptions {
  nowMs?: () => number;
  /** Delay of the first round, unless the interval is shorter: it must not slow down the start of the agent. */
  firstMs?: number;
}

const timeoutMs = 60_000;
/** Maximum number of rows of one run; further rows are reported by the next run. */
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

/** The rounds of hunts. A round runs each hunt that has a `finding` once; the next round begins one interval later. */
export interface HuntSchedule {
  /** The state of each hunt in force; empty if hunts are off. */
  status(): HuntStatus[];
  /** Schedules the next round again. Call it after hunts or interval have changed. */
  reload(): void;
  /** Ends the hunt that runs and resolves when it has ended. */
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
    // After a reload with a shorter interval, `waitMs` may be negative.
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
