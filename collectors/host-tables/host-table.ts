// The type of a table of the host: name and columns as in osquery, and rows that are read when a statement asks for
// them.

/** A value in SQL. */
export type SqlValue = string | number | bigint | null;

/** The parts of a statement that determine the rows, known before it runs. */
export interface TableRequest {
  /** Quoted texts that begin with `/`: names and patterns of files. */
  paths: readonly string[];
  /** All identifiers in lower case, among them other tables and columns. */
  names: ReadonlySet<string>;
  /** Adds a note to the answer. */
  note(text: string): void;
}

/** One table. Each call of `rows` reads the host again. */
export interface HostTable {
  name: string;
  /** The columns in order. With BIGINT or INTEGER, SQLite compares numerically, also with text. */
  columns: readonly (readonly [name: string, type: 'TEXT' | 'BIGINT' | 'INTEGER'])[];
  /** The rows, each a list in the order of the columns. Objects that cannot be read have no row. */
  rows(asked: TableRequest): Iterable<readonly SqlValue[]>;
}
