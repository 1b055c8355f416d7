// What people decided about alerts: acknowledged, closed, or open again.

import type { Database } from 'better-sqlite3';
import { limits } from './limits.ts';
import type { AlertReview } from './records.ts';

/** A decision; `open` takes back an earlier one. */
export interface Review extends Omit<AlertReview, 'state'> {
  state: AlertReview['state'] | 'open';
}

/** Writes the decision about the alerts with these ids. A closed alert counts as open again after its next match. */
export function reviewAlerts(db: Database, ids: readonly string[], { state, timeMs, by, reason }: Review): void {
  const update = db.prepare(
    `UPDATE alerts SET review_state = ?, review_ms = ?, review_by = ?, review_reason = ?, review_count = count WHERE id = ?`,
  );
  const values =
    state === 'open'
      ? [null, null, null, null]
      : [state, timeMs, by.slice(0, limits.reviewChars), reason?.slice(0, limits.reviewChars) ?? null];
  for (const id of ids) update.run(...values, id);
}
