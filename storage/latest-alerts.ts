// The latest alert of each rule, scope and terms, and its repeats. Each is read and written once in a transaction.

import type { Database } from 'better-sqlite3';
import type { AlertState } from './records.ts';
import type { TermKey } from './terms.ts';

/** Times are milliseconds since 1970; `last_ms` includes repeats that are not written yet. */
export interface LatestAlert {
  readonly seq: number;
  readonly state: AlertState;
  readonly first_ms: number;
  last_ms: number;
}

/** The latest alerts for one writer, cached from `begin` to `end`. */
export interface LatestAlerts {
  /** Call at the start of each transaction. */
  begin(): void;
  /** The latest alert with that key that no exception suppressed. */
  find(key: TermKey): LatestAlert | undefined;
  /** Must be called after an alert with that key was raised. */
  forget(key: TermKey): void;
  repeat(latest: LatestAlert, eventMs: number): void;
  /** Writes the repeats. Must be called at the end of each transaction. */
  end(): void;
}

/** Prepares the statements; the functions must be called within a transaction. */
export function prepareLatestAlerts(db: Database): LatestAlerts {
  const read = db.prepare<[string, string, string], LatestAlert>(
    `SELECT seq, state, first_ms, last_ms FROM alerts WHERE rule_id = ? AND scope = ? AND terms = ?
     AND state <> 'suppressed' ORDER BY seq DESC LIMIT 1`,
  );
  // The row holds the alert's document, so each update writes some kilobytes.
  const write = db.prepare('UPDATE alerts SET count = count + ?, last_ms = max(last_ms, ?) WHERE seq = ?');
  /** Null: the key has no alert. */
  const latest = new Map<string, LatestAlert | null>();
  const repeats = new Map<LatestAlert, number>();
  return {
    begin() {
      latest.clear();
      repeats.clear();
    },
    find(key) {
      const name = key.join('\0');
      let row = latest.get(name);
      if (row === undefined) {
        row = read.get(...key) ?? null;
        latest.set(name, row);
      }
      return row ?? undefined;
    },
    forget: (key) => {
      latest.delete(key.join('\0'));
    },
    repeat(row, eventMs) {
      row.last_ms = Math.max(row.last_ms, eventMs);
      repeats.set(row, (repeats.get(row) ?? 0) + 1);
    },
    end() {
      for (const [{ seq, last_ms }, count] of repeats) write.run(count, last_ms, seq);
      repeats.clear();
    },
  };
}
