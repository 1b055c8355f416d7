// The views for SQL queries: events and alerts with ECS names as columns. They are created for each connection, not
// stored.

import { fields, isOfEvent } from '../collectors/event/fields.ts';
import {
  documentSql,
  fieldSql,
  isoTime,
  join,
  joinedTables,
  jsonPath,
  lookup,
  type RowAccess,
} from './document-sql.ts';

/** A column of a view: ECS name, and SQL for its value. `e` is a row of `events`, `a` one of `alerts`. */
type Column = readonly [name: string, sql: string];

/**
 * How the columns of an event are read. `lookup`: a subquery for each column that a statement names. `join`: all rows
 * at once, which is faster for many columns.
 */
export type EventAccess = 'lookup' | 'join';

/** Fields that are columns. A list of objects and an object with arbitrary keys are one column each. */
const columnFields = fields.filter(({ within }) => within === undefined);
const eventNames = columnFields.filter(isOfEvent).map(({ name }) => name);
const alertNames = columnFields.filter((field) => !isOfEvent(field)).map(({ name }) => name);

/** The columns that hunts group by and compare, and those whose value is not in the document. */
const quickColumns = (access: RowAccess): Column[] => [
  ['@timestamp', isoTime('e.time_ms')],
  ['time_ms', 'e.time_ms'],
  ['event.id', 'e.event_id'],
  ['event.category', 'e.category'],
  ['event.action', 'e.action'],
  ['event.type', access.part('frame', (row) => `${row}.json ->> '$.event.type[0]'`)],
  ['host.id', access.origin((row) => `${row}.host_id`)],
  ['agent.id', access.origin((row) => `${row}.agent_id`)],
  ['file.path', 'e.file_path'],
  ['file.name', 'e.file_name'],
  ['process.executable', 'e.executable'],
  ['process.command_line', fieldSql('process.command_line', access)],
  ['process.parent.executable', fieldSql('process.parent.executable', access)],
  ['process.parent.command_line', fieldSql('process.parent.command_line', access)],
  ['stepparent.lifecycle_script.path', 'e.script_path'],
  ['stepparent.lifecycle_script.depth', 'e.script_depth'],
  ['stepparent.transaction.id', 'e.transaction_id'],
];

/**
 * All columns of an event. A list of several values, an object and a list of objects are JSON text; true and false are
 * 1 and 0.
 */
const eventColumns = (access: RowAccess): Column[] =>
  withOthers(
    quickColumns(access),
    [...eventNames, 'stepparent.inferred.process'].map((name) => [name, fieldSql(name, access)]),
    ['document', documentSql],
  );

const alertColumns: readonly Column[] = withOthers(
  [
    ['@timestamp', isoTime('a.first_ms')],
    ['time_ms', 'a.first_ms'],
    ['last_ms', 'a.last_ms'],
    ['rule.id', 'a.rule_id'],
    ['event.category', `a.document ->> '$.event.category[0]'`],
    ['event.type', `a.document ->> '$.event.type[0]'`],
    // In a database of gathered journals `a.id` identifies the host and the alert.
    ['stepparent.alert.id', `coalesce(a.document ->> '$.stepparent.alert.id', a.id)`],
    ['stepparent.alert.state', 'a.state'],
    ['stepparent.alert.count', 'a.count'],
  ],
  [...alertNames, ...eventNames].map((name) => [name, `a.document ->> ${jsonPath(name.split('.'))}`]),
  ['document', 'a.document'],
);

/** The columns of `first`, and those of `others` with other names. */
function withOthers(first: readonly Column[], others: readonly Column[], last: Column): Column[] {
  const names = new Set(first.map(([name]) => name));
  return [...first, ...others.filter(([name]) => !names.has(name)), last];
}

/** A column of the package ledger: its name, SQL for it in a row of `package_changes`, and in one of `packages_installed`. */
type LedgerColumn = readonly [name: string, ofChange: string, ofInstalled?: string];

/**
 * `c` is a row of `package_changes`, `r` its run. `i` is an installed package whose rows were deleted because of their
 * age. The agent's database has one host, ''.
 */
