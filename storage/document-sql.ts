// SQL that builds an event's document from its pieces, and SQL that reads one field from them. See event-pieces.ts.

import { leaderRoles, ownFields, ownTimes, processColumns, sharedFields } from './event-pieces.ts';
import { limits } from './limits.ts';

/** The columns of an event's row, `e`, that hold the id of a row of `parts`. */
const partColumns = ['lineage', ...sharedFields, 'frame'] as const;
const processRoles = ['process', 'parent', ...leaderRoles] as const;
type ProcessRole = (typeof processRoles)[number];

/**
 * How SQL reads the rows that `e` refers to. Each function returns SQL for a value of that row; `sql` gets the name of
 * the row.
 */
export interface RowAccess {
  part(column: (typeof partColumns)[number], sql: (row: string) => string): string;
  origin(sql: (row: string) => string): string;
  process(role: ProcessRole, sql: (row: string) => string): string;
  /** The row with the JSON of a process's fields that are not columns. */
  rest(role: ProcessRole, sql: (row: string) => string): string;
}

/** A subquery for each value: SQLite reads only the rows that a statement uses. */
export const lookup: RowAccess = {
  part: (column, sql) => `(SELECT ${sql('r')} FROM main.parts r WHERE r.id = e."${column}")`,
  origin: (sql) => `(SELECT ${sql('r')} FROM main.origins r WHERE r.id = e.origin)`,
  process: (role, sql) => `(SELECT ${sql('r')} FROM main.processes r WHERE r.id = e.${role})`,
  rest: (role, sql) =>
    `(SELECT ${sql('r')} FROM main.processes p JOIN main.parts r ON r.id = p.rest WHERE p.id = e.${role})`,
};

/** All rows at once, with the tables of `joinedTables`: faster if a statement uses many values of each row. */
export const join: RowAccess = {
  part: (column, sql) => sql(`"${column} part"`),
  origin: (sql) => sql('"origin row"'),
  process: (role, sql) => sql(`"${role} row"`),
  rest: (role, sql) => sql(`"${role} rest"`),
};

/** The tables of a FROM clause for `join`: each event `e` with all rows that it refers to. */
export const joinedTables = [
  'main.events e',
  'main.origins "origin row" ON "origin row".id = e.origin',
  ...partColumns.map((column) => `main.parts "${column} part" ON "${column} part".id = e."${column}"`),
  ...processRoles.flatMap((role) => [
    `main.processes "${role} row" ON "${role} row".id = e.${role}`,
    `main.parts "${role} rest" ON "${role} rest".id = "${role} row".rest`,
  ]),
].join(' LEFT JOIN ');

/** SQL for the ISO 8601 text, in UTC with milliseconds, of a time; `ms` is SQL for milliseconds since 1970. */
export const isoTime = (ms: string): string => `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`;

/** A JSON path as an SQL literal. The names are not escaped, so they must have no quotes. */
export const jsonPath = (names: readonly string[]): string => `'$${names.map((name) => `."${name}"`).join('')}'`;

/** The arguments as JSON. An empty `args` means that they are the words of the command line. */
const argsOf = (row: string): string =>
  `iif(${row}.args = '', '["' || replace(substr(json_quote(${row}.command_line), 2, length(json_quote(${row}.command_line)) - 2), ' ', '","') || '"]', ${row}.args)`;

const replaced = (json: string, values: readonly (readonly [path: string, sql: string])[]): string =>
  `json_replace(${[json, ...values.flat()].join(', ')})`;

/**
 * The JSON of a process, from its row and the JSON of its other fields. `json_replace` adds no field that the process
 * does not have.
 */
const processJson = (row: string, rest: string): string =>
  replaced(
    rest,
    processColumns.map((column) => [`'$.${column}'`, column === 'args' ? `json(${argsOf(row)})` : `${row}.${column}`]),
  );

const processOf = (role: ProcessRole): string =>
  `(SELECT ${processJson('p', 'r.json')} FROM main.processes p JOIN main.parts r ON r.id = p.rest WHERE p.id = e.${role})`;

const isSame = (access: RowAccess, role: string): string =>
  access.part('frame', (row) => `${row}.json ->> '$.process.${role}'`);

/** SQL for a JSON object with more fields appended. */
const extended = (object: string, ...more: string[]): string =>
  `(SELECT substr(o, 1, length(o) - 1) || ${more.join(' || ')} || '}' FROM (SELECT ${object} AS o))`;

const ifPresent = (column: string, sql: string): string => `iif(e.${column} IS NULL, '', ${sql})`;

