// Translates an ES|QL query into one SQL statement over the views of stored events and alerts.
//
// Every command wraps the statement of the commands before it. In the statement the columns are c1, c2, ...; a separate
// table has their names in ES|QL, so that `keep`, `drop` and `rename` change only that table.

import { type Field, fields, isOfEvent } from '../../collectors/event/fields.ts';
import { nearest } from '../rules/toml-file.ts';
import {
  type Aggregation,
  aggregations,
  booleanText,
  castTypes,
  commonType,
  conversionTo,
  FunctionFault,
  listExtreme,
  regexMatch,
  type ScalarFunction,
  scalarFunctions,
} from './esql-functions.ts';
import {
  type Assignment,
  type EsqlCommand,
  type Expression,
  type Pattern,
  parseEsql,
  type Span,
} from './esql-parser.ts';
import {
  dateOfText,
  dateText,
  type EsqlType,
  globOf,
  isNumber,
  joinedSql,
  movedDate,
  quotedName,
  quotedText,
  type SqlValue,
  single,
  timespanOf,
  units,
} from './esql-values.ts';
import { parseDate } from './field-values.ts';
import { errorAt, foundText, printable } from './query-position.ts';
import { compileWildcard, parseWildcard } from './wildcard.ts';

/** The translation of one ES|QL query. */
export interface EsqlStatement {
  /** One SELECT over `events`, `process_events`, `file_events`, `network_events`, `package_events` or `alerts`. `:now` in it is the present, in milliseconds since 1970. */
  sql: string;
  /** Remarks on the rows, such as a comparison with a list. */
  notes: string[];
}

/**
 * The query with spaces in place of the word `sql` before `from`: it marks a block of code in Markdown, is pasted with the query, and
 * Elastic's hunts have it before ES|QL too. Positions in the query stay the same.
 */
export const withoutBlockName = (source: string): string => source.replace(/^(\s*)sql(?=\s+from\s)/i, '$1   ');

