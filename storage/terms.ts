// The terms that a rule or a hunt has seen.

import type { Database } from 'better-sqlite3';
import { limits } from './limits.ts';
import type { TermOrigin } from './records.ts';

/** `terms` is JSON: a list of texts, null where a value was not observed. */
export type TermKey = [ruleId: string, scope: string, terms: string];

export interface TermRow {
  last_ms: number;
  origin: TermOrigin;
}

/** When something happened, and when it is committed; in milliseconds since 1970. */
export interface Moment {
  eventMs: number;
  nowMs: number;
}

export interface Terms {
  /** Call at the start of each transaction: what was counted in another may have changed. */
  begin(): void;
  find(key: TermKey): TermRow | undefined;
  /** Writes a sighting; `row` is what `find` said. Returns how many other terms had to go. */
  learn(key: TermKey, row: TermRow | undefined, origin: TermOrigin, at: Moment): number;
  forget(key: TermKey): void;
}

/** Prepares the statements, which belong into a transaction. */
export function prepareTerms(db: Database): Terms {
  const find = db.prepare<[string, string, string], TermRow>(
    'SELECT last_ms, origin FROM terms WHERE rule_id = ? AND scope = ? AND terms = ?',
  );
  const count = db.prepare<[string], number>('SELECT count(*) FROM terms WHERE rule_id = ?').pluck();
  const insert = db.prepare(
    'INSERT INTO terms (rule_id, scope, terms, first_ms, last_ms, count, origin) VALUES (?, ?, ?, ?, ?, 1, ?)',
  );
  const update = db.prepare(
    'UPDATE terms SET last_ms = ?, count = count + 1, origin = ? WHERE rule_id = ? AND scope = ? AND terms = ?',
  );
  const dropOldest = db.prepare(
    `DELETE FROM terms WHERE (rule_id, scope, terms) IN (
       SELECT rule_id, scope, terms FROM terms WHERE rule_id = ? AND origin <> 'trusted' ORDER BY last_ms LIMIT 1)`,
  );
  const forget = db.prepare('DELETE FROM terms WHERE rule_id = ? AND scope = ? AND terms = ?');
  /** Terms of each rule that learned one since `begin`. */
  const counts = new Map<string, number>();
  return {
    begin: () => counts.clear(),
    find: (key) => find.get(...key),
    learn(key, row, origin, at) {
      if (row !== undefined) {
        const lastMs = row.last_ms > at.nowMs ? at.eventMs : Math.max(row.last_ms, at.eventMs);
        update.run(lastMs, origin, ...key);
        return 0;
      }
      const [ruleId] = key;
      const known = counts.get(ruleId) ?? count.get(ruleId) ?? 0;
      const dropped = known >= limits.termsPerRule ? dropOldest.run(ruleId).changes : 0;
      counts.set(ruleId, known + 1 - dropped);
      insert.run(...key, at.eventMs, at.eventMs, origin);
      return dropped;
    },
    forget(key) {
      if (forget.run(...key).changes > 0) counts.delete(key[0]);
    },
  };
}
