// The runs of the agent: when each began, when it was last alive, and how it ended.

import type { Database } from 'better-sqlite3';
import { limits } from './limits.ts';

/** One run of the agent. Times are milliseconds since 1970. */
export interface AgentRun {
  /** The boot in which it ran. */
  bootId: string;
  /** The last time at which it was alive, at most a minute before its end. */
  aliveMs: number;
  /** When it stopped; undefined: it was killed, or it still runs. */
  endedMs: number | undefined;
}

/** Stores the beginning of a run, and returns the run before; undefined: there was none in this database. */
export function beginRun(db: Database, bootId: string, nowMs: number): AgentRun | undefined {
  const previous = db
    .prepare<[], { bootId: string; aliveMs: number; endedMs: number | null }>(
      'SELECT boot_id AS bootId, alive_ms AS aliveMs, ended_ms AS endedMs FROM agent_runs ORDER BY id DESC LIMIT 1',
    )
    .get();
  db.prepare('INSERT INTO agent_runs (boot_id, started_ms, alive_ms) VALUES (?, ?, ?)').run(bootId, nowMs, nowMs);
  db.prepare('DELETE FROM agent_runs WHERE id <= (SELECT max(id) FROM agent_runs) - ?').run(limits.agentRuns);
  return previous && { ...previous, endedMs: previous.endedMs ?? undefined };
}

const ofLast = 'WHERE id = (SELECT max(id) FROM agent_runs)';

/** Stores that the last run is alive. */
export const keepAlive = (db: Database, nowMs: number): unknown =>
  db.prepare(`UPDATE agent_runs SET alive_ms = ? ${ofLast}`).run(nowMs);

/** Stores the end of the last run. */
export const endRun = (db: Database, nowMs: number): unknown =>
  db.prepare(`UPDATE agent_runs SET alive_ms = ?, ended_ms = ? ${ofLast}`).run(nowMs, nowMs);