/** Whether the first word of a query is ES|QL's and not SQL's. */
export const isEsql = (source: string): boolean =>
  /^(?:\s|\/\/[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:from|row|show|ts|explain\s*\[)(?![A-Za-z0-9_])/i.test(
    source,
  );

type Table = 'events' | 'process_events' | 'file_events' | 'network_events' | 'package_events' | 'alerts';

/** Names of indices with the table that has their documents. The first pattern that fits counts. */
const indices: readonly (readonly [pattern: string, table: Table])[] = [
  ['process_events', 'process_events'],
  ['file_events', 'file_events'],
  ['network_events', 'network_events'],
  ['package_events', 'package_events'],
  ['events', 'events'],
  ['alerts', 'alerts'],
  ['logs-endpoint.events.process*', 'process_events'],
  ['logs-endpoint.events.file*', 'file_events'],
  ['logs-endpoint.events.network*', 'network_events'],
  ['logs-endpoint.events.[*]*', 'events'],
  ['logs-endpoint.events-[*]', 'events'],
  ['logs-endpoint.[*]*', 'events'],
  ['logs-endpoint[*]', 'events'],
  ['logs-stepparent.events*', 'events'],
  ['logs-stepparent.alerts*', 'alerts'],
  ['.alerts-security.alerts*', 'alerts'],
  ['.siem-signals*', 'alerts'],
  ['logs-[*]', 'events'],
  ['[*]', 'events'],
];

/** Maximum number of commands. */
const maxCommands = 100;

/** Maximum number of nested SELECT statements. */
const maxLevels = 200;

/** Maximum number of columns that a query reads or computes: the limit of SQLite for one statement. */
const maxColumns = 2000;

/** Maximum nesting of operators and functions in one expression: SQLite allows 1000. */
const maxDepth = 900;

/** Maximum SQL of one expression, in UTF-16 units: the SQL of some functions repeats an argument, and such calls can be nested. */
const maxExpressionChars = 1_000_000;

/** SQLite copies the expression of a column to each place that uses it. An expression with more copies than this is computed first. */
const maxCopies = 100;

interface Column {
  name: string;
  value: SqlValue;
}

interface SortedBy {
  value: SqlValue;
  descending: boolean;
  nulls: 'first' | 'last';
}

/** Translates a query. Throws a QueryError with the position of the fault. */
export function translateEsql(source: string): EsqlStatement {
  const commands = parseEsql(source);
  const tooMany = commands[maxCommands];
  if (tooMany !== undefined)
    throw errorAt(source, tooMany.start, tooMany.end, `a query has at most ${maxCommands} commands`);
  const translation = new Translation(source);
  for (const command of commands) translation.add(command);
  return translation.statement();
}

class Translation {
  readonly #source: string;
  readonly #notes = new Set<string>();
  #aliases = 0;
  /** Columns of the index that the query uses: SQL of the value by the alias. */
  readonly #read = new Map<string, string>();
  #table: Table = 'events';
  /** Each wraps the statement before it. */
  #wraps: ((inner: string) => string)[] = [];
  /** Columns that the last of them computes from the one before it. */
  #computed: { aliases: Set<string>; items: string[]; isBarrier: boolean } | undefined;
  /** Columns that a computed one uses, with all that those use, by its alias. */
  readonly #weights = new Map<string, number>();
  #command: Span = { start: 0, end: 1 };
  #depth = 0;
  #columns: Column[] = [];
  #order: SortedBy[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  statement(): EsqlStatement {
    const shown = this.#columns.map(({ name, value }) => `${shownSql(value)} AS ${quotedName(name)}`);
    // Only now, because the index is read for the columns that all levels above use.
    const inner = this.#wrapped();
    return {
      sql: `SELECT ${shown.length === 0 ? 'NULL AS "no columns"' : shown.join(', ')} FROM (${inner})${this.#orderSql()}`,
      notes: [...this.#notes],
    };
  }

  #wrapped(): string {
    const read = [...this.#read].map(([alias, sql]) => `${sql} AS ${alias}`);
    const innermost = `SELECT ${read.length === 0 ? '1' : read.join(', ')} FROM ${this.#table}`;
    return this.#wraps.reduce((inner, wrap) => wrap(inner), innermost);
  }

  #orderSql(): string {
    if (this.#order.length === 0) return '';
    const keys = this.#order.map(
      ({ value, descending, nulls }) => `${value.sql} ${descending ? 'DESC' : 'ASC'} NULLS ${nulls.toUpperCase()}`,
    );
    return ` ORDER BY ${keys.join(', ')}`;
  }

  #fault({ start, end }: Span, message: string): Error {
    return errorAt(this.#source, start, end, message);
  }

  #text({ start, end }: Span): string {
    return foundText(this.#source, start, end);
  }

  #alias(): string {
    if (++this.#aliases > maxColumns)
      throw this.#fault(this.#command, `the query has more than ${maxColumns} columns, with those of the index`);
    return `c${this.#aliases}`;
  }

  /** Computes a value as a column of its own, unless it is a column already. */
  #compute(value: SqlValue): SqlValue {
    if (/^c\d+$/.test(value.sql) || value.type === 'timespan') return value;
    const alias = this.#alias();
    const { sql } = value;
    const used = sql.match(/\bc\d+\b/g) ?? [];
    if (this.#computed === undefined || used.some((each) => this.#computed?.aliases.has(each))) {
      const computed = { aliases: new Set<string>(), items: ['*'], isBarrier: false };
      // SQLite does not merge a statement that has OFFSET into another.
      this.#wrap(
        (inner) =>
          `SELECT ${computed.items.join(', ')} FROM (${inner})${computed.isBarrier ? ' LIMIT -1 OFFSET 0' : ''}`,
      );
      this.#computed = computed;
    }
    const weight = used.reduce((sum, each) => sum + (this.#weights.get(each) ?? 1), 1);
    if (weight > maxCopies) this.#computed.isBarrier = true;
    this.#weights.set(alias, weight > maxCopies ? 1 : weight);
    this.#computed.aliases.add(alias);
    this.#computed.items.push(`${sql} AS ${alias}`);
    return { ...value, sql: alias };
  }

  #wrap(wrap: (inner: string) => string): void {
    if (this.#wraps.length === maxLevels)
      throw this.#fault(this.#command, `the query has more than ${maxLevels} steps that build on each other`);
    this.#wraps.push(wrap);
    this.#computed = undefined;
  }

  add(command: EsqlCommand): void {
    this.#command = command;
    switch (command.kind) {
      case 'from':
        this.#from(command);
        break;
      case 'keep':
        this.#columns = this.#matching(command.patterns);
        break;
      case 'drop': {
        const dropped = new Set(this.#matching(command.patterns));
        this.#columns = this.#columns.filter((column) => !dropped.has(column));
        break;
      }
      case 'rename':
        for (const { from, to } of command.pairs) this.#rename(from, to);
        break;
      case 'where': {
        const condition = this.#condition(command.condition);
        this.#wrap((inner) => `SELECT * FROM (${inner}) WHERE ${condition}`);
        break;
      }
      case 'eval':
        for (const { name, expression } of command.assignments) {
          const value = this.#value(expression);
          if (value.type === 'timespan') throw this.#fault(expression, 'a timespan cannot be a column');
          this.#set(name, this.#compute(withoutConstant(value)));
        }
        break;
      case 'stats':
        this.#stats(command);
        break;
      case 'sort': {
        const keys = command.keys.map(({ expression, descending, nulls }) => {
          // A list is sorted by its least value, or descending by its greatest.
          const value = listExtreme(descending ? 'max' : 'min', this.#value(expression));
          return { value: this.#compute(withoutConstant(value)), descending, nulls };
        });
        // An earlier order applies to rows that are equal in this one.
        this.#order = [...keys, ...this.#order];
        break;
      }
      case 'limit': {
        const order = this.#orderSql();
        this.#wrap((inner) => `SELECT * FROM (${inner})${order} LIMIT ${command.rows}`);
        break;
      }
      case 'mv_expand': {
        const column = this.#column(command.column);
        column.value = this.#expanded(column.value);
        break;
      }
    }
  }

  #from({ indices: named, metadata }: Extract<EsqlCommand, { kind: 'from' }>): void {
    const tables = new Set<Table>();
    for (const name of named) {
      const table = tableOf(name.text);
      if (table !== undefined) tables.add(table);
    }
    for (const name of named) {
      if (tableOf(name.text) !== undefined) continue;
      const message = `no events are stored for the index ${this.#text(name)}; there are events, process_events, file_events, network_events, package_events and alerts, and Elastic's names for them`;
      if (tables.size === 0) throw this.#fault(name, message);
      this.#notes.add(message);
    }
    const [first = 'events'] = tables;
    if (tables.size > 1 && tables.has('alerts')) {
      throw this.#fault(named.at(-1) ?? { start: 0, end: 1 }, 'alerts and events cannot be read in one query');
    }
    this.#table = tables.size > 1 ? 'events' : first;
    this.#columns = columnFields(this.#table).map((field) => this.#indexColumn(field));
    for (const field of metadata) {
      if (field.text === '_id') this.#columns.push(this.#indexColumn({ name: 'event.id', type: 'keyword' }, '_id'));
      else if (field.text === '_index')
        this.#columns.push({ name: '_index', value: { type: 'keyword', sql: quotedText(this.#table) } });
      else
        throw this.#fault(
          field,
          `the metadata field ${this.#text(field)} is not supported; supported are _id and _index`,
        );
    }
  }

  #indexColumn(field: Pick<Field, 'name' | 'type' | 'list'>, name = field.name): Column {
    const alias = this.#alias();
    const column = quotedName(field.name);
    const sql = field.name === '@timestamp' ? 'time_ms' : sqlOfField(field, column);
    const read = this.#read;
    const value: SqlValue = {
      type: field.name === '@timestamp' ? 'date' : typeOf(field),
      ...(isList(field) && { isList: true }),
      // A column is noted when it is used, because most of the hundreds of columns are not.
      get sql() {
        read.set(alias, sql);
        return alias;
      },
    };
    return { name, value };
  }

  #set(name: string, value: SqlValue): void {
    this.#columns = [...this.#columns.filter((column) => column.name !== name), { name, value }];
  }

  #matching(patterns: readonly Pattern[]): Column[] {
    // A name places its column before a pattern does, a pattern before `*`; among equals the last does.
    const matched = new Map<Column, number>();
    for (const pattern of patterns) {
      const isName = pattern.isExact || !pattern.text.includes('*');
      const matches = compileWildcard(parseWildcard(pattern.text));
      const found = isName ? [this.#column(pattern)] : this.#columns.filter(({ name }) => matches(name));
      if (found.length === 0) throw this.#fault(pattern, `no column matches ${this.#text(pattern)}`);
      const rank = isName ? 2 : pattern.text === '*' ? 0 : 1;
      for (const column of found) {
        if ((matched.get(column) ?? 0) > rank) continue;
        matched.delete(column);
        matched.set(column, rank);
      }
    }
    return [...matched.keys()];
  }

  #column({ text, ...span }: Span & { text: string }): Column {
    const column = this.#columns.find(({ name }) => name === text);
    if (column !== undefined) return column;
    const names = this.#columns.map(({ name }) => name);
    const like = nearest(text, names);
    const hint = like === undefined ? '' : `; did you mean \`${printable(like)}\`?`;
    throw this.#fault(span, `unknown column ${this.#text(span)}${hint}`);
  }

  #rename(from: Pattern, to: string): void {
    const column = this.#column(from);
    this.#columns = this.#columns.filter(({ name }) => name !== to || name === column.name);
    this.#columns = this.#columns.map((each) => (each === column ? { ...column, name: to } : each));
  }

  #stats({ aggregations: wanted, by }: Extract<EsqlCommand, { kind: 'stats' }>): void {
    const keys = by.map(({ name, expression }) => {
      const value = this.#value(expression);
      if (value.type === 'timespan') throw this.#fault(expression, 'a timespan cannot be a key');
      return { name, value: this.#expanded(this.#compute(withoutConstant(value))) };
    });
    const gathered: string[] = [];
    const results = wanted.map((assignment): Column => {
      const value = this.#aggregated(assignment, keys, gathered);
      return { name: assignment.name, value: withoutConstant(value) };
    });
    const grouped = [...keys.map(({ value }) => value.sql), ...gathered];
    const groupBy = keys.length === 0 ? '' : ` GROUP BY ${keys.map(({ value }) => value.sql).join(', ')}`;
    this.#wrap((inner) => `SELECT ${grouped.length === 0 ? '1' : grouped.join(', ')} FROM (${inner})${groupBy}`);
    this.#order = [];
    this.#columns = [];
    for (const { name, value } of [...results, ...keys]) this.#set(name, this.#compute(value));
  }

  /** One row for each value of a list. */
  #expanded(value: SqlValue): SqlValue {
    if (value.isList !== true) return value;
    const alias = this.#alias();
    const { sql, type } = value;
    this.#wrap((inner) => `SELECT r.*, j.value AS ${alias} FROM (${inner}) r LEFT JOIN json_each(r.${sql}) j`);
    return { type, sql: alias };
  }

  /**
   * The value of an expression over the rows of a group. Adds to `gathered` the values that the group must gather for
   * it.
   */
  #aggregated(assignment: Assignment, keys: readonly Column[], gathered: string[]): SqlValue {
    const where = assignment.where && this.#condition(assignment.where);
    const aggregate = (call: Extract<Expression, { kind: 'call' }>, aggregation: Aggregation): SqlValue => {
      const value = this.#aggregationArgument(call, aggregation);
      const filter = (condition?: string): string => {
        const conditions = [where, condition].filter((one) => one !== undefined);
        return conditions.length === 0 ? '' : ` FILTER (WHERE ${conditions.map((one) => `(${one})`).join(' AND ')})`;
      };
      const alias = this.#alias();
      gathered.push(`${aggregation.gather(value, filter)} AS ${alias}`);
      return aggregation.result(alias, value);
    };
    return this.#value(assignment.expression, { keys, aggregate });
  }

  #aggregationArgument(call: Extract<Expression, { kind: 'call' }>, { parameter, countsRows }: Aggregation): SqlValue {
    const [arg, ...more] = call.args;
    if (arg === undefined || arg.kind === 'star') {
      if (countsRows === true) return { type: 'long', sql: '1' };
      throw this.#fault(call, `\`${call.name}\` takes a column`);
    }
    // Counts are exact: the precision that count_distinct may be given changes nothing.
    const [extra] = more;
    if (extra !== undefined && !(call.name === 'count_distinct' && more.length === 1))
      throw this.#fault(extra, `\`${call.name}\` takes one column`);
    const value = this.#value(arg);
    const fits =
      parameter === 'any' ||
      isNumber(value) ||
      value.type === 'null' ||
      (parameter === 'ordered' && value.type !== 'timespan');
    if (!fits) throw this.#fault(arg, `\`${call.name}\` takes numbers, and this is a ${value.type}`);
    return value;
  }

  /** SQL that is true, false or null for each row. */
  #condition(expression: Expression): string {
    const value = single(this.#value(expression));
    if (value.type !== 'boolean' && value.type !== 'null')
      throw this.#fault(expression, `a condition must be a boolean, and ${this.#text(expression)} is a ${value.type}`);
    return value.sql;
  }

  #single(expression: Expression, group: Group | undefined): SqlValue {
    const value = this.#value(expression, group);
    if (value.isList === true) {
      this.#notes.add(
        `${this.#text(expression)} is a list: where it has several values a comparison with it is null, as in Elasticsearch; mv_contains() and stats ... by compare each value`,
      );
    }
    return single(value);
  }

  #value(expression: Expression, group?: Group): SqlValue {
    if (this.#depth === maxDepth) throw this.#fault(expression, `the expression is more than ${maxDepth} levels deep`);
    this.#depth++;
    const value = this.#valueOf(expression, group);
    this.#depth--;
    if (value.sql.length > maxExpressionChars) throw this.#fault(expression, 'the expression is too large');
    return value;
  }

  #valueOf(expression: Expression, group: Group | undefined): SqlValue {
    switch (expression.kind) {
      case 'literal':
        return literal(expression.value, expression.isDecimal);
      case 'timespan': {
        const timespan = timespanOf(expression.amount, expression.unit);
        if (timespan === undefined)
          throw this.#fault(expression, `${this.#text(expression)} is not a timespan; units are ${units.join(', ')}`);
        if (!Number.isSafeInteger(expression.amount))
          throw this.#fault(expression, 'a timespan is a whole number of units');
        return { type: 'timespan', sql: 'NULL', timespan };
      }
      case 'star':
        throw this.#fault(expression, '`*` can only be counted, as in count(*)');
      case 'field':
        return this.#field(expression, group);
      case 'call':
        return this.#call(expression, group);
      case 'and':
      case 'or': {
        const conditions = expression.of.map((one) => this.#operand(one, 'boolean', group).sql);
        return bool(joinedSql(conditions, expression.kind.toUpperCase()));
      }
      case 'not':
        return bool(`NOT (${this.#operand(expression.of, 'boolean', group).sql})`);
      case 'is null':
        return bool(`(${this.#value(expression.of, group).sql}) IS NULL`);
      case 'negative':
        return this.#negative(expression, group);
      case 'compare':
        return this.#compare(expression, group);
      case 'arithmetic':
        return this.#arithmetic(expression, group);
      case 'in': {
        const of = this.#single(expression.of, group);
        const list = expression.list.map((one) => this.#alike(of, expression.of, one, group));
        const left = list.find(({ asLeft }) => asLeft !== undefined)?.asLeft ?? of.sql;
        return bool(`(${left}) IN (${list.map(({ sql }) => sql).join(', ')})`);
      }
      case 'like':
      case 'rlike': {
        const of = this.#operand(expression.of, 'keyword', group);
        const tests = expression.patterns.map((pattern) =>
          expression.kind === 'like'
            ? this.#like(of, pattern)
            : this.#guarded(expression, [pattern], () => regexMatch(of, pattern.text)),
        );
        return bool(joinedSql(tests, 'OR'));
      }
      case 'cast': {
        const conversion = conversionTo(expression.type);
        if (conversion === undefined)
          throw this.#fault(
            expression,
            `unknown type \`${printable(expression.type).slice(0, 40)}\`; types are ${castTypes.join(', ')}`,
          );
        const of = this.#single(expression.of, group);
        return this.#guarded(expression, [expression.of], () => conversion.call([of]));
      }
    }
  }

  #field(expression: Extract<Expression, { kind: 'field' }>, group: Group | undefined): SqlValue {
    if (group === undefined)
      return this.#column({ text: expression.name, start: expression.start, end: expression.end }).value;
    const key = group.keys.find(({ name }) => name === expression.name);
    if (key !== undefined) return key.value;
    this.#column({ text: expression.name, start: expression.start, end: expression.end });
    throw this.#fault(expression, `the column ${this.#text(expression)} must be in an aggregation or in \`by\``);
  }

  #operand(expression: Expression, type: EsqlType, group: Group | undefined): SqlValue {
    const value = this.#single(expression, group);
    if (value.type === type || value.type === 'null') return value;
    throw this.#fault(expression, `${this.#text(expression)} is a ${value.type}, and a ${type} is needed here`);
  }

  #like(of: SqlValue, pattern: Span & { text: string }): string {
    const glob = globOf(pattern.text);
    if (glob === undefined) throw this.#fault(pattern, 'a backslash in a pattern must be before `*`, `?` or `\\`');
    // GLOB ends a pattern at a NUL, and would match more.
    if (/[*?[]/.test(glob) && glob.includes('\0')) throw this.#fault(pattern, 'a pattern cannot have a NUL');
    return /[*?[]/.test(glob) ? `${of.sql} GLOB ${quotedText(glob)}` : `${of.sql} = ${quotedText(glob)}`;
  }

  #negative({ of, ...span }: Span & { of: Expression }, group: Group | undefined): SqlValue {
    const value = this.#single(of, group);
    if (value.timespan !== undefined) {
      const { ms, months } = value.timespan;
      return { ...value, timespan: { ms: -ms, months: -months } };
    }
    if (!isNumber(value) && value.type !== 'null') throw this.#fault(span, `a ${value.type} cannot be negated`);
    const constant = typeof value.constant === 'number' ? { constant: -value.constant } : {};
    return { type: value.type, sql: `(- ${value.sql})`, ...constant };
  }

  /**
   * A value in a comparison with `of`: a string that is compared with a date is a date, and `"true"` that is compared
   * with a boolean is true.
   */
  #alike(
    of: SqlValue,
    ofExpression: Expression,
    expression: Expression,
    group: Group | undefined,
  ): { sql: string; asLeft?: string } {
    const value = this.#single(expression, group);
    if (commonType([of, value]) !== undefined && value.type !== 'timespan') return { sql: value.sql };
    if (of.type === 'boolean' && (value.constant === 'true' || value.constant === 'false')) {
      return { sql: value.constant === 'true' ? '1' : '0' };
    }
    const asDate = (text: SqlValue, at: Expression): string => {
      const ms = typeof text.constant === 'string' ? parseDate(text.constant) : undefined;
      if (ms === undefined) throw this.#fault(at, `${this.#text(at)} is not a date such as "2026-11-29T08:00:00Z"`);
      return String(ms);
    };
    if (of.type === 'date' && typeof value.constant === 'string') return { sql: asDate(value, expression) };
    if (value.type === 'date' && typeof of.constant === 'string')
      return { sql: value.sql, asLeft: asDate(of, ofExpression) };
    throw this.#fault(
      expression,
      `a ${of.type} cannot be compared with ${this.#text(expression)}, which is a ${value.type}`,
    );
  }

  #compare({ operator, left, right }: Extract<Expression, { kind: 'compare' }>, group: Group | undefined): SqlValue {
    const of = this.#single(left, group);
    const { sql, asLeft = of.sql } = this.#alike(of, left, right, group);
    return bool(`(${asLeft}) ${operator === '==' ? '=' : operator} (${sql})`);
  }

  #arithmetic(expression: Extract<Expression, { kind: 'arithmetic' }>, group: Group | undefined): SqlValue {
    const { operator, left, right } = expression;
    const a = this.#single(left, group);
    const b = this.#single(right, group);
    const isMove = operator === '+' || operator === '-';
    if (a.type === 'date' && b.timespan !== undefined && isMove) {
      return { type: 'date', sql: movedDate(a.sql, b.timespan, operator === '+' ? 1 : -1) };
    }
    if (a.timespan !== undefined && b.type === 'date' && operator === '+') {
      return { type: 'date', sql: movedDate(b.sql, a.timespan, 1) };
    }
    for (const [value, side] of [
      [a, left],
      [b, right],
    ] as const) {
      if (!isNumber(value) && value.type !== 'null')
        throw this.#fault(side, `\`${operator}\` takes numbers, or a date and a timespan, and this is a ${value.type}`);
    }
    const type = commonType([a, b]) ?? 'double';
    // The `%` of SQLite cuts its operands to whole numbers.
    const isRemainder = type === 'double' && operator === '%';
    return { type, sql: isRemainder ? `mod(${a.sql}, ${b.sql})` : `(${a.sql} ${operator} ${b.sql})` };
  }

  #call(expression: Extract<Expression, { kind: 'call' }>, group: Group | undefined): SqlValue {
    const { name, args } = expression;
    const aggregation = Object.hasOwn(aggregations, name) ? aggregations[name] : undefined;
    if (aggregation !== undefined) {
      if (group === undefined)
        throw this.#fault(expression, `\`${name}\` is an aggregation: it can only be used in \`stats\`, before \`by\``);
      return group.aggregate(expression, aggregation);
    }
    if (name === 'now') {
      if (args.length > 0) throw this.#fault(expression, '`now` takes no arguments');
      return { type: 'date', sql: ':now' };
    }
    const called = Object.hasOwn(scalarFunctions, name) ? scalarFunctions[name] : undefined;
    if (called === undefined) {
      const like = nearest(name, [...Object.keys(scalarFunctions), ...Object.keys(aggregations), 'now']);
      throw this.#fault(
        { start: expression.start, end: expression.start + name.length },
        `the function \`${printable(name).slice(0, 40)}\` is not supported${like === undefined ? '' : `; did you mean \`${like}\`?`}`,
      );
    }
    return this.#guarded(expression, args, () => called.call(this.#arguments(expression, called, group)));
  }

  #arguments(
    expression: Extract<Expression, { kind: 'call' }>,
    called: ScalarFunction,
    group: Group | undefined,
  ): SqlValue[] {
    const { name, args } = expression;
    const { parameters, optional = 0, isOpen = false } = called;
    if (args.length < parameters.length - optional || (!isOpen && args.length > parameters.length)) {
      const least = parameters.length - optional;
      const number = isOpen ? `${least} or more` : optional === 0 ? String(least) : `${least} to ${parameters.length}`;
      throw this.#fault(expression, `\`${name}\` takes ${number} argument${number === '1' ? '' : 's'}`);
    }
    return args.map((arg, index) => {
      const parameter = parameters[Math.min(index, parameters.length - 1)] ?? 'any';
      const value = parameter === 'list' ? this.#value(arg, group) : this.#single(arg, group);
      const fits =
        value.type === 'null' ||
        value.type === parameter ||
        (parameter === 'number' && isNumber(value)) ||
        ((parameter === 'any' || parameter === 'list') && value.type !== 'timespan') ||
        (parameter === 'condition' && value.type === 'boolean');
      if (fits) return value;
      if (parameter === 'date' && typeof value.constant === 'string') {
        const ms = parseDate(value.constant);
        if (ms !== undefined) return { type: 'date', sql: String(ms) };
      }
      throw this.#fault(
        arg,
        `\`${name}\` takes a ${parameter === 'condition' ? 'boolean' : parameter} here, and this is a ${value.type}`,
      );
    });
  }

  /** Gives the fault of a function its position in the query. */
  #guarded<Result>(whole: Span, args: readonly Span[], call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      if (error instanceof FunctionFault) throw this.#fault(args[error.argument] ?? whole, error.message);
      throw error;
    }
  }
}