const processWithOthers = extended(
  processOf('process'),
  ...leaderRoles.map((role) => {
    const same = `iif(${isSame(lookup, role)}, 'true', 'false')`;
    return ifPresent(role, `',"${role}":' || ${extended(processOf(role), `',"same_as_process":' || ${same}`)}`);
  }),
  ifPresent('parent', `',"parent":' || ${processOf('parent')}`),
);

const lineage = `(SELECT '[' || coalesce(group_concat(coalesce(${processJson('p', 'r.json')}, 'null'), ',' ORDER BY j.key), '') || ']'
  FROM main.parts l CROSS JOIN json_each(l.json) j LEFT JOIN main.processes p ON p.id = j.value
  LEFT JOIN main.parts r ON r.id = p.rest WHERE l.id = e.lineage)`;

const ifLineage = `iif(e.lineage IS NULL, NULL, ${lineage})`;

/** SQL for a time in `own`: a number is in milliseconds since the event. */
const ownTime = (own: string): string =>
  `iif(json_type(e.own, '$.${own}') = 'integer', ${isoTime(`(e.time_ms + (e.own ->> '$.${own}'))`)}, e.own ->> '$.${own}')`;

const timestamp = `coalesce(e.own ->> '$.timestamp', ${isoTime('e.time_ms')})`;

const composed = replaced(
  lookup.part('frame', (row) => `${row}.json`),
  [
    [`'$."@timestamp"'`, timestamp],
    [`'$.event.id'`, 'e.event_id'],
    ...['host', 'agent'].map(
      (name) => [`'$.${name}'`, `json(${lookup.origin((row) => `${row}.json -> '$.${name}'`)})`] as const,
    ),
    [`'$.file.path'`, 'e.file_path'],
    [`'$.file.name'`, 'e.file_name'],
    [`'$.process'`, `json(${processWithOthers})`],
    [`'$.stepparent.lineage'`, `json(${ifLineage})`],
    ...Object.entries(ownFields).flatMap(([object, names]) =>
      Object.entries(names).map(([name, own]) => [`'$.${object}.${name}'`, `json(e.own -> '$.${own}')`] as const),
    ),
    ...Object.entries(ownTimes).flatMap(([object, names]) =>
      Object.entries(names).map(([name, own]) => [`'$.${object}.${name}'`, ownTime(own)] as const),
    ),
    ...sharedFields.map(
      (name) => [`'$.stepparent.${name}'`, `json(${lookup.part(name, (row) => `${row}.json`)})`] as const,
    ),
  ],
);

/** The document of the event `e`, as it was recorded. */
export const documentSql = `coalesce(e.document, ${composed})`;

/** Texts of the process and its parent that a column holds cut, because hunts group by them. */
const cutColumns: readonly string[] = ['executable', 'command_line'];

function processField(access: RowAccess, role: ProcessRole, names: readonly string[]): string {
  const [name = ''] = names;
  const isLeader = (leaderRoles as readonly string[]).includes(role);
  if (isLeader && name === 'same_as_process') return isSame(access, role);
  if (!(processColumns as readonly string[]).includes(name)) {
    return access.rest(role, (row) => `${row}.json ->> ${jsonPath(names)}`);
  }
  return access.process(role, (row) => {
    if (name === 'args') return argsOf(row);
    return !isLeader && cutColumns.includes(name)
      ? `substr(${row}.${name}, 1, ${limits.columnChars})`
      : `${row}.${name}`;
  });
}

/** A field of the event `e` as SQL. A list of several values, an object and a list of objects are JSON text. */
export function fieldSql(field: string, access: RowAccess): string {
  const names = field.split('.');
  const [first = '', second = ''] = names;
  if (first === 'host' || first === 'agent') return access.origin((row) => `${row}.json ->> ${jsonPath(names)}`);
  if (first === 'process') {
    const role = processRoles.find((each) => each !== 'process' && each === second);
    return role === undefined
      ? processField(access, 'process', names.slice(1))
      : processField(access, role, names.slice(2));
  }
  if (field === 'stepparent.lineage') return ifLineage;
  const part = sharedFields.find((name) => first === 'stepparent' && name === second);
  if (part !== undefined) return access.part(part, (row) => `${row}.json ->> ${jsonPath(names.slice(2))}`);
  const time = (ownTimes as Readonly<Record<string, Readonly<Record<string, string>>>>)[first]?.[second];
  if (time !== undefined) return ownTime(time);
  const own = (ownFields as Readonly<Record<string, Readonly<Record<string, string>>>>)[first]?.[second];
  if (own !== undefined) return `e.own ->> ${jsonPath([own, ...names.slice(2)])}`;
  return access.part('frame', (row) => `${row}.json ->> ${jsonPath(names)}`);
}
