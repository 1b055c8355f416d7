// Texts in double quotes: SQLite as osquery builds it takes "name" as a text where no column has that name. SQLite here does not.

import { errorMessage } from '../collectors/error-message.ts';
import { fields } from '../collectors/event/fields.ts';
import { type SqlToken, tokenizeSql, withTextsFor } from '../collectors/host-tables/sql-text.ts';

/** A statement with more names of that kind is rejected: each may take several attempts. */
const maxTexts = 100;

const unknownName = /^no such column: "([\s\S]*)" - should this be a string literal in single-quotes\?$/;

/** The first words of fields, such as `process`: `"process.nmae"` is a field with a typing error, not a text. */
const firstWords: ReadonlySet<string> = new Set(fields.map(({ name }) => name.split('.')[0] ?? ''));

const isLikeField = (name: string): boolean => name.includes('.') && firstWords.has(name.split('.')[0] ?? '');

/**
 * Finds the names in double quotes that name no column where they are, and writes them as texts. A statement that SQLite accepts as it
 * is stays as it is. `prepare` throws SQLite's error. Returns the statement and each such text once.
 */
export function takeUnknownNamesAsTexts(sql: string, prepare: (sql: string) => void): { sql: string; texts: string[] } {
  const tokens = tokenizeSql(sql).filter(({ inDoubleQuotes }) => inDoubleQuotes);
  const failureWith = (texts: ReadonlySet<SqlToken>): unknown => {
    try {
      prepare(write(sql, tokens, texts));
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const texts = new Set<SqlToken>();
  for (;;) {
    const failure = failureWith(texts);
    if (failure === undefined) break;
    const [, name] = unknownName.exec(errorMessage(failure)) ?? [];
    const unknown = tokens.filter((each) => each.value === name && !texts.has(each));
    if (name === undefined || isLikeField(name) || unknown.length === 0 || texts.size + unknown.length > maxTexts) {
      throw failure;
    }
    for (const each of unknown) texts.add(each);
  }
  // The same name can be a column in one place and none in another.
  for (const each of [...texts]) {
    if ([...texts].filter(({ value }) => value === each.value).length < 2) continue;
    texts.delete(each);
    if (failureWith(texts) !== undefined) texts.add(each);
  }
  return { sql: write(sql, tokens, texts), texts: [...new Set([...texts].map(({ value }) => value))] };
}

const write = (sql: string, tokens: readonly SqlToken[], texts: ReadonlySet<SqlToken>): string =>
  withTextsFor(
    sql,
    tokens.filter((each) => texts.has(each)),
  );
