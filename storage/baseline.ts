// Edits what counts as seen, by an operator's word, also while the agent runs.

import type { Database } from 'better-sqlite3';

export interface Baseline {
  /** The term counts as never seen: its next sighting is an alert. False when it was not there. */
  forgetTerm(ruleId: string, scope: string, terms: readonly string[]): boolean;
  /** The term counts as seen for ever, seen before or not. */
  trustTerm(ruleId: string, scope: string, terms: readonly string[], nowMs: number): void;
}

/** Prepares the baseline's statements. */
export function prepareBaseline(db: Database): Baseline {
  const forget = db.prepare('DELETE FROM terms WHERE rule_id = ? AND scope = ? AND terms = ?');
  const trust = db.prepare(
    `INSERT INTO terms (rule_id, scope, terms, first_ms, last_ms, count, origin) VALUES (?, ?, ?, ?, ?, 0, 'trusted')
     ON CONFLICT DO UPDATE SET origin = 'trusted'`,
  );
  return {
    forgetTerm: (ruleId, scope, terms) => forget.run(ruleId, scope, JSON.stringify(terms)).changes > 0,
    trustTerm: (ruleId, scope, terms, nowMs) => {
      trust.run(ruleId, scope, JSON.stringify(terms), nowMs, nowMs);
    },
  };
}
