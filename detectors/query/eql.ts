// Compiles an EQL event query (`category where condition`) to a predicate.

import type { FieldReader } from '../../collectors/event/event.ts';
import { foldCase } from './case-folding.ts';
import { and, not, or } from './conditions.ts';
import {
  type ArithmeticOperator,
  arithmetic,
  asCondition,
  containment,
  type Evaluate,
  type Expression,
  equality,
  ordering,
  overArguments,
  testing,
  whenTrue,
} from './eql-expressions.ts';
import { type EqlFunction, type EqlParameter, eqlFunctions, type LiteralArgument } from './eql-functions.ts';
import { type EqlToken, tokenizeEql } from './eql-lexer.ts';
import { presentValue, rangeTests, type Scalar, someValue, textOf } from './field-values.ts';
import { compileRegex } from './lucene-regex.ts';
import type { CompiledQuery, Predicate, QueryError } from './query.ts';
import { errorAt, foundText, maxNesting } from './query-position.ts';
import { compileWildcard, parseWildcard } from './wildcard.ts';

/** A query over one event. `category` is the required value of `event.category`; undefined for `any`. */
export type CompiledEql = CompiledQuery & { kind: 'event'; category: string | undefined };

/**
 * Compiles an EQL query. Throws a QueryError with the position of the fault.
 *
 * A comparison with an absent field is false, and its negation true: a field that was not observed must not silence a
 * rule. Elasticsearch returns the same documents (it negates with must_not). `field == null` tests for absence. A field
 * with several values passes a test if any value does; `!=` and `not in` are the negations of `==` and `in`, so all
 * values must differ. `==`, `in`, `like`, `regex` and functions are case-sensitive; `:` and operators and functions
 * with `~` are not. Sequences, samples, joins and pipes are rejected as not supported yet. Source: Elastic's EQL syntax
 * and function references.
 */
export function compileEql(source: string): CompiledEql {
  const parser = new EqlParser(source);
  return { kind: 'event', ...parser.eventQuery(), fields: parser.fields };
}

const sequences = '`sequence` queries are not supported yet';

/** The first words of other kinds of queries, with the error for each. */
const unsupportedQueries: Readonly<Record<string, string>> = {
  sequence: sequences,
  sample: '`sample` queries are not supported yet',
  join: '`join` queries are not supported yet',
  '[': `\`[…]\` is a part of a \`sequence\`, and ${sequences}`,
  from: 'ES|QL is not supported',
  row: 'ES|QL is not supported',
};

/** Words that may follow the condition in such queries or in Elasticsearch, with the error for each. */
const unsupportedAfter: Readonly<Record<string, string>> = {
  '|': 'pipes are not supported yet',
  by: `\`by\` joins the events of a \`sequence\`, and ${sequences}`,
  with: `\`with\` is a part of a \`sequence\`, and ${sequences}`,
  until: `\`until\` ends a \`sequence\`, and ${sequences}`,
  as: `\`as\` names an event of a \`sequence\`, and ${sequences}`,
};

const relations = ['child', 'descendant', 'event'];

const arithmeticFunctions: Readonly<Record<string, ArithmeticOperator>> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  modulo: '%',
};

const functionNames = [...eqlFunctions.map((one) => one.name), ...Object.keys(arithmeticFunctions)].sort();

