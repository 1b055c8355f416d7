// The functions of ES|QL, as SQL. `sqlFunctions` has those that SQLite does not have.

import { BlockList, isIP } from 'node:net';
import {
  dateText,
  type EsqlType,
  joinedSql,
  quotedText,
  type SqlValue,
  single,
  timespanOf,
  truncatedDate,
} from './esql-values.ts';
import { parseDate, parseNumber } from './field-values.ts';
import { compileRegex } from './lucene-regex.ts';

/** The type of an argument: a type of ES|QL, `number` or `any`; `list` accepts lists and single values. */
type Parameter = EsqlType | 'number' | 'any' | 'list' | 'condition';

/** A function of ES|QL that returns a value for each row. */
export interface ScalarFunction {
  parameters: readonly Parameter[];
  /** Number of parameters at the end that may be omitted. */
  optional?: number;
  /** The last parameter may be repeated. */
  isOpen?: boolean;
  /** Throws a FunctionFault. */
  call(args: readonly SqlValue[]): SqlValue;
}

/** An argument that is wrong although it has the type of its parameter. */
export class FunctionFault extends Error {
  override name = 'FunctionFault';
  /** Index of the argument, from 0. */
  readonly argument: number;

  constructor(message: string, argument: number) {
    super(message);
    this.argument = argument;
  }
}

const keyword = (sql: string): SqlValue => ({ type: 'keyword', sql });
const long = (sql: string): SqlValue => ({ type: 'long', sql });
const double = (sql: string): SqlValue => ({ type: 'double', sql });
const bool = (sql: string): SqlValue => ({ type: 'boolean', sql });
const date = (sql: string): SqlValue => ({ type: 'date', sql });

const missing: SqlValue = { type: 'null', sql: 'NULL' };
const at = (args: readonly SqlValue[], index: number): SqlValue => args[index] ?? missing;
const sqlAt = (args: readonly SqlValue[], index: number): string => at(args, index).sql;

const text = (toSql: (sql: string) => string): ScalarFunction => ({
  parameters: ['keyword'],
  call: (args) => keyword(toSql(sqlAt(args, 0))),
});
const test = (toSql: (text: string, other: string) => string): ScalarFunction => ({
  parameters: ['keyword', 'keyword'],
  call: (args) => bool(toSql(sqlAt(args, 0), sqlAt(args, 1))),
});
const number = (toSql: (sql: string) => string, type?: EsqlType): ScalarFunction => ({
  parameters: ['number'],
  call: (args) => ({ type: type ?? at(args, 0).type, sql: toSql(sqlAt(args, 0)) }),
});

/** The common type of several values; undefined if there is none. */
export function commonType(values: readonly SqlValue[]): EsqlType | undefined {
  const types = new Set(values.map(({ type }) => type).filter((type) => type !== 'null'));
  const [first = 'null'] = types;
  if (types.size <= 1) return first;
  return [...types].every((type) => type === 'long' || type === 'double') ? 'double' : undefined;
}

function sameType(values: readonly SqlValue[], argument: number): EsqlType {
  const type = commonType(values);
  if (type === undefined)
    throw new FunctionFault(
      `the values are of different types: ${values.map((value) => value.type).join(', ')}`,
      argument,
    );
  return type;
}

/** The values as lists, where one of them is a list: the choice among them is one then. */
function alikeLists(values: readonly SqlValue[]): readonly SqlValue[] {
  if (values.every(({ isList }) => isList !== true)) return values;
  return values.map((value) =>
    value.isList === true || value.type === 'null'
      ? value
      : {
          type: value.type,
          isList: true,
          sql: `(SELECT nullif(json_array(x), '[null]') FROM (SELECT ${value.sql} AS x))`,
        },
  );
}
/** The type of a choice among values that are alike. */
const choiceOf = (values: readonly SqlValue[]): Omit<SqlValue, 'sql'> => ({
  type: sameType(values, values.length - 1),
  ...(values.some(({ isList }) => isList === true) && { isList: true }),
});
/** The least or greatest of several values; null if one of them is null. */
const extreme = (name: 'min' | 'max'): ScalarFunction => ({
  parameters: ['list'],
  isOpen: true,
  call: (args) => {
    const [first = '', ...others] = args.map((value) => listExtreme(name, value).sql);
    const sql = others.length === 0 ? first : `${name}(${[first, ...others].join(', ')})`;
    return { type: sameType(args, args.length - 1), sql };
  },
});

