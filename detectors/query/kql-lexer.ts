// Cuts a KQL query into words, phrases and signs.

import { errorAt, foundText } from './query-position.ts';
import type { WildcardPart } from './wildcard.ts';

/** A word, phrase, keyword or sign of a KQL query. */
export interface KqlToken {
  kind: 'word' | 'phrase' | 'and' | 'or' | 'not' | '(' | ')' | '{' | '}' | ':' | '<' | '<=' | '>' | '>=' | 'end';
  /** Offsets in the source, in UTF-16 units; `end` is exclusive. */
  start: number;
  end: number;
  /** A word's or a phrase's text, escapes resolved; only a word has wildcards. */
  parts: readonly WildcardPart[];
}

const space = /[ \t\r\n\u00a0]/;
const sign = /[()<>"{}:\\*]/;
const escapedKeyword = /\\(and|or|not)(?![A-Za-z0-9_])/iy;
const escapedUnicode = /\\u([0-9a-fA-F]{4})/y;

/** All tokens, the last of kind `end`. Throws a QueryError for an unknown escape and an unclosed phrase. */
export function tokenizeKql(source: string): KqlToken[] {
  const tokens: KqlToken[] = [];
  let index = 0;
  while (index < source.length) {
    const character = source[index] ?? '';
    if (space.test(character)) {
      index++;
    } else if (character === '"') {
      index = phrase(source, index, tokens);
    } else if (character === '<' || character === '>') {
      const kind = source[index + 1] === '=' ? (`${character}=` as const) : character;
      tokens.push({ kind, start: index, end: index + kind.length, parts: [] });
      index += kind.length;
    } else if (character === '(' || character === ')' || character === '{' || character === '}' || character === ':') {
      tokens.push({ kind: character, start: index, end: index + 1, parts: [] });
      index++;
    } else {
      index = word(source, index, tokens);
    }
  }
  tokens.push({ kind: 'end', start: source.length, end: source.length, parts: [] });
  return tokens;
}

function phrase(source: string, start: number, tokens: KqlToken[]): number {
  let literal = '';
  let index = start + 1;
  while (source[index] !== '"') {
    if (index >= source.length)
      throw errorAt(source, start, start + 1, 'the phrase that begins here has no closing `"`');
    const escaped = source[index] === '\\' ? readEscape(source, index, '\\"') : undefined;
    literal += escaped?.text ?? source[index];
    index += escaped?.length ?? 1;
  }
  tokens.push({ kind: 'phrase', start, end: index + 1, parts: [{ literal }] });
  return index + 1;
}

function word(source: string, start: number, tokens: KqlToken[]): number {
  const parts: WildcardPart[] = [];
  let literal = '';
  let index = start;
  for (; index < source.length; ) {
    const character = source[index] ?? '';
    if (character === '*') {
      if (literal !== '') parts.push({ literal });
      parts.push({ wild: '*' });
      literal = '';
      index++;
    } else if (character === '\\') {
      // `\not` is an escaped keyword, not a newline and `ot`.
      const escaped = readKeywordEscape(source, index) ?? readEscape(source, index, '\\():<>"*{}');
      if (escaped === undefined) {
        const found = foundText(source, index, index + 2);
        throw errorAt(
          source,
          index,
          index + 2,
          `${found} is not an escape: allowed are \\\\ \\( \\) \\: \\< \\> \\" \\* \\{ \\}, \\t \\r \\n, \\uXXXX, \\and \\or \\not`,
        );
      }
      literal += escaped.text;
      index += escaped.length;
    } else if (space.test(character) || sign.test(character)) {
      break;
    } else {
      literal += character;
      index++;
    }
  }
  if (literal !== '') parts.push({ literal });
  const keyword = source.slice(start, index).toLowerCase();
  const kind = keyword === 'and' || keyword === 'or' || keyword === 'not' ? keyword : 'word';
  tokens.push({ kind, start, end: index, parts });
  return index;
}

/**
 * The escape that begins with the backslash at `start`: its text and length. Undefined: no such escape begins there.
 */
function readEscape(source: string, start: number, signs: string): { text: string; length: number } | undefined {
  const next = source[start + 1] ?? '';
  if (next === 't') return { text: '\t', length: 2 };
  if (next === 'r') return { text: '\r', length: 2 };
  if (next === 'n') return { text: '\n', length: 2 };
  if (next !== '' && signs.includes(next)) return { text: next, length: 2 };
  escapedUnicode.lastIndex = start;
  const hex = escapedUnicode.exec(source)?.[1];
  return hex === undefined ? undefined : { text: String.fromCharCode(Number.parseInt(hex, 16)), length: 6 };
}

function readKeywordEscape(source: string, start: number): { text: string; length: number } | undefined {
  escapedKeyword.lastIndex = start;
  const keyword = escapedKeyword.exec(source)?.[1];
  return keyword === undefined ? undefined : { text: keyword, length: keyword.length + 1 };
}
