// Retention: keeps the database within its bounds, in steps of a few milliseconds.

import type { Database } from 'better-sqlite3';
import type { UserClass } from '../collectors/event/user-class.ts';
import { dayMs, limits } from './limits.ts';
import { pruneDigests } from './package-digests.ts';
import { pruneLedger } from './package-ledger.ts';
import { pruneScripts } from './scripts.ts';
import { pruneSharedRows } from './shared-rows.ts';
import { isPrunable } from './terms.ts';
import { pruneContents } from './watched-contents.ts';

/** The bounds of retention; an absent one has its default. */
export interface PruneLimits {
  /** Days that events are kept (default: 14). */
  eventDays?: number | undefined;
  /** Days that the package ledger keeps a change (default: five years). */
  ledgerDays?: number | undefined;
  /**
   * Maximum size of the database file (default: 200 MiB). At 95 % of it the oldest events are deleted, those of other
   * and of unobserved users over their shares first, then alerts, and then rows of the package ledger.
   */
  maxBytes?: number | undefined;
  /** Days that alerts and undelivered documents are kept (default: 365). */
  alertDays?: number | undefined;
  /**
   * Maximum number of alerts (default: 10,000). Beyond it suppressed alerts are deleted first, then rate-limited ones,
   * then those of other users, then those of unobserved users, then the oldest.
   */
  alerts?: number | undefined;
  /**
   * The largest window of any rule: terms that were not seen for that long are deleted. Absent: terms are not deleted
   * by age.
   */
  termMs?: number | undefined;
  /** Maximum size of all script contents (default: 50 MiB). */
  scriptBytes?: number | undefined;
}

/** The numbers of rows that one step deleted. */
export interface Pruned {
  events: number;
  alerts: number;
  terms: number;
  /** Script contents. */
  scripts: number;
  /** Rows of the package ledger. */
  ledger: number;
  /** Terms whose time was in the future because of a wrong clock; their time was set to now. */
  termsCorrected: number;
  /** True: there is more to delete, so another step should follow soon. */
  more: boolean;
}

/**
 * One bounded step of retention. Events and alerts are deleted by the time when they were stored, oldest first. Allowed
 * terms are never deleted.
 */
export function prune(db: Database, sinks: readonly string[], nowMs: number, bounds: PruneLimits): Pruned {
  const rows = limits.pruneRows;
  const dropEvents = db.prepare(
    `DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ${rows}) AND stored_ms < ?`,
  );
  const countEvents = db.prepare<[], number>('SELECT count(*) FROM events').pluck();
  // The first condition makes SQLite use the index events_of_others.
  const countClass = db
    .prepare<[UserClass], number>(`SELECT count(*) FROM events WHERE user_class <> 'root' AND user_class = ?`)
    .pluck();
  const dropClass = db.prepare<[UserClass]>(
    `DELETE FROM events WHERE id IN (
       SELECT id FROM events WHERE user_class <> 'root' AND user_class = ? ORDER BY id LIMIT ${rows})`,
  );
  /**
   * A class whose events exceed its share loses its oldest ones first: only root's own activity can push out root's
   * events.
   */
  const dropForRoom = (): number => {
    const most = (countEvents.get() ?? 0) * limits.othersShare;
    const userClass = (['other', 'unobserved'] as const).find((each) => (countClass.get(each) ?? 0) > most);
    return userClass === undefined ? dropEvents.run(Number.MAX_SAFE_INTEGER).changes : dropClass.run(userClass).changes;
  };
  const dropAlerts = db.prepare(
    `DELETE FROM alerts WHERE seq IN (SELECT seq FROM alerts ORDER BY seq LIMIT ${rows}) AND stored_ms < ?`,
  );
  const countAlerts = db.prepare<[], number>('SELECT count(*) FROM alerts').pluck();
  const dropExcess = db.prepare(
    `DELETE FROM alerts WHERE seq IN (
       SELECT seq FROM alerts
       ORDER BY CASE state WHEN 'suppressed' THEN 0 WHEN 'rate_limited' THEN 1 ELSE 2 END,
         CASE user_class WHEN 'other' THEN 0 WHEN 'unobserved' THEN 1 ELSE 2 END, seq
       LIMIT ?)`,
  );
  const nextRule = db.prepare<[string], string>('SELECT min(rule_id) FROM terms WHERE rule_id > ?').pluck();
  const dropTerms = db.prepare(
    `DELETE FROM terms WHERE (rule_id, scope, terms) IN (
       SELECT rule_id, scope, terms FROM terms WHERE rule_id = ? AND last_ms < ? AND ${isPrunable} LIMIT ${rows})`,
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
    // Shared rows that no event refers to any more are deleted before more events are.
    const sharedRows = pruneSharedRows(db);
    const usedBytes = (pages('page_count') - pages('freelist_count')) * pages('page_size');
    // The remaining space is for free pages in the file and for writes until the next step.
    const isNearlyFull = usedBytes > (bounds.maxBytes ?? limits.maxBytes) * limits.fullAt;
    const needsRoom = isNearlyFull && sharedRows < limits.pruneSharedRows;
    const agedEvents = dropEvents.run(eventsBeforeMs).changes;
    const events = needsRoom && agedEvents === 0 ? dropForRoom() : agedEvents;
    const dueAlerts = dropAlerts.run(alertsBeforeMs).changes;
    const excess = (countAlerts.get() ?? 0) - (bounds.alerts ?? limits.alerts);
    const overAlerts = needsRoom && events === 0 ? rows : Math.min(Math.max(excess, 0), rows);
    const alerts = dueAlerts + (overAlerts === 0 ? 0 : dropExcess.run(overAlerts).changes);
    const ledgerBeforeMs = nowMs - (bounds.ledgerDays ?? limits.ledgerDays) * dayMs;
    const ledger = pruneLedger(db, ledgerBeforeMs, needsRoom && events + alerts === 0);
    dropDeliveries.run(alertsBeforeMs);
    dropUnconfigured.run(eventsBeforeMs, sinkList);

    const scripts = pruneScripts(db, bounds.scriptBytes);
    const contentBytes = Math.min(limits.contentBytes, (bounds.maxBytes ?? limits.maxBytes) * limits.contentShare);
    const contents = pruneContents(db, contentBytes);

    const digests = pruneDigests(db, nowMs);

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
      ledger,
      termsCorrected,
      more:
        [events, alerts, terms, termsCorrected, scripts, ledger, contents, sharedRows].some((count) => count >= rows) ||
        digests > 0 ||
        (isNearlyFull && events + alerts + ledger + sharedRows > 0),
    };
  });

  const pruned = drop.immediate();
  const free = pages('freelist_count');
  if (free > limits.prunePages) db.pragma(`incremental_vacuum(${limits.prunePages})`);
  return { ...pruned, more: pruned.more || free > 2 * limits.prunePages };
}
