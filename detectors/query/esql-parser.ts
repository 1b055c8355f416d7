// Parses an ES|QL query into its commands. https://www.elastic.co/docs/reference/query-languages/esql describes the language.

import { type EsqlScanner, type EsqlToken, scanEsql, unquoted } from './esql-scanner.ts';
import { foundText, maxNesting, printable } from './query-position.ts';

/** The position of a part of a query: offsets in UTF-16 units, `end` is exclusive. */
export interface Span {
  start: number;
  end: number;
}

type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';
type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';

/** An expression. */
export type Expression = Span &
  (
    | { kind: 'literal'; value: string | number | boolean | null; isDecimal?: boolean }
    | { kind: 'timespan'; amount: number; unit: string }
    | { kind: 'field'; name: string }
    | { kind: 'star' }
    | { kind: 'call'; name: string; args: Expression[] }
    | { kind: 'and' | 'or'; of: Expression[] }
    | { kind: 'not' | 'negative'; of: Expression }
    | { kind: 'compare'; operator: CompareOperator; left: Expression; right: Expression }
    | { kind: 'arithmetic'; operator: ArithmeticOperator; left: Expression; right: Expression }
    | { kind: 'in'; of: Expression; list: Expression[] }
    | { kind: 'like' | 'rlike'; of: Expression; patterns: (Span & { text: string })[] }
    | { kind: 'is null'; of: Expression }
    | { kind: 'cast'; of: Expression; type: string }
  );

/** `name = expression`; without a name the text of the expression is the name. */
export interface Assignment extends Span {
  name: string;
  expression: Expression;
  /** For an aggregation: the condition of the rows that count. */
  where?: Expression | undefined;
}

/** A column as `keep` and `drop` name it: `*` stands for any run of characters unless the name is in backticks. */
export interface Pattern extends Span {
  text: string;
  isExact: boolean;
}

interface SortKey extends Span {
  expression: Expression;
  descending: boolean;
  nulls: 'first' | 'last';
}

/** One command of a query, the part between two `|`, with its position. */
export type EsqlCommand = Span &
  (
    | { kind: 'from'; indices: (Span & { text: string })[]; metadata: (Span & { text: string })[] }
    | { kind: 'keep' | 'drop'; patterns: Pattern[] }
    | { kind: 'rename'; pairs: (Span & { from: Pattern; to: string })[] }
    | { kind: 'where'; condition: Expression }
    | { kind: 'eval'; assignments: Assignment[] }
    | { kind: 'stats'; aggregations: Assignment[]; by: Assignment[] }
    | { kind: 'sort'; keys: SortKey[] }
    | { kind: 'limit'; rows: number }
    | { kind: 'mv_expand'; column: Pattern }
  );

/** Commands of ES|QL that are not supported. */
const otherCommands = [
  'change_point',
  'completion',
  'dissect',
  'enrich',
  'explain',
  'fork',
  'fuse',
  'grok',
  'inline',
  'inlinestats',
  'insist',
  'join',
  'lookup',
  'meta',
  'metrics',
  'promql',
  'rerank',
  'row',
  'sample',
  'set',
  'show',
  'ts',
];
const ownCommands = ['keep', 'drop', 'rename', 'where', 'eval', 'stats', 'sort', 'limit', 'mv_expand'];

