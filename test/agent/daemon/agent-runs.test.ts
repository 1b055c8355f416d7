// The runs of the agent: the time in which none ran, the signs of life, and the end.

import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { followRuns, gapSince } from '../../../agent/daemon/agent-runs.ts';
import type { AgentGap } from '../../../collectors/process/start-event.ts';
import type { AgentRun } from '../../../storage/agent-runs.ts';
import { limits } from '../../../storage/limits.ts';
import type { Store } from '../../../storage/store.ts';
import { minute, start } from '../../storage/examples.ts';
import { temporaryStore } from '../../storage/temporary-store.ts';

const now = { bootId: 'b2', ms: start + 10 * minute };

test.each<[string, AgentRun, AgentGap['reason'], number]>([
  ['stopped', { bootId: 'b2', aliveMs: start, endedMs: start + 9 * minute }, 'stopped', minute],
  [
    'killed, since its last sign of life',
    { bootId: 'b2', aliveMs: start + 8 * minute, endedMs: undefined },
    'killed',
    2 * minute,
  ],
  ['stopped before the boot', { bootId: 'b1', aliveMs: start, endedMs: start }, 'rebooted', 10 * minute],
  ['without an end before the boot', { bootId: 'b1', aliveMs: start, endedMs: undefined }, 'rebooted', 10 * minute],
  [
    'in the future, as the clock was set back',
    { bootId: 'b2', aliveMs: start, endedMs: start + 99 * minute },
    'stopped',
    0,
  ],
])('the run before was %s', (_, previous, reason, ms) => {
  expect(gapSince(previous, now)).toEqual({ reason, sinceMs: now.ms - ms, untilMs: now.ms });
});

function follow(store: Pick<Store, 'beginRun' | 'keepAlive' | 'endRun'>, nowMs: () => number, bootId = 'b1') {
  const gaps: AgentGap[] = [];
  const faults: string[] = [];
  const lines: string[] = [];
  let tick = (): void => {};
  const run = followRuns({
    store,
    bootId,
    nowMs,
    timers: {
      every: (_, run) => {
        tick = run;
      },
    },
    log: { info: (message, values) => void lines.push(`${message} ${JSON.stringify(values)}`) },
    onGap: (gap) => void gaps.push(gap),
    onFault: (what, error) => void faults.push(`${what}: ${error}`),
  });
  return { gaps, faults, lines, tick: () => tick(), end: run.end };
}

test('a first run has no gap, the next one has that since the end or since the last sign of life', () => {
  const store = temporaryStore();
  let nowMs = start;
  const first = follow(store, () => nowMs);
  expect(first.gaps).toEqual([]);
  nowMs += minute;
  first.tick();
  nowMs += 5000;
  const second = follow(store, () => nowMs);
  expect(second.gaps).toEqual([{ reason: 'killed', sinceMs: start + minute, untilMs: nowMs }]);
  second.end();
  nowMs += minute;
  expect(follow(store, () => nowMs).gaps).toEqual([{ reason: 'stopped', sinceMs: nowMs - minute, untilMs: nowMs }]);
  nowMs += minute;
  expect(follow(store, () => nowMs, 'b2').gaps[0]?.reason).toBe('rebooted');
});

test('the log has a heartbeat with a number every ten minutes', () => {
  const { lines, tick } = follow(temporaryStore(), () => start);
  for (let minutes = 0; minutes < 25; minutes++) tick();
  expect(lines).toEqual(['heartbeat {"count":1}', 'heartbeat {"count":2}']);
});

test('a database that cannot be written is a fault, and the agent runs on', () => {
  const fail = (): never => {
    throw new Error('disk full');
  };
  const { gaps, faults, lines, tick, end } = follow({ beginRun: fail, keepAlive: fail, endRun: fail }, () => start);
  for (let minutes = 0; minutes < 10; minutes++) tick();
  end();
  expect(gaps).toEqual([]);
  expect(lines).toEqual(['heartbeat {"count":1}']);
  expect(new Set(faults)).toEqual(new Set(['the run of the agent could not be stored: Error: disk full']));
});

test('the number of runs is bounded', () => {
  const store = temporaryStore();
  for (let i = 0; i < limits.agentRuns + 50; i++) store.beginRun(`b${i}`, start + i);
  const db = new Database(store.path, { readonly: true });
  expect(db.prepare('SELECT count(*) FROM agent_runs').pluck().get()).toBe(limits.agentRuns);
  db.close();
  expect(store.beginRun('last', start)?.bootId).toBe(`b${limits.agentRuns + 49}`);
});
