// Compiles the Kibana Query Language, as detection rules use it, to a predicate.

import type { FieldValue } from '../../collectors/event/event.ts';
import { and, not, or } from './conditions.ts';
import { orderOf, parseNumber, presentValue, rangeTests, type Scalar, someValue } from './field-values.ts';
import { type KqlToken, tokenizeKql } from './kql-lexer.ts';
import type { CompiledQuery, Predicate, QueryError } from './query.ts';
import { errorAt, foundText, maxNesting } from './query-position.ts';
import { compileWildcard, type WildcardPart } from './wildcard.ts';

/** A test of a field's value; `exact` is the text that the test compares with, if it does nothing else. */
interface ValueTest {
  matches: (value: FieldValue) => boolean;
  exact?: string;
}

/**
 * Compiles a KQL query. Throws a QueryError with the position of the fault.
 *
 * Every field counts as a `keyword`: a value matches as a whole and case-sensitively, and a field with several values
 * matches if any of them does. A number or boolean in the event is compared as a number or boolean. An absent field
 * matches nothing, so `not field:x` is true for it. An unquoted value continues over spaces to the next sign or
 * keyword, as in Kibana. Ranges compare numbers as numbers, two ISO dates as dates (UTC without a zone), other strings
 * by UTF-16 unit. A field pattern (`process.*.name`) is passed to the FieldReader, which must return the values of all
 * fields that fit. Free-text search and nested fields are rejected.
 */
export function compileKql(source: string): CompiledQuery {
  const parser = new KqlParser(source);
  return { matches: parser.query(), fields: parser.fields };
}

