// Reads alerts, events and terms back, newest last, without holding the database between pages.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { type HiddenCount, readHidden } from './exceptions.ts';
import type { AlertRecord, AlertState, TermOrigin, TermRecord } from './records.ts';
import { storeError } from './store-error.ts';

/** Each filter that is given must hold; times are milliseconds since 1970, both ends included. */
export interface AlertFilter {
  /** Alerts with an event at or after this. */
  sinceMs?: number | undefined;
  /** Alerts that began at or before this. */
  untilMs?: number | undefined;
  ruleId?: string | undefined;
  state?: AlertState | undefined;
  notState?: AlertState | undefined;
  scope?: string | undefined;
  /** The newest so many. */
  limit?: number | undefined;
  /** Which are the newest: by the first event, or by the last one. */
  limitBy?: 'first_ms' | 'last_ms';
}

export interface EventFilter {
  sinceMs?: number | undefined;
  untilMs?: number | undefined;
  /** `event.action`. */
  action?: string | undefined;
  /** The first `event.category`. */
  category?: string | undefined;
  /** The newest so many. */
  limit?: number | undefined;
}

export interface TermFilter {
  ruleId?: string | undefined;
  scope?: string | undefined;
  origin?: TermOrigin | undefined;
}

export interface Listing {
  /** Newest last, by the first event. Read in pages: what is committed meanwhile may show. */
  listAlerts(filter?: AlertFilter): Generator<AlertRecord>;
  /** Newest last, by `@timestamp` as far as it was not in the future. */
  listEvents(filter?: EventFilter): Generator<StepparentEvent>;
  /** Rule by rule, each newest last by the last sighting. */
  listTerms(filter?: TermFilter): Generator<TermRecord>;
  /** The alerts whose id begins so, at most ten: none, the one, or several to choose from. */
  alertsByPrefix(idPrefix: string): AlertRecord[];
  /** What each exception has hidden, by its id. */
  hidden(): Map<string, HiddenCount>;
}

interface AlertRow {
  seq: number;
  id: string;
  rule_id: string;
  scope: string;
  terms: string;
  state: AlertState;
  first_ms: number;
  last_ms: number;
  count: number;
  document: string;
}

interface TermRow {
  rule_id: string;
  scope: string;
  terms: string;
  first_ms: number;
  last_ms: number;
  count: number;
  origin: TermOrigin;
}

type Value = string | number;
/** It holds only where each of its values is given. */
type Condition = readonly [sql: string, values: readonly (Value | undefined)[]];