const ledgerColumns: readonly LedgerColumn[] = [
  ['@timestamp', isoTime('c.time_ms'), isoTime('i.since_ms')],
  ['time_ms', 'c.time_ms', 'i.since_ms'],
  ['sequence', 'c.id', '0'],
  ['time_source', 'c.time_source'],
  ['host.id', 'r.host_id'],
  ['host.name', 'r.host_name'],
  ['stepparent.transaction.manager', 'r.manager', 'i.manager'],
  ['package.name', 'c.name', 'i.name'],
  ['package.architecture', 'c.architecture', 'i.architecture'],
  ['package.version', 'c.version', 'i.version'],
  ['former_version', 'c.former_version'],
  ['event.action', 'c.action', `'present'`],
  [
    'event.outcome',
    `CASE WHEN c.applied = 0 OR c.state LIKE 'half-%' THEN 'failure' WHEN c.applied = 1 THEN 'success' ELSE 'unknown' END`,
    `'success'`,
  ],
  ['applied', 'c.applied', '1'],
  ['state', 'c.state', 'i.state'],
  [
    'installed',
    `EXISTS (SELECT 1 FROM main.packages_installed i
       WHERE i.host IN ('', coalesce(r.host_id, r.host_name, '')) AND i.manager = r.manager
         AND i.name = c.name AND i.architecture = coalesce(c.architecture, '') AND i.version = c.version)`,
    '1',
  ],
  ['requested_by', 'r.requested_by'],
  ['stepparent.initiator.executable', 'r.initiator'],
  ['stepparent.initiator.origin', 'r.origin'],
  ['user.id', 'r.user_id'],
  ['user.name', 'r.user_name'],
  ['archive', 'c.archive'],
  ['sha256', 'iif(c.sha256 IS NULL, NULL, lower(hex(c.sha256)))'],
  ['source', 'c.source'],
  ['repository', 'c.repository'],
  ['signed', 'c.signed'],
  ['found_by', 'r.found_by', `'installed'`],
  ['event.id', 'r.event_id'],
  ['stepparent.transaction.id', 'r.transaction_id'],
];

const view = (name: string, columns: readonly Column[], source: string): string =>
  `CREATE TEMP VIEW "${name}" AS SELECT ${columns.map(([column, sql]) => `${sql} AS "${column}"`).join(', ')} FROM ${source};`;

const ledgerView = view(
  'package_changes',
  ledgerColumns.map(([name, ofChange]) => [name, ofChange]),
  `main.package_changes c JOIN main.package_runs r ON r.id = c.run
   UNION ALL SELECT ${ledgerColumns.map(([, , ofInstalled = 'NULL']) => ofInstalled).join(', ')} FROM main.packages_installed i
   WHERE i.version <> '' AND NOT EXISTS (
     SELECT 1 FROM main.package_changes c JOIN main.package_runs r ON r.id = c.run
     WHERE c.name = i.name AND c.version = i.version AND coalesce(c.architecture, '') = i.architecture
       AND r.manager = i.manager AND i.host IN ('', coalesce(r.host_id, r.host_name, '')))`,
);

/** Statements that make all views of rows of `eventSource` and `alertSource`; `category` is SQL for the category of an event. */
export const viewsOf = (
  events: readonly Column[],
  eventSource: string,
  category: string,
  alerts: readonly Column[],
  alertSource: string,
): string =>
  [
    view('events', events, eventSource),
    view('process_events', events, `${eventSource} WHERE ${category} = 'process'`),
    view('file_events', events, `${eventSource} WHERE ${category} = 'file'`),
    view('network_events', events, `${eventSource} WHERE ${category} = 'network'`),
    view('package_events', events, `${eventSource} WHERE ${category} = 'package'`),
    view('alerts', alerts, alertSource),
    ledgerView,
  ].join('\n');

/** The columns of the views of events, in order. */
export const eventColumnNames: readonly string[] = eventColumns(lookup).map(([name]) => name);

/** The columns of the view `alerts`, in order. */
export const alertColumnNames: readonly string[] = alertColumns.map(([name]) => name);

const storedViews = (columns: readonly Column[], source: string): string =>
  viewsOf(columns, source, 'e.category', alertColumns, 'main.alerts a');

/** Make the views in the schema `temp`, where they hide the tables `events` and `alerts` of the agent's database itself. */
export const createViews: Readonly<Record<EventAccess, string>> = {
  lookup: storedViews(eventColumns(lookup), 'main.events e'),
  join: storedViews(eventColumns(join), joinedTables),
};

/** Removes the views that `createViews` makes. */
export const dropViews = [
  ...['events', 'process_events', 'file_events', 'network_events', 'package_events', 'alerts', 'package_changes'],
]
  .map((name) => `DROP VIEW temp."${name}";`)
  .join('\n');
