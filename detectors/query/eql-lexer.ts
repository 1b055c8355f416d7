// Cuts an EQL query into names, keywords, literals and signs.

import { QueryError } from './query.ts';
import { errorAt, foundText } from './query-position.ts';

const keywords = [
  'and',
  'or',
  'not',
  'in',
  'in~',
  'like',
  'like~',
  'regex',
  'regex~',
  'true',
  'false',
  'null',
  'where',
] as const;
const signs = [
  '==',
  '!=',
  '<=',
  '>=',
  '<',
  '>',
  ':',
  '+',
  '-',
  '*',
  '/',
  '%',
  '(',
  ')',
  ',',
  '?',
  '[',
  ']',
  '|',
] as const;

type EqlKeyword = (typeof keywords)[number];
type EqlSign = (typeof signs)[number];

/** A word, literal or sign of an EQL query. */
export interface EqlToken {
  kind: EqlKeyword | EqlSign | 'name' | 'string' | 'number' | 'fault' | 'end';
  /** Offsets in the source, in UTF-16 units; `end` is exclusive. */
  start: number;
  end: number;
  /** A name with its dots and without backticks; a string's value; else the text as written. */
  text: string;
  /** The error of a token of kind `fault`. */
  error?: QueryError;
}

const blank = /[ \r\n\t]+|\/\/[^\r\n]*/y;
const name = /(?:[A-Za-z_@][A-Za-z0-9_]*|`(?:[^`]|``)*`)(?:\.(?:[A-Za-z_@][A-Za-z0-9_]*|`(?:[^`]|``)*`))*~?/y;
const number = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const simpleEscapes: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  '"': '"',
  '\\': '\\',
};

/**
 * All tokens. The last one is of kind `end`, or of kind `fault` if a text is not a token, or is a string that EQL no
 * longer has. The parser throws the error when it reaches the fault, because the query may have another error before
 * it.
 */
export function tokenizeEql(source: string): EqlToken[] {
  const tokens: EqlToken[] = [];
  try {
    cut(source, tokens);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    const position = tokens.at(-1)?.end ?? 0;
    tokens.push({ kind: 'fault', start: position, end: position, text: '', error });
  }
  return tokens;
}

function cut(source: string, tokens: EqlToken[]): void {
  let index = 0;
  const matched = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = index;
    return pattern.exec(source)?.[0];
  };
  const push = (kind: EqlToken['kind'], length: number, text: string): void => {
    tokens.push({ kind, start: index, end: index + length, text });
    index += length;
  };
  const refuse = (length: number, message: string): QueryError => errorAt(source, index, index + length, message);

  while (index < source.length) {
    const character = source[index] ?? '';
    const skipped = matched(blank);
    if (skipped !== undefined) {
      index += skipped.length;
      continue;
    }
    if (source.startsWith('/*', index)) {
      const end = source.indexOf('*/', index + 2);
      if (end === -1) throw refuse(2, 'the comment that begins here has no closing `*/`');
      index = end + 2;
      continue;
    }
    const word = matched(name);
    if (word !== undefined) {
      const keyword = keywords.find((one) => one === word);
      if (keyword !== undefined) push(keyword, word.length, word);
      else
        push(
          'name',
          word.length,
          word.replace(/`((?:[^`]|``)*)`/g, (_, inner: string) => inner.replaceAll('``', '`')),
        );
      continue;
    }
    const digits = matched(number);
    if (digits !== undefined) {
      push('number', digits.length, digits);
      continue;
    }
    if (source.startsWith('"""', index)) {
      const { text, length } = rawString(source, index);
      push('string', length, text);
      continue;
    }
    if (character === '"') {
      const { text, length } = quotedString(source, index);
      push('string', length, text);
      continue;
    }
    if (character === "'")
      throw refuse(1, 'EQL no longer has strings in single quotes: write "…", or """…""" for a raw string');
    if (character === '?' && /^["']/.test(source.slice(index + 1))) {
      throw refuse(2, `EQL no longer has raw strings with \`?${source[index + 1]}\`: write """…"""`);
    }
    const sign = signs.find((one) => source.startsWith(one, index));
    if (sign !== undefined) {
      push(sign, sign.length, sign);
      continue;
    }
    if (character === '=') throw refuse(1, 'found `=`, which is not a comparison: write `==`, or `:` to ignore case');
    if (source.startsWith('![', index)) {
      throw refuse(2, '`![…]` is a part of a `sequence`, and `sequence` queries are not supported yet');
    }
    if (character === '`') throw refuse(1, 'the field name that begins here has no closing backtick');
    const width = (source.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
    throw refuse(width, `found ${foundText(source, index, index + width)}, which is not part of EQL`);
  }
  tokens.push({ kind: 'end', start: index, end: index, text: '' });
}

function rawString(source: string, start: number): { text: string; length: number } {
  let end = source.indexOf('"""', start + 3);
  if (end === -1 || /[\r\n]/.test(source.slice(start, end))) {
    throw errorAt(source, start, start + 3, 'the raw string that begins here has no closing `"""` on its line');
  }
  // Up to two quotes before the three closing ones belong to the string.
  for (let extra = 0; extra < 2 && source[end + 3] === '"'; extra++) end++;
  return { text: source.slice(start + 3, end), length: end + 3 - start };
}

function quotedString(source: string, start: number): { text: string; length: number } {
  let text = '';
  for (let index = start + 1; index < source.length; ) {
    const character = source[index] ?? '';
    if (character === '"') return { text, length: index + 1 - start };
    if (character === '\r' || character === '\n') break;
    if (character !== '\\') {
      text += character;
      index++;
      continue;
    }
    const simple = simpleEscapes[source[index + 1] ?? ''];
    if (simple !== undefined) {
      text += simple;
      index += 2;
      continue;
    }
    const hex = /^\\u\{([0-9a-fA-F]{2,8})\}/.exec(source.slice(index, index + 12));
    const codePoint = Number.parseInt(hex?.[1] ?? '', 16);
    if (hex === null || codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) {
      const length = hex?.[0].length ?? 2;
      throw errorAt(
        source,
        index,
        index + length,
        `${foundText(source, index, index + length)} is not an escape: allowed are \\b \\t \\n \\f \\r \\" \\\\ and \\u{2 to 8 hexadecimal digits of a character}; a raw string """…""" needs none`,
      );
    }
    text += String.fromCodePoint(codePoint);
    index += hex[0].length;
  }
  throw errorAt(source, start, start + 1, 'the string that begins here has no closing `"` on its line');
}
