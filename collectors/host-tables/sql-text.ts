// Tokenizes an SQL text before SQLite gets it: to find its words and the paths in it, and to accept what osquery accepts.

/** A token of SQL, by SQLite's rules, without comments and blanks. */
export interface SqlToken {
  kind: 'name' | 'text' | 'other';
  /** A name or text without its quotes; other tokens as written. */
  value: string;
  /** The name is in double quotes: where no column has it, SQLite can take it as a text. */
  inDoubleQuotes: boolean;
  /** Index of the first character. */
  start: number;
  /** Index behind the last character. */
  end: number;
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
    const end = found.index + found[0].length;
    tokens.push({ kind, value, inDoubleQuotes: quoted?.startsWith('"') ?? false, start: found.index, end });
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

/** The words that a statement which only reads can begin with. */
export const readingWords: readonly string[] = ['SELECT', 'WITH', 'VALUES', 'EXPLAIN'];

/**
 * The statement without what comes along when it is pasted: the word `sql` before it, which marks a block of code in Markdown, and the
 * semicolons and comments behind it.
 */
export function statementIn(sql: string): string {
  const tokens = tokenizeSql(sql);
  const [first, second] = tokens;
  const isMarked = first?.value.toLowerCase() === 'sql' && readingWords.includes(second?.value.toUpperCase() ?? '');
  const last = tokens.findLast(({ value, kind }) => kind !== 'other' || value !== ';');
  return last === undefined ? '' : sql.slice(isMarked ? second?.start : 0, last.end);
}

/** The text with each of the tokens, in the order of the text, as a text in single quotes. */
export function withTextsFor(sql: string, tokens: readonly SqlToken[]): string {
  let written = '';
  let end = 0;
  for (const each of tokens) {
    written += `${sql.slice(end, each.start)}'${each.value.replaceAll("'", "''")}'`;
    end = each.end;
  }
  return written + sql.slice(end);
}