/** The columns of a group that an expression may use: keys and aggregations. */
interface Group {
  keys: readonly Column[];
  aggregate(call: Extract<Expression, { kind: 'call' }>, aggregation: Aggregation): SqlValue;
}

const bool = (sql: string): SqlValue => ({ type: 'boolean', sql });

function literal(value: string | number | boolean | null, isDecimal = false): SqlValue {
  if (value === null) return { type: 'null', sql: 'NULL' };
  if (typeof value === 'string') return { type: 'keyword', sql: quotedText(value), constant: value };
  if (typeof value === 'boolean') return { type: 'boolean', sql: value ? '1' : '0', constant: value };
  const isLong = !isDecimal && Number.isSafeInteger(value);
  return { type: isLong ? 'long' : 'double', sql: isLong ? String(value) : value.toExponential(), constant: value };
}

/** A column may be a constant, but it is not a literal where the column is used. */
const withoutConstant = (value: SqlValue): SqlValue => {
  const { type, sql, isList: list } = value;
  return { type, sql, ...(list === true && { isList: true }) };
};

function tableOf(index: string): Table | undefined {
  const lower = index.toLowerCase();
  return indices.find(([pattern]) => compileWildcard(patternParts(pattern))(lower))?.[1];
}

/** `[*]` is a literal star in the name of an index. */
const patternParts = (pattern: string) =>
  pattern
    .split(/(\[\*\]|\*)/)
    .filter((part) => part !== '')
    .map((part) => (part === '*' ? ({ wild: '*' } as const) : { literal: part === '[*]' ? '*' : part }));

