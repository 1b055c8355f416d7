// Reads alerts, events and terms in pages, newest last, without locking the database between pages.

import type { Database } from 'better-sqlite3';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { type EventRow, prepareCompose } from './compose-event.ts';
import type { AlertRecord, AlertReview, AlertState, TermOrigin, TermRecord } from './records.ts';
import { parseDocument, parseStored } from './stored-json.ts';

/** All given conditions must hold. Times are milliseconds since 1970 and inclusive. */
export interface AlertFilter {
  /** Only alerts with an event at or after this time. */
  sinceMs?: number | undefined;
  ruleId?: string | undefined;
  /** Only alerts of this rule, and those with a finding of it. */
  foundBy?: string | undefined;
  state?: AlertState | undefined;
  notState?: AlertState | undefined;
  /** Without alerts that are closed and have not matched since. */
  notClosed?: boolean | undefined;
  /** Only alerts of at least this `event.severity`. */
  minSeverity?: number | undefined;
  /** The name or the id of the user who ran it, logged in or asked for it. */
  user?: string | undefined;
  /** The unit of systemd, with or without `.service`. */
  unit?: string | undefined;
  /** Only alerts that were stored after the alert with this number, up to that with `untilSeq`. */
  afterSeq?: number | undefined;
  untilSeq?: number | undefined;
  /** Maximum number; the newest are returned. */
  limit?: number | undefined;
  /** The order that `limit` applies to: by the first event, or by the last one. */
  limitBy?: 'first_ms' | 'last_ms';
}

/** All given conditions must hold. `sinceMs` is in milliseconds since 1970 and inclusive. */
export interface EventFilter {
  sinceMs?: number | undefined;
  /** Maximum number; the newest are returned. */
  limit?: number | undefined;
}