/** The items of a list, as a table `v` with `key` and `value`. */
const items = (list: SqlValue): string =>
  list.isList === true ? `json_each(${list.sql}) v` : `json_each(json_array(${list.sql})) v`;
const ofItems = (what: string, rest = ''): ScalarFunction => ({
  parameters: ['list'],
  call: (args) => ({
    type: at(args, 0).type,
    sql: `(SELECT ${what} FROM ${items(at(args, 0))} WHERE v.value IS NOT NULL ${rest})`,
  }),
});

/** The least or greatest value of a list; another value is itself. */
export const listExtreme = (name: 'min' | 'max', value: SqlValue): SqlValue =>
  value.isList === true ? ofItems(`${name}(v.value)`).call([value]) : value;

const constantText = (args: readonly SqlValue[], index: number, what: string): string => {
  const { constant } = at(args, index);
  if (typeof constant !== 'string') throw new FunctionFault(`${what} must be a string in double quotes`, index);
  return constant;
};

/** Compiles a pattern while the query is translated, so that an error does not appear only with a row. */
const regexFault =
  (argument: number) =>
  (reason: string): never => {
    throw new FunctionFault(`the pattern is not supported: ${reason}`, argument);
  };

/** The interval of `date_trunc` and `bucket`. */
function interval(args: readonly SqlValue[], index: number): { ms: number; months: number } {
  const { timespan } = at(args, index);
  if (timespan === undefined || timespan.ms < 0 || timespan.months < 0 || timespan.ms + timespan.months === 0)
    throw new FunctionFault('an interval such as `1 day` is needed here', index);
  return timespan;
}

const dateParts: Readonly<Record<string, string>> = {
  year: '%Y',
  month_of_year: '%m',
  day_of_month: '%d',
  day_of_year: '%j',
  day_of_week: '%u',
  hour_of_day: '%H',
  minute_of_hour: '%M',
  second_of_minute: '%S',
};

const conversions: Readonly<Record<string, (value: SqlValue) => SqlValue>> = {
  string: (value) =>
    keyword(
      value.type === 'date'
        ? dateText(value.sql)
        : value.type === 'boolean'
          ? booleanText(value.sql)
          : `CAST(${value.sql} AS TEXT)`,
    ),
  long: (value) => long(value.type === 'keyword' || value.type === 'double' ? `esql_long(${value.sql})` : value.sql),
  double: (value) => double(value.type === 'keyword' ? `esql_double(${value.sql})` : `CAST(${value.sql} AS REAL)`),
  boolean: (value) =>
    bool(
      value.type === 'keyword'
        ? `iif(${value.sql} IS NULL, NULL, lower(${value.sql}) = 'true')`
        : `(${value.sql}) != 0`,
    ),
  datetime: (value) => {
    if (typeof value.constant === 'string') {
      const ms = parseDate(value.constant);
      if (ms === undefined) throw new FunctionFault('the text is not a date such as "2026-11-29T08:00:00Z"', 0);
      return date(String(ms));
    }
    return date(value.type === 'keyword' ? `esql_date(${value.sql})` : value.sql);
  },
};

/** SQL for `true` or `false` as text, from SQL for a boolean; null stays null. */
export const booleanText = (sql: string): string => `iif(${sql} IS NULL, NULL, iif(${sql}, 'true', 'false'))`;

/** Names of types in `::` and in the functions `to_...`. */
const typeNames: Readonly<Record<string, keyof typeof conversions>> = {
  string: 'string',
  keyword: 'string',
  text: 'string',
  long: 'long',
  integer: 'long',
  int: 'long',
  double: 'double',
  boolean: 'boolean',
  bool: 'boolean',
  datetime: 'datetime',
  dt: 'datetime',
  date: 'datetime',
};

/** The names of types that `value::type` and `to_type(value)` accept. */
export const castTypes: readonly string[] = Object.keys(typeNames);

/** The function that `value::type` and `to_type(value)` call; undefined for an unknown type. */
export function conversionTo(type: string): ScalarFunction | undefined {
  const name = typeNames[type];
  const convert = name === undefined ? undefined : conversions[name];
  return convert && { parameters: ['any'], call: (args) => convert(at(args, 0)) };
}

