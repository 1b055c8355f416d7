// Follows the runs of the agent: finds how long none ran before this one, notes that this one is alive, and how it ends.

import type { AgentGap } from '../../collectors/process/start-event.ts';
import type { Timers } from '../../collectors/timers.ts';
import type { AgentRun } from '../../storage/agent-runs.ts';
import type { Store } from '../../storage/store.ts';
import type { Log } from './log.ts';

/** How often the database gets a sign of life, and the log a heartbeat. */
const aliveEveryMs = 60_000;
const heartbeatEvery = 10;

/** The time between the run before and now. A clock that was set back makes it empty. */
export const gapSince = ({ bootId, aliveMs, endedMs }: AgentRun, now: { bootId: string; ms: number }): AgentGap => ({
  reason: bootId !== now.bootId ? 'rebooted' : endedMs === undefined ? 'killed' : 'stopped',
  sinceMs: Math.min(endedMs ?? aliveMs, now.ms),
  untilMs: now.ms,
});

/** The store, the clock and timers of the agent, its log, and the receivers of the gap and of faults. */
export interface AgentRunsDeps {
  store: Pick<Store, 'beginRun' | 'keepAlive' | 'endRun'>;
  bootId: string;
  nowMs(): number;
  timers: Pick<Timers, 'every'>;
  log: Pick<Log, 'info'>;
  onGap(gap: AgentGap): void;
  onFault(fault: string, error: unknown): void;
}

/** Begins the run. `end` ends it; a run without an end was killed. */
export function followRuns({ store, bootId, nowMs, timers, log, onGap, onFault }: AgentRunsDeps): { end(): void } {
  const startedMs = nowMs();
  const attempt = <T>(call: () => T): T | undefined => {
    try {
      return call();
    } catch (error) {
      onFault('the run of the agent could not be stored', error);
      return undefined;
    }
  };
  const previous = attempt(() => store.beginRun(bootId, startedMs));
  if (previous !== undefined) onGap(gapSince(previous, { bootId, ms: startedMs }));
  let signs = 0;
  timers.every(aliveEveryMs, () => {
    attempt(() => store.keepAlive(nowMs()));
    if (++signs % heartbeatEvery === 0) log.info('heartbeat', { count: signs / heartbeatEvery });
  });
  return { end: () => void attempt(() => store.endRun(nowMs())) };
}