/** All given conditions must hold. `scope` '' selects the terms of the host itself, absent: those of every scope. */
export interface TermFilter {
  ruleId?: string | undefined;
  scope?: string | undefined;
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
  review_state: AlertReview['state'] | null;
  review_ms: number | null;
  review_by: string | null;
  review_reason: string | null;
  review_count: number | null;
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
/** A condition of a WHERE clause, which applies only if each of its values is given. */
type Condition = readonly [sql: string, values: readonly (Value | undefined)[]];

const pageRows = 200;

/** Reads the alerts that pass the filter, newest last by the first event. */
export function* listAlerts(
  db: Database,
  { limit, limitBy = 'first_ms', ...filter }: AlertFilter,
): Generator<AlertRecord> {
  const conditions = alertConditions(filter);
  if (limitBy === 'last_ms' && limit !== undefined && limit >= 1) {
    const oldest = newest<AlertRow>(db, { table: 'alerts', order: ['last_ms', 'seq'], conditions }, limit);
    if (oldest !== undefined) conditions.push(['(last_ms, seq) >= (?, ?)', [oldest.last_ms, oldest.seq]]);
  }
  const rows = pages<AlertRow>(db, { table: 'alerts', order: ['first_ms', 'seq'], conditions }, limit);
  for (const page of rows) yield* page.map(alertRecord);
}

/**
 * Reads the events that pass the filter, newest last by `@timestamp`, or by the time of storing if `@timestamp` was
 * later.
 */
export function* listEvents(db: Database, { sinceMs, limit }: EventFilter): Generator<StepparentEvent> {
  const compose = prepareCompose(db);
  const conditions: Condition[] = [['time_ms >= ?', [sinceMs]]];
  const rows = pages<EventRow>(db, { table: 'events', order: ['time_ms', 'id'], conditions }, limit);
  for (const page of rows) yield* compose(page);
}

/** Reads the terms that pass the filter by rule, and within a rule newest last by the last sighting. */
export function* listTerms(db: Database, { ruleId, scope }: TermFilter): Generator<TermRecord> {
  const rows = pages<TermRow>(db, {
    table: 'terms',
    order: ['rule_id', 'last_ms', 'scope', 'terms'],
    conditions: [
      ['rule_id = ?', [ruleId]],
      ['scope = ?', [scope]],
    ],
  });
  for (const page of rows) yield* page.map(termRecord);
}

/**
 * The alerts whose id begins with the prefix, at most ten, in the order in which they were stored. Empty: there are
 * none, or the prefix is not lower-case hexadecimal.
 */
export function alertsByPrefix(db: Database, idPrefix: string): AlertRecord[] {
  if (!/^[0-9a-f]+$/.test(idPrefix)) return [];
  return db
    .prepare<[string, string], AlertRow>('SELECT * FROM alerts WHERE id >= ? AND id < ? ORDER BY seq LIMIT 10')
    .all(idPrefix, `${idPrefix}g`)
    .map(alertRecord);
}

const userPaths = ['user', 'process.user', 'stepparent.login_user', 'stepparent.initiator.requester.user'];
const isUser = userPaths.flatMap((path) => [`document ->> '$.${path}.name'`, `document ->> '$.${path}.id'`]).join(', ');
const findingRules = `(SELECT value ->> '$.rule.id' FROM json_each(document, '$.stepparent.alert.findings'))`;
const unitOf = "document ->> '$.stepparent.systemd.unit'";

/** Whether the alert was not closed, or has matched since. */
export const isOpenSql = "(review_state IS NOT 'closed' OR review_count <> count)";

function alertConditions(filter: AlertFilter): Condition[] {
  const { sinceMs, ruleId, foundBy, state, notState, notClosed, minSeverity, user, unit, afterSeq, untilSeq } = filter;
  return [
    ['last_ms >= ?', [sinceMs]],
    ['rule_id = ?', [ruleId]],
    [`(rule_id = ? OR ? IN ${findingRules})`, [foundBy, foundBy]],
    ['state = ?', [state]],
    ['state <> ?', [notState]],
    [`${isOpenSql} = ?`, [notClosed ? 1 : undefined]],
    ["document ->> '$.event.severity' >= ?", [minSeverity]],
    [`? IN (${isUser})`, [user]],
    [`${unitOf} IN (?, ?)`, [unit, unit && `${unit}.service`]],
    ['seq > ?', [afterSeq]],
    ['seq <= ?', [untilSeq]],
  ];
}

interface Selection<Row> {
  table: string;
  /** Columns to sort by, unique together. */
  order: readonly (keyof Row & string)[];
  conditions: readonly Condition[];
}

function whereGiven(conditions: readonly Condition[]): { where: string; values: Value[] } {
  const applied = conditions.filter(([, values]) => !values.includes(undefined));
  return {
    where: ['1', ...applied.map(([sql]) => sql)].join(' AND '),
    values: applied.flatMap(([, values]) => values as readonly Value[]),
  };
}

/** The oldest of the newest `limit` rows; undefined: there are fewer rows. */
function newest<Row extends object>(
  db: Database,
  { table, order, conditions }: Selection<Row>,
  limit: number,
): Row | undefined {
  const { where, values } = whereGiven(conditions);
  const descending = order.map((column) => `${column} DESC`).join(', ');
  return db
    .prepare<Value[], Row>(
      `SELECT ${order.join(', ')} FROM ${table} WHERE ${where} ORDER BY ${descending} LIMIT 1 OFFSET ?`,
    )
    .get(...values, Math.floor(limit) - 1);
}

/** Reads the rows in their order, a page at a time, from the newest `limit` on. */
function* pages<Row extends object>(
  db: Database,
  selection: Selection<Row>,
  limit = Number.POSITIVE_INFINITY,
): Generator<Row[]> {
  if (limit < 1) return;
  const { table, order } = selection;
  const { where, values } = whereGiven(selection.conditions);
  const columns = order.join(', ');
  const cursorOf = (row: Row) => order.map((column) => row[column] as Value);
  const select = (operator: '>' | '>=' | undefined) =>
    db.prepare<Value[], Row>(
      `SELECT * FROM ${table} WHERE ${[where, ...(operator ? [`(${columns}) ${operator} (${order.map(() => '?').join(', ')})`] : [])].join(' AND ')}
       ORDER BY ${columns} LIMIT ${pageRows}`,
    );
  const first = Number.isFinite(limit) ? newest(db, selection, limit) : undefined;
  let rows = first === undefined ? select(undefined).all(...values) : select('>=').all(...values, ...cursorOf(first));
  const next = select('>');
  for (;;) {
    yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) return;
    rows = next.all(...values, ...cursorOf(last));
  }
}

function alertRecord(row: AlertRow): AlertRecord {
  return {
    id: row.id,
    ruleId: row.rule_id,
    scope: row.scope,
    terms: parseStored(row.terms),
    state: row.state,
    firstMs: row.first_ms,
    lastMs: row.last_ms,
    count: row.count,
    review: reviewOf(row),
    document: parseDocument(row.document),
  };
}

/** A closed alert that has matched since is open again. */
function reviewOf(row: AlertRow): AlertReview | undefined {
  const { review_state: state, review_ms: timeMs, review_by: by, review_reason: reason } = row;
  if (state === null || (state === 'closed' && row.review_count !== row.count)) return undefined;
  return { state, timeMs: timeMs ?? 0, by: by ?? '', reason: reason ?? undefined };
}

function termRecord(row: TermRow): TermRecord {
  return {
    ruleId: row.rule_id,
    scope: row.scope,
    terms: parseStored(row.terms),
    firstMs: row.first_ms,
    lastMs: row.last_ms,
    count: row.count,
    origin: row.origin,
  };
}