class EqlParser {
  readonly fields = new Set<string>();
  readonly #source: string;
  readonly #tokens: readonly EqlToken[];
  #index = 0;
  #nesting = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenizeEql(source);
  }

  eventQuery(): { matches: CompiledQuery['matches']; category: string | undefined } {
    const first = this.#peek();
    if (first.kind === 'end') throw this.#refuse(first, 'the query is empty: write `category where condition`');
    const isWord = first.kind === 'name' && /^[A-Za-z_@]\w*$/.test(this.#source.slice(first.start, first.end));
    const construct = isWord ? first.text.toLowerCase() : first.kind;
    const reason = unsupportedQueries[construct];
    if (reason !== undefined && (construct === first.text || this.#tokens[this.#index + 1]?.kind !== 'where')) {
      throw this.#refuse(first, `${reason}: only \`category where condition\` is`);
    }
    if (!isWord && first.kind !== 'string') {
      throw this.#unexpected('an event category (in double quotes if it is not a plain word) or `any`');
    }
    this.#index++;
    const category = isWord && first.text === 'any' ? undefined : first.text;
    if (!this.#accept('where')) throw this.#unexpected('`where`');
    const condition = this.#conditionOf(this.#or());
    const after = this.#peek();
    const rest = unsupportedAfter[after.text];
    if (rest !== undefined && (after.kind === 'name' || after.kind === '|')) throw this.#refuse(after, rest);
    if (after.kind !== 'end') throw this.#unexpected('an operator, `and`, `or` or the end of the query');
    if (category === undefined) return { matches: condition, category };
    this.fields.add('event.category');
    const isCategory = (one: Scalar): boolean => one === category;
    return { matches: and([(read) => someValue(read('event.category'), isCategory), condition]), category };
  }

  #or(): Expression {
    return this.#logical('or', () => this.#logical('and', () => this.#not(), and), or);
  }

  #logical(
    keyword: 'and' | 'or',
    part: () => Expression,
    combine: (conditions: readonly Predicate[]) => Predicate,
  ): Expression {
    const first = part();
    if (this.#peek().kind !== keyword) return first;
    const parts = [first];
    while (this.#accept(keyword)) parts.push(part());
    return this.#condition(combine(parts.map((one) => this.#conditionOf(one))), parts);
  }

  #not(): Expression {
    const token = this.#peek();
    if (!this.#accept('not')) return this.#comparison();
    return { ...this.#negation(this.#nested(() => this.#not())), start: token.start };
  }

  #comparison(): Expression {
    const left = this.#sum();
    const result = this.#compared(left);
    if (result !== left && this.#startsComparison()) {
      throw this.#refuse(this.#peek(), 'comparisons cannot be chained: join two with `and`');
    }
    return result;
  }

  #startsComparison(): boolean {
    const { kind } = this.#peek();
    return kind === '==' || kind === '!=' || kind === ':' || kind in rangeTests || /^(in|like|regex)~?$/.test(kind);
  }

  #compared(left: Expression): Expression {
    const operator = this.#peek();
    const range = rangeTests[operator.kind];
    if (operator.kind === '==' || operator.kind === '!=' || range !== undefined) {
      this.#index++;
      const right = this.#sum();
      this.#comparable(left, right);
      if (range === undefined) {
        // A test for absence and a comparison with `false` are true without the field.
        const matchesAbsentField = [left, right].some((one) => one.type === 'null' || typeof one.literal === 'boolean');
        const equal = this.#test(equality(left, right), [left, right], matchesAbsentField ? [] : [left, right]);
        return operator.kind === '==' ? equal : this.#negation(equal);
      }
      const boolean = [left, right].find((one) => one.type === 'boolean');
      if (boolean !== undefined)
        throw this.#refuse(boolean, `a boolean has no order: \`${operator.text}\` compares numbers or strings`);
      for (const side of [left, right]) this.#refuseNull(side);
      const swapped = left.literal !== undefined && right.literal === undefined;
      const test = swapped ? ordering(right, left, (order) => range(-order)) : ordering(left, right, range);
      return this.#test(test, [left, right]);
    }
    const negated = operator.kind === 'not';
    if (negated) this.#index++;
    const keyword = this.#peek();
    if (keyword.kind === 'in' || keyword.kind === 'in~') {
      this.#index++;
      const contained = this.#in(left, keyword.kind === 'in~');
      return negated ? this.#negation(contained) : contained;
    }
    if (negated) throw this.#unexpected('`in` after `not`; to negate another operator write `not (… like …)`');
    const pattern = /^(:|like|regex)(~?)$/.exec(keyword.kind);
    if (pattern === null) return left;
    this.#index++;
    const ignoreCase = pattern[1] === ':' || pattern[2] === '~';
    return this.#patterns(left, keyword, pattern[1] === 'regex', ignoreCase);
  }

  #in(left: Expression, ignoreCase: boolean): Expression {
    const items = this.#list(() => this.#or());
    for (const one of [left, ...items]) this.#refuseNull(one);
    for (const item of items) this.#comparable(left, item);
    if (ignoreCase) this.#expectType(left, 'string', '`in~` compares strings');
    const computed = items.find((item) => item.literal === undefined);
    if (computed !== undefined) {
      if (ignoreCase) throw this.#refuse(computed, '`in~` takes string literals');
      return this.#test(containment(left, items), [left, ...items], items.length === 1 ? [left, ...items] : [left]);
    }
    const fold = ignoreCase ? foldCase : (text: string) => text;
    const texts = new Set(items.map(({ literal }) => fold(String(literal))));
    const contained = (one: Scalar): boolean => {
      const text = textOf(one);
      return text !== undefined && texts.has(fold(text));
    };
    return this.#test(testing(left, contained), [left, ...items]);
  }

  /** `:`, `like` and `regex`, with one string or a list of strings. */
  #patterns(left: Expression, operator: EqlToken, regex: boolean, ignoreCase: boolean): Expression {
    this.#refuseNull(left);
    this.#expectType(left, 'string', `\`${operator.text}\` compares strings`);
    const items = this.#peek().kind === '(' ? this.#list(() => this.#sum()) : [this.#sum()];
    const exact = new Set<string>();
    const tests: ((text: string) => boolean)[] = [];
    const fold = ignoreCase && !regex ? foldCase : (text: string) => text;
    for (const item of items) {
      if (typeof item.literal !== 'string') {
        const hint =
          item.type === 'null'
            ? '; to test for absence write `== null`'
            : item.literal === undefined
              ? ''
              : '; for other values write `==`';
        throw this.#refuse(
          item,
          `\`${operator.text}\` takes string literals, found ${foundText(this.#source, item.start, item.end)}${hint}`,
        );
      }
      if (regex) tests.push(compileRegex(item.literal, ignoreCase, maxNesting, (reason) => this.#fail(item, reason)));
      else if (/[*?]/.test(item.literal)) tests.push(compileWildcard(parseWildcard(fold(item.literal))));
      else exact.add(fold(item.literal));
    }
    const matchesPattern = (one: Scalar): boolean => {
      const text = textOf(one);
      if (text === undefined) return false;
      const folded = fold(text);
      return exact.has(folded) || tests.some((test) => test(folded));
    };
    return this.#test(testing(left, matchesPattern), [left, ...items]);
  }

  #list(item: () => Expression): Expression[] {
    if (!this.#accept('(')) throw this.#unexpected('`(` and a list of values');
    const items = this.#nested(() => {
      const found = [item()];
      while (this.#accept(',')) found.push(item());
      return found;
    });
    if (!this.#accept(')')) throw this.#unexpected('`,` or `)`');
    return items;
  }

  #sum(): Expression {
    return this.#arithmeticChain(['+', '-'], () => this.#arithmeticChain(['*', '/', '%'], () => this.#unary()));
  }

  #arithmeticChain(operators: readonly ArithmeticOperator[], part: () => Expression): Expression {
    let left = part();
    for (;;) {
      const operator = operators.find((one) => one === this.#peek().kind);
      if (operator === undefined) return left;
      this.#index++;
      left = this.#arithmetic(operator, left, part());
    }
  }

  #arithmetic(operator: ArithmeticOperator, left: Expression, right: Expression): Expression {
    for (const side of [left, right]) this.#expectType(side, 'number', `\`${operator}\` computes with numbers`);
    return this.#node('number', arithmetic(operator, left, right), [left, right], left.float || right.float);
  }

  #unary(): Expression {
    const token = this.#peek();
    if (token.kind !== '-' && token.kind !== '+') return this.#primary();
    this.#index++;
    const operand = this.#nested(() => this.#unary());
    this.#expectType(operand, 'number', `\`${token.kind}\` computes with numbers`);
    if (token.kind === '+') return { ...operand, start: token.start };
    if (typeof operand.literal === 'number')
      return this.#literal(-operand.literal, { start: token.start, end: operand.end }, operand.float);
    const zero = this.#literal(0, operand, false);
    return { ...this.#arithmetic('-', zero, operand), start: token.start };
  }

  #primary(): Expression {
    const token = this.#peek();
    switch (token.kind) {
      case '(': {
        this.#index++;
        const inner = this.#nested(() => this.#or());
        const end = this.#peek().end;
        if (!this.#accept(')')) throw this.#unexpected('an operator or `)`');
        return { ...inner, start: token.start, end };
      }
      case 'string':
        this.#index++;
        return this.#literal(token.text, token, false);
      case 'number': {
        this.#index++;
        const value = Number(token.text);
        if (!Number.isFinite(value)) throw this.#refuse(token, 'the number is too large');
        return this.#literal(value, token, /[.eE]/.test(token.text));
      }
      case 'true':
      case 'false':
        this.#index++;
        return this.#literal(token.kind === 'true', token, false);
      case 'null':
        this.#index++;
        return {
          type: 'null',
          start: token.start,
          end: token.end,
          depth: 0,
          float: false,
          needs: [],
          evaluate: () => undefined,
        };
      case '?': {
        this.#index++;
        if (this.#peek().kind !== 'name') throw this.#unexpected('a field name after `?`');
        return { ...this.#field(), start: token.start };
      }
      case 'name':
        if (this.#tokens[this.#index + 1]?.kind === '(') return this.#call();
        return this.#field();
      default:
        throw this.#unexpected('a field, a value, a function, `not` or `(`');
    }
  }

  #field(): Expression {
    const token = this.#peek();
    this.#index++;
    const next = this.#peek();
    if (next.kind === '[')
      throw this.#refuse(
        next,
        'positions in a list (`field[0]`) are not supported: a field passes when any of its values does',
      );
    if (next.kind === 'name' && next.text === 'of' && relations.includes(token.text))
      throw this.#refuse(
        { start: token.start, end: next.end },
        `\`${token.text} of\` is not supported; fields of the parent and of further ancestors (\`process.parent.name\`, \`stepparent.lineage.name\`) are`,
      );
    if (token.text.endsWith('~'))
      throw this.#refuse(token, `${this.#found(token)} must be a function and be followed by \`(\``);
    this.fields.add(token.text);
    const evaluate: Evaluate = (read: FieldReader) => presentValue(read(token.text));
    return { type: 'any', start: token.start, end: token.end, depth: 0, float: false, needs: [token.text], evaluate };
  }

  #call(): Expression {
    const token = this.#peek();
    this.#index++;
    const close = (): number => this.#tokens[this.#index - 1]?.end ?? token.end;
    const written = token.text.replace(/~$/, '');
    const ignoreCase = written !== token.text;
    const name = functionNames.find((one) => one.toLowerCase() === written.toLowerCase());
    if (name === undefined)
      throw this.#refuse(token, `unknown function ${this.#found(token)}: allowed are ${functionNames.join(', ')}`);
    const definition = eqlFunctions.find((one) => one.name === name);
    if (ignoreCase && definition?.foldable === undefined)
      throw this.#refuse(token, `\`${name}\` has no case-insensitive variant: write it without \`~\``);
    const args = this.#tokens[this.#index + 1]?.kind === ')' ? [] : this.#list(() => this.#or());
    if (args.length === 0) this.#index += 2;
    const span = { start: token.start, end: close() };
    const operator = arithmeticFunctions[name];
    if (operator !== undefined || definition === undefined) {
      const [left, right] = args;
      if (left === undefined || right === undefined || args.length > 2)
        throw this.#refuse(token, `\`${name}\` takes 2 arguments, found ${args.length}`);
      return { ...this.#arithmetic(operator ?? '+', left, right), ...span };
    }
    return { ...this.#applied(definition, args, ignoreCase, token), ...span };
  }

  #applied(definition: EqlFunction, args: readonly Expression[], ignoreCase: boolean, token: EqlToken): Expression {
    const { name, parameters, required, repeats, returns, foldable = [], bind } = definition;
    if (args.length < required || (args.length > parameters.length && repeats === undefined)) {
      const allowed = repeats
        ? `at least ${required}`
        : required === parameters.length
          ? `${required}`
          : `${required} to ${parameters.length}`;
      throw this.#refuse(
        token,
        `\`${name}\` takes ${allowed} argument${allowed === '1' || allowed === 'at least 1' ? '' : 's'}, found ${args.length}`,
      );
    }
    const literals: LiteralArgument[] = [];
    const literalNodes: Expression[] = [];
    const evaluated: Evaluate[] = [];
    const types: EqlParameter['type'][] = [];
    for (const [index, argument] of args.entries()) {
      const parameter = parameters[Math.min(index, parameters.length - 1)];
      if (parameter === undefined) continue;
      const folded = ignoreCase && foldable.includes(index);
      if (parameter.type !== 'any')
        this.#expectType(argument, parameter.type, `\`${name}\` needs a ${parameter.type} for \`${parameter.name}\``);
      if (parameter.literal) {
        if (argument.literal === undefined && argument.type !== 'null') {
          throw this.#refuse(
            argument,
            `\`${name}\` needs a literal for \`${parameter.name}\`, found ${foundText(this.#source, argument.start, argument.end)}`,
          );
        }
        literals.push(argument.literal ?? null);
        literalNodes.push(argument);
      } else {
        evaluated.push(folded ? foldedArgument(argument) : argument.evaluate);
        types.push(parameter.type);
      }
    }
    const apply = bind(literals, ignoreCase, (index, reason) => this.#fail(literalNodes[index] ?? token, reason));
    const evaluate = overArguments(evaluated, (values) => {
      for (const [index, value] of values.entries()) {
        const type = types[index];
        if (type === 'any' ? textOf(value) === undefined : typeof value !== type) return undefined;
      }
      return apply(values);
    });
    const node = this.#node(returns, evaluate, args, false);
    if (returns === 'boolean')
      node.condition = whenTrue(
        testing(node, (one) => one === true),
        node.needs,
      );
    return node;
  }

  #literal(literal: Scalar, span: { start: number; end: number }, float: boolean): Expression {
    const type = typeof literal === 'string' ? 'string' : typeof literal === 'number' ? 'number' : 'boolean';
    const { start, end } = span;
    const node: Expression = { type, literal, start, end, depth: 0, float, needs: [], evaluate: () => literal };
    if (typeof literal === 'boolean') node.condition = () => literal;
    return node;
  }

  /** A comparison. As a value it is null if it is false because a field of `needed` is absent. */
  #test(evaluate: Evaluate, operands: readonly Expression[], needed = operands): Expression {
    const needs = needed.flatMap((one) => one.needs);
    return { ...this.#node('boolean', evaluate, operands, false), needs, condition: whenTrue(evaluate, needs) };
  }

  #condition(condition: Predicate, operands: readonly Expression[]): Expression {
    return { ...this.#node('boolean', condition, operands, false), needs: [], condition };
  }

  #negation(negated: Expression): Expression {
    return this.#condition(not(this.#conditionOf(negated)), [negated]);
  }

  #node(type: Expression['type'], evaluate: Evaluate, operands: readonly Expression[], float: boolean): Expression {
    const start = operands[0]?.start ?? 0;
    const end = operands.at(-1)?.end ?? start;
    const depth = operands.reduce((deepest, one) => Math.max(deepest, one.depth + 1), 1);
    const needs = operands.flatMap((one) => one.needs);
    const node: Expression = { type, start, end, depth, float, needs, evaluate };
    if (depth > maxNesting) throw this.#tooDeep(node);
    return node;
  }

  #conditionOf(expression: Expression): Predicate {
    this.#refuseNull(expression);
    if (expression.type === 'string' || expression.type === 'number') {
      throw this.#refuse(
        expression,
        `${foundText(this.#source, expression.start, expression.end)} is a ${expression.type}, where a condition is needed`,
      );
    }
    return asCondition(expression);
  }

  #refuseNull(expression: Expression): void {
    if (expression.type !== 'null') return;
    throw this.#refuse(
      expression,
      '`null` can only be compared with `==` and `!=`: to test for absence write `field == null`',
    );
  }

  #expectType(expression: Expression, type: 'string' | 'number' | 'boolean', need: string): void {
    if (expression.type === type || expression.type === 'any' || expression.type === 'null') return;
    throw this.#refuse(
      expression,
      `${need}, found the ${expression.type} ${foundText(this.#source, expression.start, expression.end)}`,
    );
  }

  #comparable(left: Expression, right: Expression): void {
    const open = (one: Expression): boolean => one.type === 'any' || one.type === 'null';
    if (left.type === right.type || open(left) || open(right)) return;
    throw this.#refuse(
      right,
      `a ${left.type} cannot be compared with the ${right.type} ${foundText(this.#source, right.start, right.end)}`,
    );
  }

  #nested<T>(parse: () => T): T {
    if (++this.#nesting > maxNesting) throw this.#tooDeep(this.#peek());
    const result = parse();
    this.#nesting--;
    return result;
  }

  #tooDeep(span: { start: number; end: number }): QueryError {
    return this.#refuse(span, `the query is nested more than ${maxNesting} levels deep`);
  }

  #peek(): EqlToken {
    const token = this.#tokens[this.#index];
    if (token?.error !== undefined) throw token.error;
    return token ?? { kind: 'end', start: this.#source.length, end: this.#source.length, text: '' };
  }

  #accept(kind: EqlToken['kind']): boolean {
    if (this.#peek().kind !== kind) return false;
    this.#index++;
    return true;
  }

  #found(token: EqlToken): string {
    return foundText(this.#source, token.start, token.end);
  }

  #refuse(span: { start: number; end: number }, message: string): QueryError {
    return errorAt(this.#source, span.start, span.end, message);
  }

  #fail(span: { start: number; end: number }, message: string): never {
    throw this.#refuse(span, message);
  }

  #unexpected(expected: string): QueryError {
    const token = this.#peek();
    const lower = token.text.toLowerCase();
    const hint =
      token.kind === 'name' && /^(and|or|not|in|like|regex|where)~?$/.test(lower)
        ? `; keywords are lower case: \`${lower}\``
        : '';
    return this.#refuse(token, `found ${this.#found(token)}, expected ${expected}${hint}`);
  }
}

function foldedArgument({ literal, evaluate }: Expression): Evaluate {
  if (typeof literal === 'string') {
    const folded = foldCase(literal);
    return () => folded;
  }
  const fold = (one: Scalar): Scalar => (typeof one === 'string' ? foldCase(one) : one);
  return (read) => {
    const value = evaluate(read);
    return value === undefined ? undefined : typeof value === 'object' ? value.map(fold) : fold(value);
  };
}