/** Functions by name in lower case, without `now` and aggregations. */
export const scalarFunctions: Readonly<Record<string, ScalarFunction>> = {
  ...Object.fromEntries(
    castTypes.flatMap((type) => {
      const conversion = conversionTo(type);
      return conversion === undefined ? [] : [[`to_${type}`, conversion]];
    }),
  ),
  abs: number((sql) => `abs(${sql})`),
  ceil: number((sql) => `ceil(${sql})`),
  floor: number((sql) => `floor(${sql})`),
  round: {
    parameters: ['number', 'number'],
    optional: 1,
    call(args) {
      const { type, sql } = at(args, 0);
      const digits = args.length === 1 ? '0' : sqlAt(args, 1);
      // SQLite rounds to no fewer digits than 0, and gives a double.
      const scale = `pow(10.0, -(${digits}))`;
      const coarse = `round(${sql} / ${scale}) * ${scale}`;
      if (type === 'long') return long(`iif((${digits}) < 0, CAST(${coarse} AS INTEGER), ${sql})`);
      return { type, sql: `iif((${digits}) < 0, ${coarse}, round(${sql}, ${digits}))` };
    },
  },
  sqrt: number((sql) => `sqrt(${sql})`, 'double'),
  greatest: extreme('max'),
  least: extreme('min'),
  coalesce: {
    parameters: ['list'],
    isOpen: true,
    call(args) {
      const values = alikeLists(args);
      const [first = '', ...others] = values.map(({ sql }) => sql);
      return { ...choiceOf(values), sql: others.length === 0 ? first : `coalesce(${[first, ...others].join(', ')})` };
    },
  },
  case: {
    parameters: ['condition', 'list'],
    isOpen: true,
    call(args) {
      const pairs = Math.floor(args.length / 2);
      const results = alikeLists(args.filter((_, index) => index % 2 === 1 || index === pairs * 2));
      const whens = Array.from({ length: pairs }, (_, index) => {
        const { type, sql } = single(at(args, index * 2));
        if (type !== 'boolean' && type !== 'null')
          throw new FunctionFault(`a condition must be a boolean and not a ${type}`, index * 2);
        return `WHEN ${sql} THEN ${sqlAt(results, index)}`;
      });
      const otherwise = args.length % 2 === 1 ? ` ELSE ${sqlAt(results, pairs)}` : '';
      return { ...choiceOf(results), sql: `CASE ${whens.join(' ')}${otherwise} END` };
    },
  },
  concat: {
    parameters: ['keyword'],
    isOpen: true,
    call: (args) =>
      keyword(
        joinedSql(
          args.map(({ sql }) => sql),
          '||',
        ),
      ),
  },
  contains: test((value, part) => `instr(${value}, ${part}) > 0`),
  ends_with: test(
    (value, end) =>
      `(length(${value}) >= length(${end}) AND substr(${value}, length(${value}) - length(${end}) + 1) = ${end})`,
  ),
  starts_with: test((value, start) => `substr(${value}, 1, length(${start})) = ${start}`),
  left: {
    parameters: ['keyword', 'number'],
    call: (args) => keyword(`substr(${sqlAt(args, 0)}, 1, max(0, ${sqlAt(args, 1)}))`),
  },
  right: {
    parameters: ['keyword', 'number'],
    call: (args) =>
      keyword(`substr(${sqlAt(args, 0)}, max(1, length(${sqlAt(args, 0)}) - max(0, ${sqlAt(args, 1)}) + 1))`),
  },
  length: { parameters: ['keyword'], call: (args) => long(`length(${sqlAt(args, 0)})`) },
  byte_length: { parameters: ['keyword'], call: (args) => long(`octet_length(${sqlAt(args, 0)})`) },
  locate: { parameters: ['keyword', 'keyword'], call: (args) => long(`instr(${sqlAt(args, 0)}, ${sqlAt(args, 1)})`) },
  ltrim: text((sql) => `ltrim(${sql}, ' ' || char(9, 10, 11, 12, 13))`),
  rtrim: text((sql) => `rtrim(${sql}, ' ' || char(9, 10, 11, 12, 13))`),
  trim: text((sql) => `trim(${sql}, ' ' || char(9, 10, 11, 12, 13))`),
  reverse: text((sql) => `esql_reverse(${sql})`),
  to_lower: text((sql) => `esql_lower(${sql})`),
  to_upper: text((sql) => `esql_upper(${sql})`),
  substring: {
    parameters: ['keyword', 'number', 'number'],
    optional: 1,
    call(args) {
      const [text, start, length] = args.map(({ sql }) => sql);
      // 0 is the first character, as 1 is; SQLite would count one before it, and take a negative length backwards.
      const from = `iif((${start}) < 0, max(1, length(${text}) + 1 + (${start})), max(1, ${start}))`;
      return keyword(`substr(${text}, ${from}${length === undefined ? '' : `, max(0, ${length})`})`);
    },
  },
  replace: {
    parameters: ['keyword', 'keyword', 'keyword'],
    call(args) {
      const pattern = constantText(args, 1, 'the pattern');
      try {
        new RegExp(pattern, 'u');
      } catch (error) {
        throw new FunctionFault(
          `the pattern is not a valid regular expression: ${String(error instanceof Error ? error.message : error)}`,
          1,
        );
      }
      return keyword(`esql_replace(${sqlAt(args, 0)}, ${quotedText(pattern)}, ${sqlAt(args, 2)})`);
    },
  },
  split: {
    parameters: ['keyword', 'keyword'],
    call: (args) => ({ type: 'keyword', isList: true, sql: `esql_split(${sqlAt(args, 0)}, ${sqlAt(args, 1)})` }),
  },
  cidr_match: {
    parameters: ['keyword', 'keyword'],
    isOpen: true,
    call(args) {
      const blocks = args.slice(1).map((_, index) => {
        const block = constantText(args, index + 1, 'a block of addresses');
        if (!isBlock(block))
          throw new FunctionFault('the text is not a block of addresses such as "10.0.0.0/8"', index + 1);
        return block;
      });
      return bool(`esql_cidr_match(${sqlAt(args, 0)}, ${quotedText(blocks.join(','))})`);
    },
  },
  date_trunc: {
    parameters: ['timespan', 'date'],
    call: (args) => date(truncatedDate(sqlAt(args, 1), interval(args, 0))),
  },
  bucket: {
    parameters: ['date', 'timespan'],
    call: (args) => date(truncatedDate(sqlAt(args, 0), interval(args, 1))),
  },
  date_diff: {
    parameters: ['keyword', 'date', 'date'],
    call(args) {
      const span = timespanOf(1, constantText(args, 0, 'the unit').toLowerCase());
      if (span === undefined || span.months > 0)
        throw new FunctionFault('the unit must be one from "millisecond" to "week"', 0);
      return long(`((${sqlAt(args, 2)}) - (${sqlAt(args, 1)})) / ${span.ms}`);
    },
  },
  date_extract: {
    parameters: ['keyword', 'date'],
    call(args) {
      const part = dateParts[constantText(args, 0, 'the part').toLowerCase()];
      if (part === undefined)
        throw new FunctionFault(`the part must be one of ${Object.keys(dateParts).join(', ')}`, 0);
      return long(`CAST(strftime('${part}', (${sqlAt(args, 1)}) / 1000.0, 'unixepoch') AS INTEGER)`);
    },
  },
  mv_count: {
    parameters: ['list'],
    call: (args) => long(`(SELECT nullif(count(v.value), 0) FROM ${items(at(args, 0))})`),
  },
  mv_first: ofItems('v.value', 'ORDER BY v.key LIMIT 1'),
  mv_last: ofItems('v.value', 'ORDER BY v.key DESC LIMIT 1'),
  mv_max: ofItems('max(v.value)'),
  mv_min: ofItems('min(v.value)'),
  mv_concat: {
    parameters: ['list', 'keyword'],
    call: (args) =>
      keyword(`(SELECT group_concat(v.value, ${sqlAt(args, 1)} ORDER BY v.key) FROM ${items(at(args, 0))})`),
  },
  mv_contains: {
    parameters: ['list', 'list'],
    call(args) {
      const [list, part] = [at(args, 0), at(args, 1)];
      const contains = (value: string): string => `EXISTS (SELECT 1 FROM ${items(list)} WHERE v.value = ${value})`;
      if (part.isList !== true) return bool(`(${part.sql} IS NULL OR ${contains(part.sql)})`);
      return bool(`NOT EXISTS (SELECT 1 FROM json_each(${part.sql}) p WHERE NOT ${contains('p.value')})`);
    },
  },
  mv_dedupe: {
    parameters: ['list'],
    call: (args) => ({
      type: at(args, 0).type,
      isList: true,
      sql: `(SELECT nullif(json_group_array(d.value), '[]') FROM (SELECT v.value AS value FROM ${items(at(args, 0))} WHERE v.value IS NOT NULL GROUP BY v.value ORDER BY min(v.key)) d)`,
    }),
  },
};

