// What a table of the host is: osquery's name and columns for a part of it, read when a statement asks.

/** A value as SQL sees it. */
export type SqlValue = string | number | bigint | null;

/** The constraints of a statement on a table, known before it runs. */
export interface TableRequest {
  /** The texts in quotes that begin with `/`: names and patterns of files. */
  paths: readonly string[];
  /** Every identifier, in lower case: which other tables and columns are named. */
  names: ReadonlySet<string>;
  /** Tells the person who asked what the rows cannot. */
  note(text: string): void;
}

export interface HostTable {
  name: string;
  /** In order; BIGINT and INTEGER make SQLite compare numbers as numbers, also with text. */
  columns: readonly (readonly [name: string, type: 'TEXT' | 'BIGINT' | 'INTEGER'])[];
  /** One list for each row, in the order of the columns. What cannot be read is no row. */
  rows(asked: TableRequest): Iterable<readonly SqlValue[]>;
}
