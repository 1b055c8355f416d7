// The tables that SQL sees: events and alerts under their ECS names. They are made for each connection, not stored.

import { fields, isOfEvent } from '../collectors/event/fields.ts';

/** A column of a view: ECS name, and SQL for its value. `f` is a row of `fields`, `a` one of `alerts`. */
type Column = readonly [name: string, sql: string];

const jsonPath = (name: string): string =>
  `'$${name
    .split('.')
    .map((part) => `."${part}"`)
    .join('')}'`;

/**
 * How the columns of the stored event are read. `lookup`: only those that a statement names, each by itself; a hunt that names none
 * does not read the stored events. `join`: all at once, which takes a tenth of the time when they are many, and reads the stored
 * event for every row.
 */
export type EventAccess = 'lookup' | 'join';

const fromEvent: Readonly<Record<EventAccess, (sql: string) => string>> = {
  lookup: (sql) => `(SELECT ${sql} FROM main.events e WHERE e.id = f.event)`,
  join: (sql) => sql,
};

const isoTime = (ms: string): string => `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`;

/** A list of several values, an object and a list of objects are their JSON; true and false are 1 and 0. */
const documentColumns = (names: readonly string[], sqlOf: (json: string) => string): Column[] =>
  names.map((name) => [name, sqlOf(`document ->> ${jsonPath(name)}`)]);

/** Of a list of objects and of an object with open keys the whole is a column. */
const columnFields = fields.filter(({ within }) => within === undefined);
const eventNames = columnFields.filter(isOfEvent).map(({ name }) => name);
const alertNames = columnFields.filter((field) => !isOfEvent(field)).map(({ name }) => name);

/** The columns that hunts group by and compare, and what of an event is kept otherwise than in its document. */
const quickColumns = (fromEvent: (sql: string) => string): Column[] => [
  ['@timestamp', isoTime('f.time_ms')],
  ['time_ms', 'f.time_ms'],
  ['event.id', fromEvent('e.event_id')],
  ['event.category', 'f.category'],
  ['event.action', 'f.action'],
  ['event.type', fromEvent(`e.document ->> '$.event.type[0]'`)],
  ['host.id', 'f.host_id'],
  ['agent.id', 'f.agent_id'],
  ['file.path', 'f.file_path'],
  ['file.name', 'f.file_name'],
  ['process.executable', 'f.executable'],
  ['process.command_line', 'f.command_line'],
  ['process.parent.executable', 'f.parent_executable'],
  ['process.parent.command_line', 'f.parent_command_line'],
  ['stepparent.lifecycle_script.path', 'f.script_path'],
  ['stepparent.lifecycle_script.depth', 'f.script_depth'],
  ['stepparent.transaction.id', 'f.transaction_id'],
];

const eventColumns = (fromEvent: (sql: string) => string): Column[] =>
  withOthers(
    quickColumns(fromEvent),
    documentColumns([...eventNames, 'stepparent.inferred.process'], (value) => fromEvent(`e.${value}`)),
    ['document', fromEvent('e.document')],
  );

const alertColumns: readonly Column[] = withOthers(
  [
    ['@timestamp', isoTime('a.first_ms')],
    ['time_ms', 'a.first_ms'],
    ['last_ms', 'a.last_ms'],
    ['rule.id', 'a.rule_id'],
    ['event.category', `a.document ->> '$.event.category[0]'`],
    ['event.type', `a.document ->> '$.event.type[0]'`],
    // Of a gathered journal `a.id` is that of the host and the alert.
    ['stepparent.alert.id', `coalesce(a.document ->> '$.stepparent.alert.id', a.id)`],
    ['stepparent.alert.state', 'a.state'],
    ['stepparent.alert.count', 'a.count'],
  ],
  documentColumns([...alertNames, ...eventNames], (value) => `a.${value}`),
  ['document', 'a.document'],
);

/** Each name once. */
function withOthers(first: readonly Column[], others: readonly Column[], last: Column): Column[] {
  const names = new Set(first.map(([name]) => name));
  return [...first, ...others.filter(([name]) => !names.has(name)), last];
}

const view = (name: string, columns: readonly Column[], source: string): string =>
  `CREATE TEMP VIEW "${name}" AS SELECT ${columns.map(([column, sql]) => `${sql} AS "${column}"`).join(', ')} FROM ${source};`;

const views: Readonly<Record<EventAccess, string>> = {
  lookup: eventViews(eventColumns(fromEvent.lookup), 'main.fields f'),
  join: eventViews(eventColumns(fromEvent.join), 'main.fields f LEFT JOIN main.events e ON e.id = f.event'),
};

function eventViews(columns: readonly Column[], source: string): string {
  return [
    view('events', columns, source),
    view('process_events', columns, `${source} WHERE f.category = 'process'`),
    view('file_events', columns, `${source} WHERE f.category = 'file'`),
  ].join('\n');
}

/** Makes the views in the schema `temp`, where they hide the tables `events` and `alerts` of the database itself. */
export const createViews = (access: EventAccess): string =>
  `${views[access]}\n${view('alerts', alertColumns, 'main.alerts a')}`;

export const dropViews = ['events', 'process_events', 'file_events', 'alerts']
  .map((name) => `DROP VIEW temp."${name}";`)
  .join('\n');