/** The SQL of a pattern of `rlike`. Throws a FunctionFault. */
export function regexMatch(value: SqlValue, pattern: string): string {
  compileRegex(pattern, false, 200, regexFault(0));
  return `esql_rlike(${single(value).sql}, ${quotedText(pattern)})`;
}

/** A function of `stats`, which returns one value for each group. */
export interface Aggregation {
  /** The type of the argument. */
  parameter: 'any' | 'number' | 'ordered';
  /** Whether the aggregation may have no argument or `*`. */
  countsRows?: boolean;
  /** SQL that gathers values from the rows of a group. `filter` returns ` FILTER (WHERE ...)` or an empty text. */
  gather(value: SqlValue, filter: (condition?: string) => string): string;
  /** The result, from the gathered values. */
  result(gathered: string, value: SqlValue): SqlValue;
}

const listed = (value: SqlValue): string => (value.isList === true ? `json(${value.sql})` : value.sql);
/** The values of all lists of a group, as a table `i` with `value`. */
const gatheredItems = (gathered: string): string => `json_each(${gathered}) l, json_each(l.value) i`;

/** An aggregation by a function of SQL, over single values and over the values of lists. */
function folded(name: string, type: (value: SqlValue) => EsqlType, parameter: Aggregation['parameter']): Aggregation {
  return {
    parameter,
    gather: (value, filter) =>
      value.isList === true
        ? `json_group_array(${listed(value)})${filter(`${value.sql} IS NOT NULL`)}`
        : `${name.replace('?', value.sql)}${filter()}`,
    result: (gathered, value) => ({
      type: type(value),
      sql:
        value.isList === true ? `(SELECT ${name.replace('?', 'i.value')} FROM ${gatheredItems(gathered)})` : gathered,
    }),
  };
}
const same = ({ type }: SqlValue): EsqlType => type;