/** The beginnings of queries in other languages. KQL without free text cannot begin so. */
const otherLanguages: readonly { opening: RegExp; message: string }[] = [
  {
    opening: /^(?:sequence|sample)\s+(?:by\b|with\b|\[)/,
    message: 'this is EQL, of a kind that is not supported yet, where KQL is needed',
  },
  { opening: /^(?:\w+|"[^"]*")\s+where\s/, message: 'this is EQL, where KQL is needed' },
  { opening: /^(?:from|row)\s+[^|]+\|/i, message: 'this is ES|QL, which is not supported' },
];

class KqlParser {
  readonly fields = new Set<string>();
  readonly #source: string;
  readonly #tokens: readonly KqlToken[];
  #index = 0;
  #nesting = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenizeKql(source);
  }

  query(): Predicate {
    const first = this.#peek();
    if (first.kind === 'end') throw this.#refuse(first, 'the query is empty');
    const otherLanguage = otherLanguages.find(({ opening }) => opening.test(this.#source.slice(first.start)));
    if (otherLanguage !== undefined) throw this.#refuse(first, otherLanguage.message);
    const predicate = this.#or();
    if (this.#peek().kind !== 'end') throw this.#unexpected('`and`, `or` or the end of the query');
    return predicate;
  }

  #or(): Predicate {
    return or(this.#chain('or', () => this.#and()));
  }

  #and(): Predicate {
    return and(this.#chain('and', () => this.#not()));
  }

  #not(): Predicate {
    if (!this.#accept('not')) return this.#group();
    return not(this.#nested(() => this.#not()));
  }

  #group(): Predicate {
    if (!this.#accept('(')) return this.#expression();
    const inner = this.#nested(() => this.#or());
    this.#close();
    return inner;
  }

  #expression(): Predicate {
    const token = this.#peek();
    if (token.kind !== 'word' && token.kind !== 'phrase') throw this.#unexpected('a field, `not` or `(`');
    this.#index++;
    const operator = this.#peek();
    if (operator.kind === ':') {
      const field = this.#field(token);
      this.#index++;
      if (this.#peek().kind === '{')
        throw this.#refuse(
          this.#peek(),
          'nested fields (`field:{ … }`) are not supported: name the field in full, `field.inner:value`',
        );
      const { matches } = this.#valueList();
      return (read) => matches(presentValue(read(field)));
    }
    const range = rangeTests[operator.kind];
    if (range === undefined) {
      const what =
        operator.kind === 'word' || operator.kind === 'phrase'
          ? 'expected `:` or a range operator after it'
          : 'free-text search is not supported';
      throw this.#refuse(token, `${this.#found(token)} has no field: ${what}; write field:value`);
    }
    const field = this.#field(token);
    this.#index++;
    return this.#range(field, range);
  }

  /** The field's name; a wildcard in it stays as `*`. */
  #field(token: KqlToken): string {
    const name = token.parts.map((part) => ('literal' in part ? part.literal : part.wild)).join('');
    if (/^\**$/.test(name)) throw this.#refuse(token, 'a search over all fields is not supported: name a field');
    this.fields.add(name);
    return name;
  }

  #range(field: string, test: (order: number) => boolean): Predicate {
    const token = this.#peek();
    const parts = this.#literal('a number, a date or another value to compare with');
    const [only] = parts;
    if (parts.length !== 1 || only === undefined || !('literal' in only))
      throw this.#refuse(token, 'a range takes no wildcard: write one value');
    const limit = only.literal;
    const isInRange = (one: Scalar): boolean => {
      const order = orderOf(one, limit);
      return order !== undefined && test(order);
    };
    return (read) => someValue(read(field), isInRange);
  }

  #valueList(): ValueTest {
    if (!this.#accept('(')) return this.#value();
    const inner = this.#nested(() => this.#valueOr());
    this.#close();
    return inner;
  }

  #valueOr(): ValueTest {
    return anyValueTest(this.#chain('or', () => this.#valueAnd()));
  }

  #valueAnd(): ValueTest {
    const tests = this.#chain('and', () => this.#valueNot());
    const [first] = tests;
    if (tests.length === 1 && first !== undefined) return first;
    return { matches: (value) => tests.every((test) => test.matches(value)) };
  }

  #valueNot(): ValueTest {
    if (!this.#accept('not')) return this.#valueList();
    const negated = this.#nested(() => this.#valueNot());
    return { matches: (value) => !negated.matches(value) };
  }

  #value(): ValueTest {
    const token = this.#peek();
    const parts = this.#literal('a value');
    if (parts.every((part) => 'wild' in part)) return { matches: (value) => value !== undefined };
    const [only] = parts;
    if (parts.length === 1 && only !== undefined && 'literal' in only) {
      if (token.kind === 'word' && only.literal === 'null')
        throw this.#refuse(
          token,
          '`null` matches nothing: write `not field:*` for an absent field, or "null" for the text',
        );
      return exactTest(only.literal);
    }
    const matchesPattern = compileWildcard(parts);
    return { matches: (value) => someValue(value, (one) => typeof one === 'string' && matchesPattern(one)) };
  }

  /** A phrase, or all words up to the next sign or keyword with the spaces between them. */
  #literal(expected: string): readonly WildcardPart[] {
    const first = this.#peek();
    if (first.kind !== 'word' && first.kind !== 'phrase') throw this.#unexpected(expected);
    this.#index++;
    if (first.kind === 'phrase') return first.parts;
    const parts = [...first.parts];
    let last = first;
    for (let next = this.#peek(); next.kind === 'word'; next = this.#peek()) {
      for (const part of [{ literal: this.#source.slice(last.end, next.start) }, ...next.parts]) {
        const before = parts.at(-1);
        if (before !== undefined && 'literal' in before && 'literal' in part)
          parts[parts.length - 1] = { literal: before.literal + part.literal };
        else parts.push(part);
      }
      last = next;
      this.#index++;
    }
    return parts;
  }

  #chain<T>(keyword: 'and' | 'or', part: () => T): T[] {
    const parts = [part()];
    while (this.#accept(keyword)) parts.push(part());
    return parts;
  }

  #nested<T>(parse: () => T): T {
    if (++this.#nesting > maxNesting)
      throw this.#refuse(this.#peek(), `the query is nested more than ${maxNesting} levels deep`);
    const result = parse();
    this.#nesting--;
    return result;
  }

  #close(): void {
    if (!this.#accept(')')) throw this.#unexpected('`and`, `or` or `)`');
  }

  #peek(): KqlToken {
    return (
      this.#tokens[this.#index] ?? { kind: 'end', start: this.#source.length, end: this.#source.length, parts: [] }
    );
  }

  #accept(kind: KqlToken['kind']): boolean {
    if (this.#peek().kind !== kind) return false;
    this.#index++;
    return true;
  }

  #found(token: KqlToken): string {
    return foundText(this.#source, token.start, token.end);
  }

  #refuse(token: KqlToken, message: string): QueryError {
    return errorAt(this.#source, token.start, token.end, message);
  }

  #unexpected(expected: string): QueryError {
    const token = this.#peek();
    const hint =
      token.kind === 'and' || token.kind === 'or' || token.kind === 'not' ? `; write "${token.kind}" for the word` : '';
    return this.#refuse(token, `found ${this.#found(token)}, expected ${expected}${hint}`);
  }
}

function exactTest(text: string): ValueTest {
  const number = parseNumber(text);
  const equal = (one: Scalar): boolean => {
    if (typeof one === 'string') return one === text;
    return typeof one === 'number' ? one === number : typeof one === 'boolean' && String(one) === text;
  };
  return { matches: (value) => someValue(value, equal), exact: text };
}

function anyValueTest(tests: readonly ValueTest[]): ValueTest {
  const [first] = tests;
  if (tests.length === 1 && first !== undefined) return first;
  const exact = tests.flatMap((test) => test.exact ?? []);
  if (exact.length < tests.length) return { matches: (value) => tests.some((test) => test.matches(value)) };
  const texts = new Set(exact);
  const numbers = new Set(exact.map(parseNumber));
  const contained = (one: Scalar): boolean => {
    if (typeof one === 'string') return texts.has(one);
    return typeof one === 'number' ? numbers.has(one) : typeof one === 'boolean' && texts.has(String(one));
  };
  return { matches: (value) => someValue(value, contained) };
}