const index = /(?:[^\s,|"'()[\]/]|\/(?![*/]))+/y;
const columnPattern = /(?:[A-Za-z0-9_@*.]|`(?:[^`]|``)+`)+/y;

/** Maximum number of rows of `limit`. */
const maxLimit = 1_000_000;

/** The commands of a query, `from` first. Throws a QueryError. */
export function parseEsql(source: string): EsqlCommand[] {
  return new Parser(scanEsql(source)).query();
}

class Parser {
  readonly #scanner: EsqlScanner;
  #depth = 0;

  constructor(scanner: EsqlScanner) {
    this.#scanner = scanner;
  }

  query(): EsqlCommand[] {
    const commands = [this.#from()];
    while (this.#takeIf('|') !== undefined) commands.push(this.#command());
    const next = this.#scanner.peek().kind;
    if (next !== 'end') {
      const comparison = next === '=' && commands.at(-1)?.kind === 'where' ? '`==`, ' : '';
      throw this.#scanner.unexpected(`${comparison}\`|\` or the end of the query`);
    }
    return commands;
  }

  #takeIf(kind: EsqlToken['kind']): EsqlToken | undefined {
    return this.#scanner.peek().kind === kind ? this.#scanner.take() : undefined;
  }

  #expect(kind: EsqlToken['kind'], expected = `\`${kind}\``): EsqlToken {
    const token = this.#takeIf(kind);
    if (token === undefined) throw this.#scanner.unexpected(expected);
    return token;
  }

  #list<Item>(item: () => Item): Item[] {
    const items = [item()];
    while (this.#takeIf(',') !== undefined) items.push(item());
    return items;
  }

  #from(): EsqlCommand {
    const word = this.#scanner.peek();
    if (word.kind !== 'name' || word.text.toLowerCase() !== 'from') {
      if (word.kind === 'name' && otherCommands.includes(word.text.toLowerCase())) throw this.#unsupported(word);
      throw this.#scanner.unexpected('`from`');
    }
    this.#scanner.take();
    const indices = this.#list(() => {
      const quoted = this.#peekQuoted();
      const name = quoted ?? this.#scanner.takeRaw(index);
      if (name === undefined) throw this.#scanner.unexpected('the name of an index');
      return name;
    });
    const metadata =
      this.#takeIf('metadata') === undefined ? [] : this.#list(() => this.#expect('name', 'a metadata field'));
    return { kind: 'from', indices, metadata, start: word.start, end: (metadata.at(-1) ?? indices.at(-1) ?? word).end };
  }

  /**
   * The next token if it is an index in quotes. Names of indices are not tokens, so the scanner cannot peek at anything
   * else.
   */
  #peekQuoted(): EsqlToken | undefined {
    const quoted = this.#scanner.takeRaw(/"(?:""(?:(?!""")[\s\S])+"")?[^"]*"/y);
    if (quoted === undefined) return undefined;
    return { ...quoted, text: quoted.text.replace(/^"+|"+$/g, '') };
  }

  #unsupported(word: EsqlToken): Error {
    return this.#scanner.errorAt(
      word,
      `the command ${foundText(this.#scanner.source, word.start, word.end)} is not supported; supported are from, ${ownCommands.join(', ')}`,
    );
  }

  #command(): EsqlCommand {
    const word = this.#scanner.take();
    const name = word.text.toLowerCase();
    const { start } = word;
    const upTo = (parts: readonly Span[]): Span => ({ start, end: parts.at(-1)?.end ?? word.end });
    switch (name) {
      case 'keep':
      case 'drop': {
        const patterns = this.#list(() => this.#pattern());
        return { kind: name, patterns, ...upTo(patterns) };
      }
      case 'rename': {
        const pairs = this.#list(() => this.#renaming());
        return { kind: 'rename', pairs, ...upTo(pairs) };
      }
      case 'where': {
        const condition = this.#expression();
        return { kind: 'where', condition, ...upTo([condition]) };
      }
      case 'eval': {
        const assignments = this.#list(() => this.#assignment(false));
        return { kind: 'eval', assignments, ...upTo(assignments) };
      }
      case 'stats': {
        const aggregations = this.#scanner.peek().kind === 'by' ? [] : this.#list(() => this.#assignment(true));
        const by = this.#takeIf('by') === undefined ? [] : this.#list(() => this.#assignment(false));
        if (aggregations.length + by.length === 0) throw this.#scanner.unexpected('an aggregation or `by`');
        return { kind: 'stats', aggregations, by, ...upTo([...aggregations, ...by]) };
      }
      case 'sort': {
        const keys = this.#list(() => this.#sortKey());
        return { kind: 'sort', keys, ...upTo(keys) };
      }
      case 'limit': {
        const token = this.#expect('number', 'a number of rows');
        const rows = Number(token.text);
        if (!Number.isSafeInteger(rows) || rows > maxLimit)
          throw this.#scanner.errorAt(token, `\`limit\` takes a whole number up to ${maxLimit}`);
        return { kind: 'limit', rows, ...upTo([token]) };
      }
      case 'mv_expand': {
        const column = this.#pattern();
        return { kind: 'mv_expand', column, ...upTo([column]) };
      }
      default:
        if (otherCommands.includes(name)) throw this.#unsupported(word);
        throw this.#scanner.errorAt(
          word,
          `${foundText(this.#scanner.source, word.start, word.end)} is not a command; commands are ${ownCommands.join(', ')}`,
        );
    }
  }

  #pattern(): Pattern {
    const token = this.#scanner.takeRaw(columnPattern);
    if (token === undefined) throw this.#scanner.unexpected('the name of a column');
    const isExact = token.text.includes('`');
    return { ...token, text: unquoted(token.text), isExact };
  }

  #renaming(): Span & { from: Pattern; to: string } {
    const first = this.#pattern();
    // `rename new = old`, the newer form, or `rename old as new`.
    if (this.#takeIf('=') !== undefined) {
      const from = this.#pattern();
      return { from, to: this.#newName(first), start: first.start, end: from.end };
    }
    this.#expect('as', '`as`');
    const to = this.#pattern();
    return { from: first, to: this.#newName(to), start: first.start, end: to.end };
  }

  #newName(pattern: Pattern): string {
    if (!pattern.isExact && pattern.text.includes('*'))
      throw this.#scanner.errorAt(pattern, 'the new name of a column cannot have a `*`');
    return pattern.text;
  }

  #assignment(isAggregation: boolean): Assignment {
    const first = this.#expression();
    let named: { name: string; expression: Expression };
    if (this.#scanner.peek().kind === '=' && first.kind === 'field') {
      this.#scanner.take();
      named = { name: first.name, expression: this.#expression() };
    } else {
      named = { name: first.kind === 'field' ? first.name : this.#textOf(first), expression: first };
    }
    const where = isAggregation && this.#takeIf('where') !== undefined ? this.#expression() : undefined;
    return { ...named, where, start: first.start, end: (where ?? named.expression).end };
  }

  /** The name of the column of an expression without a name. */
  #textOf({ start, end }: Span): string {
    return printable(this.#scanner.source.slice(start, end)).replace(/\s+/g, ' ').slice(0, 120);
  }

  #sortKey(): SortKey {
    const expression = this.#expression();
    const descending = this.#takeIf('desc') !== undefined;
    if (!descending) this.#takeIf('asc');
    let nulls: SortKey['nulls'] = descending ? 'first' : 'last';
    let { end } = expression;
    if (this.#takeIf('nulls') !== undefined) {
      const token = this.#takeIf('first') ?? this.#expect('last', '`first` or `last`');
      nulls = token.kind === 'first' ? 'first' : 'last';
      end = token.end;
    }
    return { expression, descending, nulls, start: expression.start, end };
  }

  /** Counts nesting, so that no query can exhaust the stack. */
  #nested<Result>(parse: () => Result): Result {
    if (++this.#depth > maxNesting)
      throw this.#scanner.errorAt(this.#scanner.peek(), `the query is nested more than ${maxNesting} levels deep`);
    try {
      return parse();
    } finally {
      this.#depth--;
    }
  }

  #expression(): Expression {
    return this.#nested(() => this.#joined('or', () => this.#joined('and', () => this.#negation())));
  }

  #joined(kind: 'and' | 'or', operand: () => Expression): Expression {
    const first = operand();
    const of = [first];
    while (this.#takeIf(kind) !== undefined) of.push(operand());
    return of.length === 1 ? first : { kind, of, start: first.start, end: (of.at(-1) ?? first).end };
  }

  #negation(): Expression {
    const token = this.#takeIf('not');
    if (token === undefined) return this.#condition();
    const of = this.#nested(() => this.#negation());
    return { kind: 'not', of, start: token.start, end: of.end };
  }

  #condition(): Expression {
    const left = this.#sum();
    const { start } = left;
    const token = this.#scanner.peek();
    switch (token.kind) {
      case '==':
      case '!=':
      case '<':
      case '<=':
      case '>':
      case '>=': {
        this.#scanner.take();
        const right = this.#sum();
        return { kind: 'compare', operator: token.kind, left, right, start, end: right.end };
      }
      case 'is': {
        this.#scanner.take();
        const isNot = this.#takeIf('not') !== undefined;
        const { end } = this.#expect('null');
        const isNull: Expression = { kind: 'is null', of: left, start, end };
        return isNot ? { kind: 'not', of: isNull, start, end } : isNull;
      }
      case 'not': {
        this.#scanner.take();
        const of = this.#membership(left);
        if (of === undefined) throw this.#scanner.unexpected('`in`, `like` or `rlike`');
        return { kind: 'not', of, start, end: of.end };
      }
      case '=~':
      case ':':
        throw this.#scanner.errorAt(
          token,
          `the operator ${foundText(this.#scanner.source, token.start, token.end)} is not supported; use \`==\`, \`like\` or \`rlike\``,
        );
      default:
        return this.#membership(left) ?? left;
    }
  }

  #membership(of: Expression): Expression | undefined {
    const { start } = of;
    if (this.#takeIf('in') !== undefined) {
      this.#expect('(');
      const list = this.#list(() => this.#expression());
      return { kind: 'in', of, list, start, end: this.#expect(')').end };
    }
    const token = this.#takeIf('like') ?? this.#takeIf('rlike');
    if (token === undefined) return undefined;
    const kind = token.kind === 'like' ? 'like' : 'rlike';
    const pattern = (): EsqlToken => this.#expect('string', 'a pattern in double quotes');
    if (this.#takeIf('(') === undefined) {
      const only = pattern();
      return { kind, of, patterns: [only], start, end: only.end };
    }
    const patterns = this.#list(pattern);
    return { kind, of, patterns, start, end: this.#expect(')').end };
  }

  #sum(): Expression {
    return this.#arithmetic(['+', '-'], () => this.#arithmetic(['*', '/', '%'], () => this.#sign()));
  }

  #arithmetic(operators: readonly ArithmeticOperator[], operand: () => Expression): Expression {
    let left = operand();
    for (let count = 0; ; count++) {
      const operator = operators.find((one) => this.#scanner.peek().kind === one);
      if (operator === undefined) return left;
      const token = this.#scanner.take();
      if (count === maxNesting) throw this.#scanner.errorAt(token, `more than ${maxNesting} operators in a row`);
      const right = operand();
      left = { kind: 'arithmetic', operator, left, right, start: left.start, end: right.end };
    }
  }

  #sign(): Expression {
    const token = this.#takeIf('-') ?? this.#takeIf('+');
    if (token?.kind === '+') return this.#nested(() => this.#sign());
    if (token !== undefined) {
      const of = this.#nested(() => this.#sign());
      return { kind: 'negative', of, start: token.start, end: of.end };
    }
    let expression = this.#primary();
    while (this.#takeIf('::') !== undefined) {
      const type = this.#expect('name', 'a type');
      expression = {
        kind: 'cast',
        of: expression,
        type: type.text.toLowerCase(),
        start: expression.start,
        end: type.end,
      };
    }
    return expression;
  }

  #primary(): Expression {
    const token = this.#scanner.peek();
    const { start, end } = token;
    switch (token.kind) {
      case 'string':
        this.#scanner.take();
        return { kind: 'literal', value: token.text, start, end };
      case 'true':
      case 'false':
        this.#scanner.take();
        return { kind: 'literal', value: token.kind === 'true', start, end };
      case 'null':
        this.#scanner.take();
        return { kind: 'literal', value: null, start, end };
      case 'number':
        return this.#number();
      case '(': {
        this.#scanner.take();
        const inner = this.#expression();
        return { ...inner, start, end: this.#expect(')').end };
      }
      case 'name':
        return this.#nameOrCall();
      case '?':
        throw this.#scanner.errorAt(token, 'parameters are not supported: write the value');
      case '[':
        throw this.#scanner.errorAt(token, 'lists of values are not supported');
      case 'first':
      case 'last':
      case 'asc':
      case 'desc':
      case 'nulls':
      case 'as':
      case 'metadata':
        throw this.#scanner.errorAt(
          token,
          `\`${token.text}\` is a keyword; quote a column of this name with backticks`,
        );
      default:
        throw this.#scanner.unexpected('a field, a value or a function');
    }
  }

  #number(): Expression {
    const token = this.#scanner.take();
    const value = Number(token.text);
    if (!Number.isFinite(value)) throw this.#scanner.errorAt(token, 'the number is too large');
    const unit = this.#scanner.peek();
    if (unit.kind !== 'name' || unit.isQuoted) {
      const isDecimal = /[.eE]/.test(token.text);
      return { kind: 'literal', value, isDecimal, start: token.start, end: token.end };
    }
    this.#scanner.take();
    return { kind: 'timespan', amount: value, unit: unit.text.toLowerCase(), start: token.start, end: unit.end };
  }

  #nameOrCall(): Expression {
    const token = this.#scanner.take();
    const { start } = token;
    if (token.isQuoted || this.#takeIf('(') === undefined) {
      return { kind: 'field', name: token.text, start, end: token.end };
    }
    const args: Expression[] = [];
    if (this.#scanner.peek().kind === '*') {
      const star = this.#scanner.take();
      args.push({ kind: 'star', start: star.start, end: star.end });
    } else if (this.#scanner.peek().kind !== ')') {
      args.push(...this.#list(() => this.#expression()));
    }
    return { kind: 'call', name: token.text.toLowerCase(), args, start, end: this.#expect(')').end };
  }
}