/** Aggregations by name in lower case. */
export const aggregations: Readonly<Record<string, Aggregation>> = {
  count: { ...folded('count(?)', () => 'long', 'any'), countsRows: true },
  count_distinct: folded('count(DISTINCT ?)', () => 'long', 'any'),
  min: folded('min(?)', same, 'ordered'),
  max: folded('max(?)', same, 'ordered'),
  sum: folded('sum(?)', same, 'number'),
  avg: folded('avg(?)', () => 'double', 'number'),
  median: folded('median(?)', () => 'double', 'number'),
  values: {
    parameter: 'any',
    gather(value, filter) {
      const shown =
        value.type === 'date' ? dateText(value.sql) : value.type === 'boolean' ? booleanText(value.sql) : listed(value);
      return `json_group_array(${value.isList === true ? '' : 'DISTINCT '}${shown})${filter(`${value.sql} IS NOT NULL`)}`;
    },
    result(gathered, value) {
      const from = value.isList === true ? gatheredItems(gathered) : `json_each(${gathered}) i`;
      return {
        type: value.type === 'date' || value.type === 'boolean' ? 'keyword' : value.type,
        isList: true,
        sql: `(SELECT nullif(json_group_array(DISTINCT i.value ORDER BY i.value), '[]') FROM ${from})`,
      };
    },
  },
};

/** An address is a block of its own. */
const isBlock = (block: string): boolean => {
  const [address = '', prefix = '0', ...more] = block.split('/');
  const version = isIP(address);
  return version !== 0 && more.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128);
};

/** Caches the results for the last few constants: a query has few constants and many rows. */
function kept<Made>(make: (key: string) => Made): (key: string) => Made {
  const made = new Map<string, Made>();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) {
      if (made.size >= 100) made.clear();
      value = make(key);
      made.set(key, value);
    }
    return value;
  };
}

