// Wires the schedule of hunts into the agent: configuration, store, delivery and log.

import type { HostContext } from '../../collectors/host/host-context.ts';
import type { Store } from '../../storage/store.ts';
import { runHunt } from '../query/run-hunt.ts';
import type { Faults } from './faults.ts';
import { type HuntSchedule, startHuntSchedule } from './hunt-schedule.ts';
import type { Log } from './log.ts';
import type { Policy } from './policy.ts';

export interface OpenHuntScheduleDeps {
  /** What is in force; a reload puts another one in its place. */
  policy(): Policy;
  database: string;
  store: Pick<Store, 'recordHunt'>;
  context: Pick<HostContext, 'hostFields' | 'agent'>;
  onAlerts(): void;
  log: Log;
  faults: Faults;
}

/** The first round waits until the start is over. */
const firstMs = 3 * 60_000;
const timeoutMs = 60_000;
/** Rows that one run can tell of; a hunt with more is told about in part, and further at the next run. */
const maxRows = 10_000;

export function openHuntSchedule(parts: OpenHuntScheduleDeps): HuntSchedule {
  const { policy, database, store, context, onAlerts, log, faults } = parts;
  return startHuntSchedule({
    hunts: () => policy().hunts,
    run: (hunt, window, signal) =>
      runHunt(hunt, {
        source: hunt.source === 'host' ? { kind: 'host' } : { kind: 'database', path: database },
        ...window,
        limit: maxRows,
        timeoutMs,
        forFindings: true,
        signal,
      }),
    record: (ruleId, rows, nowMs) => store.recordHunt(ruleId, rows, nowMs),
    exceptionFor: (ruleId, read, nowMs) => policy().exceptionFor(ruleId, read, nowMs),
    host: context.hostFields,
    agent: context.agent,
    nowMs: Date.now,
    intervalMs: () => policy().configuration.hunts.interval,
    firstMs,
    onAlerts,
    onFirstRun: ({ id }, known) =>
      log.info('a hunt ran for the first time here: what it found is known from now on', { hunt: id, rows: known }),
    onFault: faults.note,
  });
}