/** Prepares reading; `path` is for error messages. */
export function prepareListing(db: Database, path: string): Listing {
  const pageRows = 200;

  const given = (conditions: readonly Condition[]): { where: string; values: Value[] } => {
    const some = conditions.filter(([, values]) => !values.includes(undefined));
    return {
      where: ['1', ...some.map(([sql]) => sql)].join(' AND '),
      values: some.flatMap(([, values]) => values as readonly Value[]),
    };
  };

  /** In the order of columns `order`, which together are unique, the oldest of the newest `limit`; undefined: there are fewer. */
  function newest<Row extends object>(
    table: string,
    order: readonly (keyof Row & string)[],
    conditions: readonly Condition[],
    limit: number,
  ): Row | undefined {
    const { where, values } = given(conditions);
    const descending = order.map((column) => `${column} DESC`).join(', ');
    try {
      return db
        .prepare<Value[], Row>(
          `SELECT ${order.join(', ')} FROM ${table} WHERE ${where} ORDER BY ${descending} LIMIT 1 OFFSET ?`,
        )
        .get(...values, Math.floor(limit) - 1);
    } catch (error) {
      throw storeError(error, path);
    }
  }

  /** Pages through `table` in the order of columns `order`, which together are unique, from the newest `limit` on. */
  function* pages<Row extends object>(
    table: string,
    order: readonly (keyof Row & string)[],
    conditions: readonly Condition[],
    limit = Number.POSITIVE_INFINITY,
  ): Generator<Row> {
    if (limit < 1) return;
    const { where, values } = given(conditions);
    const columns = order.join(', ');
    const cursorOf = (row: Row) => order.map((column) => row[column] as Value);
    const select = (operator: '>' | '>=' | undefined) =>
      db.prepare<Value[], Row>(
        `SELECT * FROM ${table} WHERE ${[where, ...(operator ? [`(${columns}) ${operator} (${order.map(() => '?').join(', ')})`] : [])].join(' AND ')}
         ORDER BY ${columns} LIMIT ${pageRows}`,
      );
    try {
      const first = Number.isFinite(limit) ? newest<Row>(table, order, conditions, limit) : undefined;
      let rows =
        first === undefined ? select(undefined).all(...values) : select('>=').all(...values, ...cursorOf(first));
      const next = select('>');
      for (;;) {
        yield* rows;
        const last = rows.at(-1);
        if (last === undefined || rows.length < pageRows) return;
        rows = next.all(...values, ...cursorOf(last));
      }
    } catch (error) {
      throw storeError(error, path);
    }
  }

  const byPrefix = db.prepare<[string, string], AlertRow>(
    'SELECT * FROM alerts WHERE id >= ? AND id < ? ORDER BY seq LIMIT 10',
  );

  return {
    *listAlerts({ sinceMs, untilMs, ruleId, state, notState, scope, limit, limitBy = 'first_ms' } = {}) {
      const conditions: Condition[] = [
        ['last_ms >= ?', [sinceMs]],
        ['first_ms <= ?', [untilMs]],
        ['rule_id = ?', [ruleId]],
        ['state = ?', [state]],
        ['state <> ?', [notState]],
        ['scope = ?', [scope]],
      ];
      if (limitBy === 'last_ms' && limit !== undefined && limit >= 1) {
        const oldest = newest<AlertRow>('alerts', ['last_ms', 'seq'], conditions, limit);
        if (oldest !== undefined) conditions.push(['(last_ms, seq) >= (?, ?)', [oldest.last_ms, oldest.seq]]);
      }
      for (const row of pages<AlertRow>('alerts', ['first_ms', 'seq'], conditions, limit)) yield alertRecord(row);
    },
    *listEvents({ sinceMs, untilMs, action, category, limit } = {}) {
      const rows = pages<{ time_ms: number; id: number; document: string }>(
        'events',
        ['time_ms', 'id'],
        [
          ['time_ms >= ?', [sinceMs]],
          ['time_ms <= ?', [untilMs]],
          ['action = ?', [action]],
          ['category = ?', [category]],
        ],
        limit,
      );
      for (const row of rows) yield JSON.parse(row.document);
    },
    *listTerms({ ruleId, scope, origin } = {}) {
      const rows = pages<TermRow>(
        'terms',
        ['rule_id', 'last_ms', 'scope', 'terms'],
        [
          ['rule_id = ?', [ruleId]],
          ['scope = ?', [scope]],
          ['origin = ?', [origin]],
        ],
      );
      for (const row of rows) yield termRecord(row);
    },
    hidden: () => readHidden(db),
    alertsByPrefix: (idPrefix) =>
      /^[0-9a-f]+$/.test(idPrefix) ? byPrefix.all(idPrefix, `${idPrefix}g`).map(alertRecord) : [],
  };
}

function alertRecord(row: AlertRow): AlertRecord {
  return {
    id: row.id,
    ruleId: row.rule_id,
    scope: row.scope,
    terms: JSON.parse(row.terms),
    state: row.state,
    firstMs: row.first_ms,
    lastMs: row.last_ms,
    count: row.count,
    document: JSON.parse(row.document),
  };
}

function termRecord(row: TermRow): TermRecord {
  return {
    ruleId: row.rule_id,
    scope: row.scope,
    terms: JSON.parse(row.terms),
    firstMs: row.first_ms,
    lastMs: row.last_ms,
    count: row.count,
    origin: row.origin,
  };
}