/** The fields that are columns of the views; a list of objects is one column. */
const columnFields = (table: Table): Field[] =>
  fields.filter((field) => field.within === undefined && (table === 'alerts' || isOfEvent(field)));

/** The views only have the first value of these fields. */
const firstOnly: readonly string[] = ['event.category', 'event.type'];

const isList = ({ name, type, list }: Pick<Field, 'name' | 'type' | 'list'>): boolean =>
  list === true && type !== 'objects' && !firstOnly.includes(name);

function typeOf({ type }: Pick<Field, 'type'>): EsqlType {
  switch (type) {
    case 'date':
    case 'long':
    case 'boolean':
      return type;
    case 'float':
      return 'double';
    default:
      return 'keyword';
  }
}

function sqlOfField(field: Pick<Field, 'name' | 'type' | 'list'>, column: string): string {
  if (isList(field)) {
    return `esql_list(${column})`;
  }
  return field.type === 'date' ? dateOfText(column) : column;
}

/** SQL of a value in the form of an answer. */
function shownSql({ type, sql, isList: list }: SqlValue): string {
  if (list === true) return `iif(json_array_length(${sql}) = 1, ${sql} ->> '$[0]', ${sql})`;
  if (type === 'date') return dateText(sql);
  return type === 'boolean' ? booleanText(sql) : sql;
}
