// Keeps the database within its bounds, a few milliseconds at a time.

import type { Database } from 'better-sqlite3';
import { dayMs, limits } from './limits.ts';
import { pruneScripts } from './scripts.ts';
import { pruneSharedRows } from './shared-rows.ts';

export interface PruneLimits {
  /** Days that events are kept; 14. */
  eventDays?: number | undefined;
  /** Bytes that the database file stays below: at 95 % of them the oldest events, first others' than root's, then alerts, go; 200 MiB. */
  maxBytes?: number | undefined;
  /** Days that alerts and undelivered documents are kept; 365. */
  alertDays?: number | undefined;
  /** Alerts that are kept: past it suppressed ones go first, then rate-limited ones, others' than root's, and the oldest; 10,000. */
  alerts?: number | undefined;
  /** The largest window of any rule: terms not seen for so long go. None go by age when it is not given. */
  termMs?: number | undefined;
  /** Bytes of scripts' contents that are kept; 50 MiB. */
  scriptBytes?: number | undefined;
}

/** What one step dropped. */
export interface Pruned {
  events: number;
  alerts: number;
  terms: number;
  /** Contents of scripts. */
  scripts: number;
  /** Terms whose time lay in the future, from a clock that was wrong, and was set to now. */
  termsCorrected: number;
  /** There is more to do: call again soon. */
  more: boolean;
}

/**
 * One bounded step of retention. Events and alerts go by the time they were stored, oldest first. Allowed terms never
 * go.
 */
export function prune(db: Database, sinks: readonly string[], nowMs: number, bounds: PruneLimits): Pruned {
  const rows = limits.pruneRows;
  const dropEvents = db.prepare(
    `DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ${rows}) AND stored_ms < ?`,
  );
  const countEvents = db.prepare<[], number>('SELECT count(*) FROM events').pluck();
  const countOthers = db.prepare<[], number>('SELECT count(*) FROM events WHERE of_root = 0').pluck();
  const dropOthers = db.prepare(
    `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE of_root = 0 ORDER BY id LIMIT ${rows})`,
  );
  /** When the events of other users exceed their share, those are dropped first: only root's own activity can push out root's events. */
  const dropForRoom = (): number => {
    const areMany = (countOthers.get() ?? 0) > (countEvents.get() ?? 0) * limits.othersShare;
    return areMany ? dropOthers.run().changes : dropEvents.run(Number.MAX_SAFE_INTEGER).changes;
  };
  const dropAlerts = db.prepare(
    `DELETE FROM alerts WHERE seq IN (SELECT seq FROM alerts ORDER BY seq LIMIT ${rows}) AND stored_ms < ?`,
  );
  const countAlerts = db.prepare<[], number>('SELECT count(*) FROM alerts').pluck();
  const dropExcess = db.prepare(
    `DELETE FROM alerts WHERE seq IN (SELECT seq FROM alerts ORDER BY CASE state WHEN 'suppressed' THEN 0 WHEN 'rate_limited' THEN 1 ELSE 2 END, of_root, seq LIMIT ?)`,
  );
  const nextRule = db.prepare<[string], string>('SELECT min(rule_id) FROM terms WHERE rule_id > ?').pluck();
  const dropTerms = db.prepare(
    `DELETE FROM terms WHERE (rule_id, scope, terms) IN (
       SELECT rule_id, scope, terms FROM terms WHERE rule_id = ? AND last_ms < ? AND origin <> 'allowed' LIMIT ${rows})`,
  );
  const correctTerms = db.prepare(
    `UPDATE terms SET last_ms = ? WHERE (rule_id, scope, terms) IN (
       SELECT rule_id, scope, terms FROM terms WHERE rule_id = ? AND last_ms > ? LIMIT ${rows})`,
  );
  const dropDeliveries = db.prepare(
    `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT ${rows}) AND created_ms < ?`,
  );
  const dropUnconfigured = db.prepare<[number, string]>(
    `DELETE FROM outbox WHERE id IN (
       SELECT id FROM outbox WHERE created_ms < ? AND sink NOT IN (SELECT value FROM json_each(?)) LIMIT ${rows})`,
  );
  const pages = (name: 'page_count' | 'freelist_count' | 'page_size') => db.pragma(name, { simple: true }) as number;
  const sinkList = JSON.stringify(sinks);

  const drop = db.transaction((): Pruned => {
    const eventsBeforeMs = nowMs - (bounds.eventDays ?? limits.eventDays) * dayMs;
    const alertsBeforeMs = nowMs - (bounds.alertDays ?? limits.alertDays) * dayMs;
    // What the dropped events left behind goes before more events do.
    const sharedRows = pruneSharedRows(db);
    const usedBytes = (pages('page_count') - pages('freelist_count')) * pages('page_size');
    // The rest is for pages that are free but still in the file, and for what is written until the next step.
    const isNearlyFull = usedBytes > (bounds.maxBytes ?? limits.maxBytes) * limits.fullAt;
    const needsRoom = isNearlyFull && sharedRows < limits.pruneSharedRows;
    const agedEvents = dropEvents.run(eventsBeforeMs).changes;
    const events = needsRoom && agedEvents === 0 ? dropForRoom() : agedEvents;
    const dueAlerts = dropAlerts.run(alertsBeforeMs).changes;
    const excess = (countAlerts.get() ?? 0) - (bounds.alerts ?? limits.alerts);
    const overAlerts = needsRoom && events === 0 ? rows : Math.min(Math.max(excess, 0), rows);
    const alerts = dueAlerts + (overAlerts === 0 ? 0 : dropExcess.run(overAlerts).changes);
    dropDeliveries.run(alertsBeforeMs);
    dropUnconfigured.run(eventsBeforeMs, sinkList);

    const scripts = pruneScripts(db, bounds.scriptBytes);

    let terms = 0;
    let termsCorrected = 0;
    for (let rule = nextRule.get(''); typeof rule === 'string'; rule = nextRule.get(rule)) {
      termsCorrected += correctTerms.run(nowMs, rule, nowMs + limits.clockSlackMs).changes;
      if (bounds.termMs !== undefined) terms += dropTerms.run(rule, nowMs - bounds.termMs).changes;
      if (terms + termsCorrected >= rows) break;
    }
    return {
      events,
      alerts,
      terms,
      scripts,
      termsCorrected,
      more:
        [events, alerts, terms, termsCorrected, scripts, sharedRows].some((count) => count >= rows) ||
        (isNearlyFull && events + alerts + sharedRows > 0),
    };
  });

  const pruned = drop.immediate();
  const free = pages('freelist_count');
  if (free > limits.prunePages) db.pragma(`incremental_vacuum(${limits.prunePages})`);
  return { ...pruned, more: pruned.more || free > 2 * limits.prunePages };
}
