// Cuts an ES|QL query into tokens, at the parser's request: names of indices and patterns of columns have other tokens
// than expressions.

import type { QueryError } from './query.ts';
import { errorAt, foundText } from './query-position.ts';

const keywords = [
  'and',
  'or',
  'not',
  'in',
  'like',
  'rlike',
  'is',
  'null',
  'true',
  'false',
  'as',
  'by',
  'asc',
  'desc',
  'nulls',
  'first',
  'last',
  'where',
  'metadata',
] as const;
const signs = [
  '==',
  '!=',
  '<=',
  '>=',
  '=~',
  '::',
  '<',
  '>',
  '=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '(',
  ')',
  '[',
  ']',
  ',',
  ':',
  '|',
  '?',
] as const;

type Keyword = (typeof keywords)[number];
type Sign = (typeof signs)[number];

/** A word, literal or sign of an ES|QL query. */
export interface EsqlToken {
  kind: Keyword | Sign | 'name' | 'string' | 'number' | 'end';
  /** Offsets in the source, in UTF-16 units; `end` is exclusive. */
  start: number;
  end: number;
  /** A name without backticks; a string's value; else the text as written. */
  text: string;
  /** A name in backticks, which is never a keyword or a function. */
  isQuoted?: boolean;
}

/**
 * Reads an ES|QL query token by token. The parser reads names of indices and of columns with wildcards by patterns of
 * their own, with `takeRaw`.
 */
export interface EsqlScanner {
  readonly source: string;
  /** The next token, which only `take` consumes. Throws a QueryError if the text is not a token. */
  peek(): EsqlToken;
  take(): EsqlToken;
  /**
   * Consumes the text from the next token on that matches a sticky expression, as a token of kind `name`. Undefined: no
   * match.
   */
  takeRaw(pattern: RegExp): EsqlToken | undefined;
  errorAt(token: { start: number; end: number }, message: string): QueryError;
  /** An error for the next token: `expected` is a noun phrase. */
  unexpected(expected: string): QueryError;
}

const blank = /[ \r\n\t]+|\/\/[^\r\n]*/y;
const commentMark = /\/\*|\*\//g;
const namePart = '(?:[A-Za-z_@][A-Za-z0-9_]*|`(?:[^`]|``)+`)';
const name = new RegExp(`${namePart}(?:\\.${namePart})*`, 'y');
const number = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const tripleString = /"""([\s\S]*?)"""(?!")/y;
const plainString = /"((?:[^"\\\r\n]|\\[^\r\n])*)"/y;
const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', '"': '"', '\\': '\\' };

/**
 * Prepares a scanner at the start of the text. It reads nothing before the first call, so errors come from `peek`,
 * `take` and `takeRaw`.
 */
export function scanEsql(source: string): EsqlScanner {
  let position = 0;
  let ahead: EsqlToken | undefined;
  const matchAt = (pattern: RegExp, index: number): RegExpExecArray | null => {
    pattern.lastIndex = index;
    return pattern.exec(source);
  };
  const fault = (start: number, end: number, message: string): QueryError => errorAt(source, start, end, message);

  const skipBlank = (from: number): number => {
    let index = from;
    for (;;) {
      const skipped = matchAt(blank, index);
      if (skipped !== null) index += skipped[0].length;
      else if (source.startsWith('/*', index)) index = commentEnd(index);
      else return index;
    }
  };

  /** Comments nest. */
  const commentEnd = (start: number): number => {
    let index = start + 2;
    for (let depth = 1; depth > 0; index += 2) {
      const mark = matchAt(commentMark, index);
      if (mark === null) throw fault(start, start + 2, 'the comment that begins here has no closing `*/`');
      index = mark.index;
      depth += mark[0] === '/*' ? 1 : -1;
    }
    return index;
  };

  const stringAt = (start: number): EsqlToken => {
    const triple = matchAt(tripleString, start);
    if (triple !== null) return { kind: 'string', start, end: start + triple[0].length, text: triple[1] ?? '' };
    const plain = matchAt(plainString, start);
    if (plain === null) throw fault(start, start + 1, 'the string that begins here has no closing `"`');
    const text = (plain[1] ?? '').replace(/\\(.)/gu, (sequence: string, character: string, offset: number) => {
      const value = escapes[character];
      if (value !== undefined) return value;
      const at = start + 1 + offset;
      throw fault(
        at,
        at + sequence.length,
        `${foundText(source, at, at + sequence.length)} is not an escape: allowed are \\" \\\\ \\n \\r \\t, and """...""" needs none`,
      );
    });
    return { kind: 'string', start, end: start + plain[0].length, text };
  };

  const scan = (from: number): EsqlToken => {
    const start = skipBlank(from);
    const character = source[start];
    if (character === undefined) return { kind: 'end', start, end: start + 1, text: '' };
    if (character === '"') return stringAt(start);
    const word = matchAt(name, start)?.[0];
    if (word !== undefined) {
      const end = start + word.length;
      const keyword = keywords.find((one) => one === word.toLowerCase());
      if (keyword !== undefined) return { kind: keyword, start, end, text: word };
      return { kind: 'name', start, end, text: unquoted(word), isQuoted: word.includes('`') };
    }
    const digits = matchAt(number, start)?.[0];
    if (digits !== undefined) return { kind: 'number', start, end: start + digits.length, text: digits };
    const sign = signs.find((one) => source.startsWith(one, start));
    if (sign !== undefined) return { kind: sign, start, end: start + sign.length, text: sign };
    const width = (source.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
    throw fault(start, start + width, `${foundText(source, start, start + width)} is not part of ES|QL`);
  };

  const peek = (): EsqlToken => {
    ahead ??= scan(position);
    return ahead;
  };
  return {
    source,
    peek,
    take() {
      const token = peek();
      position = token.kind === 'end' ? token.start : token.end;
      ahead = undefined;
      return token;
    },
    takeRaw(pattern) {
      // peek() could throw here, because the next text need not be a token of an expression.
      const start = skipBlank(position);
      const text = matchAt(pattern, start)?.[0];
      if (text === undefined) return undefined;
      position = start + text.length;
      ahead = undefined;
      return { kind: 'name', start, end: position, text };
    },
    errorAt: ({ start, end }, message) => fault(start, end, message),
    unexpected(expected) {
      const { start, end } = peek();
      return fault(start, end, `found ${foundText(source, start, end)}, expected ${expected}`);
    },
  };
}

/** A name without the backticks of its parts. */
export const unquoted = (word: string): string =>
  word.replace(/`((?:[^`]|``)+)`/g, (_, inner: string) => inner.replaceAll('``', '`'));
