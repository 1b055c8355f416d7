// Cuts a KQL query into words, phrases and signs.

import { errorAt, foundText } from './query-position.ts';
import type { WildcardPart } from './wildcard.ts';

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
  let at = 0;
  while (at < source.length) {
    const character = source[at] ?? '';
    if (space.test(character)) {
      at++;
    } else if (character === '"') {
      at = phrase(source, at, tokens);
    } else if (character === '<' || character === '>') {
      const kind = source[at + 1] === '=' ? (`${character}=` as const) : character;
      tokens.push({ kind, start: at, end: at + kind.length, parts: [] });
      at += kind.length;
    } else if (character === '(' || character === ')' || character === '{' || character === '}' || character === ':') {
      tokens.push({ kind: character, start: at, end: at + 1, parts: [] });
      at++;
    } else {
      at = word(source, at, tokens);
    }
  }
  tokens.push({ kind: 'end', start: source.length, end: source.length, parts: [] });
  return tokens;
}

function phrase(source: string, start: number, tokens: KqlToken[]): number {
  let literal = '';
  let at = start + 1;
  while (source[at] !== '"') {
    if (at >= source.length) throw errorAt(source, start, start + 1, 'the phrase that begins here has no closing `"`');
    const escaped = source[at] === '\\' ? readEscape(source, at, '\\"') : undefined;
    literal += escaped?.text ?? source[at];
    at += escaped?.length ?? 1;
  }
  tokens.push({ kind: 'phrase', start, end: at + 1, parts: [{ literal }] });
  return at + 1;
}

function word(source: string, start: number, tokens: KqlToken[]): number {
  const parts: WildcardPart[] = [];
  let literal = '';
  let at = start;
  for (; at < source.length; ) {
    const character = source[at] ?? '';
    if (character === '*') {
      if (literal !== '') parts.push({ literal });
      parts.push({ wild: '*' });
      literal = '';
      at++;
    } else if (character === '\\') {
      // `\not` is a word escaped, not a newline and `ot`.
      const escaped = readKeywordEscape(source, at) ?? readEscape(source, at, '\\():<>"*{}');
      if (escaped === undefined) {
        const found = foundText(source, at, at + 2);
        throw errorAt(
          source,
          at,
          at + 2,
          `${found} is no escape: allowed are \\\\ \\( \\) \\: \\< \\> \\" \\* \\{ \\}, \\t \\r \\n, \\uXXXX, \\and \\or \\not`,
        );
      }
      literal += escaped.text;
      at += escaped.length;
    } else if (space.test(character) || sign.test(character)) {
      break;
    } else {
      literal += character;
      at++;
    }
  }
  if (literal !== '') parts.push({ literal });
  const keyword = source.slice(start, at).toLowerCase();
  const kind = keyword === 'and' || keyword === 'or' || keyword === 'not' ? keyword : 'word';
  tokens.push({ kind, start, end: at, parts });
  return at;
}

/** What the backslash at `at` begins: the escaped text and the length of the escape, or undefined when it begins none of these. */
function readEscape(source: string, at: number, signs: string): { text: string; length: number } | undefined {
  const next = source[at + 1] ?? '';
  if (next === 't') return { text: '\t', length: 2 };
  if (next === 'r') return { text: '\r', length: 2 };
  if (next === 'n') return { text: '\n', length: 2 };
  if (next !== '' && signs.includes(next)) return { text: next, length: 2 };
  escapedUnicode.lastIndex = at;
  const hex = escapedUnicode.exec(source)?.[1];
  return hex === undefined ? undefined : { text: String.fromCharCode(Number.parseInt(hex, 16)), length: 6 };
}

function readKeywordEscape(source: string, at: number): { text: string; length: number } | undefined {
  escapedKeyword.lastIndex = at;
  const keyword = escapedKeyword.exec(source)?.[1];
  return keyword === undefined ? undefined : { text: keyword, length: keyword.length + 1 };
}
