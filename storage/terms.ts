// The terms that a rule or a hunt has seen, and an operator's edits of them.

import type { Database } from 'better-sqlite3';
import { limits } from './limits.ts';
import type { TermOrigin } from './records.ts';
import { parseStored } from './stored-json.ts';

/** `terms` is JSON: a list of texts, null where a value was not observed. */
export type TermKey = [ruleId: string, scope: string, terms: string];

/** A term of the baseline: when it was last seen, in milliseconds since 1970, and how it got there. */
export interface TermRow {
  last_ms: number;
  origin: TermOrigin;
}

/** When something happened, and when it is committed; in milliseconds since 1970. */
export interface EventTimes {
  eventMs: number;
  nowMs: number;
}

/**
 * The baseline for one writer. It caches terms from `begin` to `end`, so that a term is written once in a transaction.
 */
export interface Terms {
  /** Must be called at the start of each transaction, because cached rows may have changed. */
  begin(): void;
  find(key: TermKey): TermRow | undefined;
  /** An allowed pattern of the rule that covers a match; `covers` is called with each until it returns true. */
  findPattern(ruleId: string, scope: string, covers: (patterns: readonly string[]) => boolean): TermKey | undefined;
  /** Records a sighting; `row` is the result of `find`. If the rule has too many terms, the oldest one is deleted. */
  learn(key: TermKey, row: TermRow | undefined, origin: TermOrigin, times: EventTimes): void;
  remove(key: TermKey): void;
  /** Writes the sightings of terms that were already known. Must be called at the end of each transaction. */
  end(): void;
}

/**
 * How long a count of a rule's terms is used; counting 100,000 takes some milliseconds. The count does not include
 * terms that retention deletes in the meantime, so a rule may lose its oldest terms too early by that number.
 */
const recountMs = 60_000;

/** Terms that an operator has added: only the operator removes them. */
const keptOrigins: readonly TermOrigin[] = ['allowed', 'pattern'];
/** In SQL: the term may be deleted to make room, or when it was not seen for long. */
export const isPrunable = `origin NOT IN (${keptOrigins.map((origin) => `'${origin}'`).join(', ')})`;

