// Reads an SQL text as far as it is needed before SQLite sees it: its words, the paths in it, and where an error stands.

/** A word of SQL, by SQLite's rules; comments and blanks are none. */
export interface SqlToken {
  kind: 'name' | 'text' | 'other';
  /** A name or text without its quotes; all else as written. */
  value: string;
  /** In UTF-16 units from the start. */
  start: number;
  end: number;
}

const token =
  /(?<blank>\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<text>'(?:[^']|'')*'?)|(?<quoted>"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?)|(?<name>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|\d[\w.]*|\.\d\w*|[:@$?#][\w$]*|[\s\S]/gy;

/** The words of a text, whether it is right or not. */
export function tokenizeSql(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  for (const found of sql.matchAll(token)) {
    const { blank, text, quoted, name } = found.groups ?? {};
    if (blank !== undefined) continue;
    const kind = text !== undefined ? 'text' : (quoted ?? name) === undefined ? 'other' : 'name';
    const value = text !== undefined ? unquoted(text) : quoted !== undefined ? unquoted(quoted) : found[0];
    tokens.push({ kind, value, start: found.index, end: found.index + found[0].length });
  }
  return tokens;
}

function unquoted(text: string): string {
  const [open = ''] = text;
  const close = open === '[' ? ']' : open;
  const inner = text.length > 1 && text.endsWith(close) ? text.slice(1, -1) : text.slice(1);
  return open === '[' ? inner : inner.replaceAll(open + open, open);
}

/** The texts in quotes that begin with `/`, each once. */
export function pathsInSql(tokens: readonly SqlToken[]): string[] {
  const texts = tokens.filter(({ kind, value }) => kind === 'text' && value.startsWith('/') && !value.includes('\0'));
  return [...new Set(texts.map(({ value }) => value))];
}

/**
 * Which word SQLite's message means, if it names one. A syntax error may be near a word that occurs several times: `fails`
 * says whether the text up to a place gives the same message, which it does from the word at fault on.
 */
export function locateSqlError(
  sql: string,
  message: string,
  fails: (beginning: string) => boolean,
): SqlToken | undefined {
  const tokens = tokenizeSql(sql);
  const near = /^near "([\s\S]*)": syntax error$/.exec(message)?.[1];
  if (near !== undefined) {
    const candidates = tokens.filter(({ start, end }) => sql.slice(start, end) === near);
    return candidates.length > 1 ? candidates.find(({ end }) => fails(sql.slice(0, end))) : candidates[0];
  }
  if (message === 'incomplete input') return tokens.at(-1);
  const unrecognized = /^unrecognized token: "([\s\S]*)"$/.exec(message)?.[1];
  if (unrecognized !== undefined) return tokens.find(({ start }) => sql.startsWith(unrecognized, start));
  const named =
    /^(?:no such (?:column|table|function|module)|ambiguous column name|wrong number of arguments to function)/;
  if (!named.test(message)) return undefined;
  const said = message.replace(/^[^:]*?(?::| function) /, '').replace(/(?:\(\)| - should this be [\s\S]*)$/, '');
  const path = said.replaceAll(/^"|"$/g, '').toLowerCase();
  const nameAt = (i: number): string => (tokens[i]?.kind === 'name' ? tokens[i].value.toLowerCase() : '');
  const whole = tokens.findIndex((_, i) => nameAt(i) === path);
  if (whole >= 0) return tokens[whole];
  // `alias.column`: the column is what does not exist.
  const qualified = tokens.findIndex((each, i) => each.value === '.' && `${nameAt(i - 1)}.${nameAt(i + 1)}` === path);
  return qualified >= 0 ? tokens[qualified + 1] : undefined;
}
