// Values of an ES|QL query as SQL: types, constants, patterns and times.

/** The type of a value. A `timespan` is always a constant, such as `7 days`. */
export type EsqlType = 'keyword' | 'long' | 'double' | 'boolean' | 'date' | 'timespan' | 'null';

/**
 * A value of each row as SQL. A date is a whole number of milliseconds since 1970, a boolean 1 or 0. A list is the text
 * of a JSON array, or null if it is empty.
 */
export interface SqlValue {
  type: EsqlType;
  sql: string;
  isList?: boolean;
  /** The value of a string, number or boolean literal. */
  constant?: string | number | boolean;
  timespan?: Timespan;
}

/** Months have no fixed length: one of the two is 0. */
export interface Timespan {
  ms: number;
  months: number;
}

export const isNumber = ({ type }: SqlValue): boolean => type === 'long' || type === 'double';

/** SQLite ends a statement at a NUL, also within quotes. */
export const quotedName = (name: string): string => `"${name.replaceAll('"', '""').replaceAll('\0', '\ufffd')}"`;

/** SQL text of a string. SQLite ends a statement at a NUL. */
export const quotedText = (text: string): string =>
  text
    .split('\0')
    .map((part) => `'${part.replaceAll("'", "''")}'`)
    .join(' || char(0) || ');

const fixedUnits: Readonly<Record<string, number>> = {
  millisecond: 1,
  milliseconds: 1,
  ms: 1,
  second: 1000,
  seconds: 1000,
  sec: 1000,
  s: 1000,
  minute: 60_000,
  minutes: 60_000,
  min: 60_000,
  m: 60_000,
  hour: 3_600_000,
  hours: 3_600_000,
  h: 3_600_000,
  day: 86_400_000,
  days: 86_400_000,
  d: 86_400_000,
  week: 604_800_000,
  weeks: 604_800_000,
  w: 604_800_000,
};
const monthUnits: Readonly<Record<string, number>> = {
  month: 1,
  months: 1,
  mo: 1,
  quarter: 3,
  quarters: 3,
  q: 3,
  year: 12,
  years: 12,
  yr: 12,
  y: 12,
};

/** Every unit of a timespan, as queries spell it. */
export const units: readonly string[] = [...Object.keys(fixedUnits), ...Object.keys(monthUnits)];

/** Undefined for an unknown unit. */
export function timespanOf(amount: number, unit: string): Timespan | undefined {
  const ms = fixedUnits[unit];
  const months = monthUnits[unit];
  if (ms !== undefined) return { ms: amount * ms, months: 0 };
  return months === undefined ? undefined : { ms: 0, months: amount * months };
}

/** A point in time moved by a timespan. */
export function movedDate(sql: string, { ms, months }: Timespan, sign: 1 | -1): string {
  if (months === 0) return `(${sql} + ${sign * ms})`;
  // A day that the month does not have is its last.
  return `(unixepoch((${sql}) / 1000, 'unixepoch', '${sign * months} months', 'floor') * 1000 + (${sql}) % 1000)`;
}

/** The start of the calendar interval in UTC that contains a time; weeks begin on Monday. */
export function truncatedDate(sql: string, { ms, months }: Timespan): string {
  const day = 86_400_000;
  if (months > 0) {
    // Counted from year 1, as in Elasticsearch: ten years begin in 2021.
    const start = `unixepoch((${sql}) / 1000, 'unixepoch', 'start of month', '-' || ((strftime('%Y', (${sql}) / 1000, 'unixepoch') * 12 + strftime('%m', (${sql}) / 1000, 'unixepoch') - 13) % ${months}) || ' months')`;
    return `(${start} * 1000)`;
  }
  // 1970 began on a Thursday. Several weeks are counted from there, as in Elasticsearch.
  const offset = ms === 7 * day ? 3 * day : 0;
  return `((${sql}) - (((${sql}) + ${offset}) % ${ms} + ${ms}) % ${ms})`;
}

/** SQL for the ISO 8601 text, in UTC with milliseconds, from SQL for a date. */
export const dateText = (sql: string): string => `strftime('%Y-%m-%dT%H:%M:%fZ', (${sql}) / 1000.0, 'unixepoch')`;

/** SQL for a date, from SQL for a time as text; null if SQLite does not know the text as a time. */
export const dateOfText = (sql: string): string => `CAST(round(unixepoch(${sql}, 'subsec') * 1000) AS INTEGER)`;

/**
 * A pattern of `like` as a pattern of SQLite's GLOB. Undefined if a backslash escapes neither `*` nor `?` nor itself.
 */
export function globOf(pattern: string): string | undefined {
  let glob = '';
  for (let index = 0; index < pattern.length; index++) {
    let character = pattern[index] ?? '';
    if (character === '*' || character === '?') {
      glob += character;
      continue;
    }
    if (character === '\\') {
      character = pattern[++index] ?? '';
      if (!['*', '?', '\\'].includes(character)) return undefined;
    }
    glob += ['*', '?', '['].includes(character) ? `[${character}]` : character;
  }
  return glob;
}

/** The only value of a list; null for a list of several values, as in ES|QL. */
export function single(value: SqlValue): SqlValue {
  if (value.isList !== true) return value;
  return { type: value.type, sql: `esql_single(${value.sql})` };
}

/** Conditions or texts joined by an operator, in pairs: SQLite bounds how deep an expression is, and a chain is as deep as it is long. */
export function joinedSql(parts: readonly string[], operator: string): string {
  const [first = ''] = parts;
  if (parts.length <= 1) return first;
  const half = Math.ceil(parts.length / 2);
  return `(${joinedSql(parts.slice(0, half), operator)} ${operator} ${joinedSql(parts.slice(half), operator)})`;
}