/** Prepares the statements; the functions must be called within a transaction. */
export function prepareTerms(db: Database): Terms {
  const find = db.prepare<[string, string, string], TermRow>(
    'SELECT last_ms, origin FROM terms WHERE rule_id = ? AND scope = ? AND terms = ?',
  );
  const count = db.prepare<[string], number>('SELECT count(*) FROM terms WHERE rule_id = ?').pluck();
  const insert = db.prepare(
    'INSERT INTO terms (rule_id, scope, terms, first_ms, last_ms, count, origin) VALUES (?, ?, ?, ?, ?, 1, ?)',
  );
  const update = db.prepare(
    'UPDATE terms SET last_ms = ?, count = count + ?, origin = ? WHERE rule_id = ? AND scope = ? AND terms = ?',
  );
  const dropOldest = db.prepare(
    `DELETE FROM terms WHERE (rule_id, scope, terms) IN (
       SELECT rule_id, scope, terms FROM terms WHERE rule_id = ? AND ${isPrunable} ORDER BY last_ms LIMIT 1)`,
  );
  const listPatterns = db
    .prepare<[string, string, number], string>(
      "SELECT terms FROM terms WHERE rule_id = ? AND scope = ? AND origin = 'pattern' LIMIT ?",
    )
    .pluck();
  const remove = db.prepare('DELETE FROM terms WHERE rule_id = ? AND scope = ? AND terms = ?');
  /**
   * Number of terms of each rule that learned one: the count at `countedMs`, in milliseconds since 1970, plus the
   * changes by this object.
   */
  const counts = new Map<string, { terms: number; countedMs: number }>();
  /** A number that changes when another connection commits. */
  const readVersion = db.prepare<[], number>('SELECT data_version FROM pragma_data_version').pluck();
  let version: number | undefined;
  let isEnded = true;
  /** Of each rule and scope that had a match. */
  const patterns = new Map<string, { text: string; patterns: readonly string[] }[]>();
  const patternsOf = (ruleId: string, scope: string) => {
    const name = `${ruleId}\0${scope}`;
    let known = patterns.get(name);
    if (known === undefined) {
      const texts = listPatterns.all(ruleId, scope, limits.patternsPerRule);
      known = texts.map((text) => ({ text, patterns: parseStored<string[]>(text) }));
      patterns.set(name, known);
    }
    return known;
  };
  const countOf = (ruleId: string, nowMs: number): { terms: number; countedMs: number } => {
    const known = counts.get(ruleId);
    if (known !== undefined && Math.abs(nowMs - known.countedMs) < recountMs) return known;
    const counted = { terms: count.get(ruleId) ?? 0, countedMs: nowMs };
    counts.set(ruleId, counted);
    return counted;
  };
  /** Known terms that were looked up since `begin`, with the number of sightings that are not written yet. */
  const cached = new Map<string, { key: TermKey; row: TermRow; sightings: number }>();
  const write = (): void => {
    for (const entry of cached.values()) {
      const { key, row, sightings } = entry;
      if (sightings > 0) update.run(row.last_ms, sightings, row.origin, ...key);
      entry.sightings = 0;
    }
  };
  return {
    begin() {
      const now = readVersion.get();
      // A transaction that did not end was rolled back.
      if (!isEnded || now !== version) {
        counts.clear();
        patterns.clear();
      }
      version = now;
      isEnded = false;
      cached.clear();
    },
    find(key) {
      const name = key.join('\0');
      const known = cached.get(name)?.row;
      if (known !== undefined) return known;
      const row = find.get(...key);
      if (row !== undefined) cached.set(name, { key, row, sightings: 0 });
      return row;
    },
    findPattern(ruleId, scope, covers) {
      const found = patternsOf(ruleId, scope).find((each) => covers(each.patterns));
      return found && [ruleId, scope, found.text];
    },
    learn(key, row, origin, times) {
      const known = row && cached.get(key.join('\0'));
      if (known !== undefined) {
        const { last_ms } = known.row;
        known.row = { last_ms: last_ms > times.nowMs ? times.eventMs : Math.max(last_ms, times.eventMs), origin };
        known.sightings++;
        return;
      }
      const [ruleId] = key;
      const counted = countOf(ruleId, times.nowMs);
      if (counted.terms >= limits.termsPerRule) {
        // Write the pending sightings first: they decide which term is the oldest.
        write();
        counted.terms -= dropOldest.run(ruleId).changes;
        cached.clear();
      }
      counted.terms++;
      insert.run(...key, times.eventMs, times.eventMs, origin);
    },
    remove(key) {
      cached.delete(key.join('\0'));
      if (remove.run(...key).changes > 0) counts.delete(key[0]);
    },
    end() {
      write();
      isEnded = true;
    },
  };
}

/** Removes a term from the baseline; the agent may be running. False: the term was not in the baseline. */
export function removeTerm(db: Database, key: TermKey): boolean {
  return db.prepare('DELETE FROM terms WHERE rule_id = ? AND scope = ? AND terms = ?').run(...key).changes > 0;
}

/** Whether an operator allows the term. */
export const isAllowed = (row: Pick<TermRow, 'origin'> | undefined): boolean =>
  row !== undefined && keptOrigins.includes(row.origin);

/** Allows all terms that the patterns cover. False: the rule has `limits.patternsPerRule` patterns. The agent may be running. */
export function allowPattern(db: Database, key: TermKey, nowMs: number): boolean {
  const { changes } = db
    .prepare(
      `INSERT INTO terms (rule_id, scope, terms, first_ms, last_ms, count, origin)
       SELECT ?, ?, ?, ?, ?, 0, 'pattern'
       WHERE (SELECT count(*) FROM terms WHERE rule_id = ? AND origin = 'pattern') < ?
       ON CONFLICT DO UPDATE SET origin = 'pattern'`,
    )
    .run(...key, nowMs, nowMs, key[0], limits.patternsPerRule);
  return changes > 0;
}

/** Allows a term permanently; the agent may be running. */
export function allowTerm(db: Database, key: TermKey, nowMs: number): void {
  db.prepare(
    `INSERT INTO terms (rule_id, scope, terms, first_ms, last_ms, count, origin) VALUES (?, ?, ?, ?, ?, 0, 'allowed')
     ON CONFLICT DO UPDATE SET origin = 'allowed'`,
  ).run(...key, nowMs, nowMs);
}