const regexFor = kept((pattern) => compileRegex(pattern, false, 200, regexFault(0)));
const replacementFor = kept((pattern) => new RegExp(pattern, 'gu'));
const blocksFor = kept((blocks) => {
  const list = new BlockList();
  for (const block of blocks.split(',')) {
    const [address = '', prefix] = block.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
});

/** Finite, of a number or the text of one; else undefined. */
function parseDouble(value: SqlScalar | undefined): number | undefined {
  const parsed = typeof value === 'string' ? parseNumber(value) : Number(value ?? Number.NaN);
  return Number.isFinite(parsed) ? parsed : undefined;
}

function parsedList(json: string): (string | number | boolean | object | null)[] | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Replaces as Java does: `$1` and `${name}` in the replacement are groups, and a backslash takes the next character as it is. Null where
 * the replacement is wrong or names a group that the pattern does not have.
 */
function replaced(value: string, pattern: RegExp, replacement: string): string | null {
  let isWrong = false;
  const text = value.replace(pattern, (...match: unknown[]) => {
    const named = typeof match.at(-1) === 'object' ? (match.at(-1) as Record<string, unknown>) : {};
    const groups = match.slice(
      0,
      match.findIndex((each) => typeof each === 'number'),
    );
    return replacement.replace(
      /\\([\s\S])|\$(\d)(\d*)|\$\{([A-Za-z][A-Za-z0-9]*)\}|[$\\]/g,
      (_, escaped?: string, digit?: string, more = '', name?: string) => {
        if (escaped !== undefined) return escaped;
        if (name !== undefined && Object.hasOwn(named, name)) return String(named[name] ?? '');
        if (digit !== undefined && Number(digit) < groups.length) {
          // As many digits as make the number of a group.
          let length = more.length;
          while (length > 0 && Number(digit + more.slice(0, length)) >= groups.length) length--;
          return String(groups[Number(digit + more.slice(0, length))] ?? '') + more.slice(length);
        }
        isWrong = true;
        return '';
      },
    );
  });
  return isWrong ? null : text;
}

type SqlScalar = string | number | bigint | null;

/** Calls a function on a text; null for a null argument and for a value of another type. */
const onText =
  (call: (text: string, ...others: string[]) => SqlScalar) =>
  (...args: SqlScalar[]): SqlScalar =>
    args.every((arg) => typeof arg === 'string') ? call(args[0] ?? '', ...args.slice(1)) : null;

/** The functions that the generated SQL calls, for the connection that runs it. Each is pure. */
export const sqlFunctions: Readonly<Record<string, (...args: SqlScalar[]) => SqlScalar>> = {
  esql_rlike: onText((value, pattern = '') => (regexFor(pattern)(value) ? 1 : 0)),
  esql_replace: onText((value, pattern = '', replacement = '') =>
    replaced(value, replacementFor(pattern), replacement),
  ),
  esql_reverse: onText((value) => Array.from(value).reverse().join('')),
  esql_lower: onText((value) => value.toLowerCase()),
  esql_upper: onText((value) => value.toUpperCase()),
  esql_split: onText((value, separator = '') => JSON.stringify(value.split(separator))),
  esql_cidr_match: onText((address, blocks = '') => {
    const version = isIP(address);
    return version !== 0 && blocksFor(blocks).check(address, version === 6 ? 'ipv6' : 'ipv4') ? 1 : 0;
  }),
  esql_double: (value) => parseDouble(value) ?? null,
  /** Halves are rounded up. */
  esql_long: (value) => {
    const rounded = Math.round(parseDouble(value) ?? Number.NaN);
    if (Number.isNaN(rounded)) return null;
    const long = typeof value === 'string' && /^[+-]?\d+$/.test(value) ? BigInt(value) : BigInt(rounded);
    return BigInt.asIntN(64, long) === long ? long : null;
  },
  esql_date: onText((value) => {
    const ms = parseDate(value);
    return ms === undefined ? null : BigInt(ms);
  }),
  /** A list as the views have it, with null in place of the empty one and a list of its own for any other value. */
  esql_list: (value) => {
    if (value === null || value === '[]') return null;
    return typeof value === 'string' && value.startsWith('[') && parsedList(value) !== undefined
      ? value
      : JSON.stringify([typeof value === 'bigint' ? Number(value) : value]);
  },
  /** The value of a list that has only one. */
  esql_single: onText((list) => {
    const values = parsedList(list) ?? [];
    const [value] = values;
    if (values.length !== 1 || value === undefined || value === null) return null;
    if (typeof value === 'object') return JSON.stringify(value);
    return typeof value === 'number' && Number.isSafeInteger(value)
      ? BigInt(value)
      : typeof value === 'boolean'
        ? Number(value)
        : value;
  }),
};
