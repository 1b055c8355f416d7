// Tokenizes an SQL text before SQLite gets it, to find its words and the paths in it.

/** A token of SQL, by SQLite's rules, without comments and blanks. */
export interface SqlToken {
  kind: 'name' | 'text' | 'other';
  /** A name or text without its quotes; other tokens as written. */
  value: string;
}

const token =
  /(?<blank>\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<text>'(?:[^']|'')*'?)|(?<quoted>"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?)|(?<name>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|\d[\w.]*|\.\d\w*|[:@$?#][\w$]*|[\s\S]/gy;

/** The tokens of a text, which need not be valid SQL. */
export function tokenizeSql(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  for (const found of sql.matchAll(token)) {
    const { blank, text, quoted, name } = found.groups ?? {};
    if (blank !== undefined) continue;
    const kind = text !== undefined ? 'text' : (quoted ?? name) === undefined ? 'other' : 'name';
    const value = text !== undefined ? unquoted(text) : quoted !== undefined ? unquoted(quoted) : found[0];
    tokens.push({ kind, value });
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
