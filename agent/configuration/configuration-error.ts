// The error of a configuration file.

/** A position in the file; line and column count from 1. */
interface Position {
  line: number;
  column: number;
  /** The line at fault and a caret under it, printable. */
  excerpt: string;
}

/** A mistake in a configuration file. `message` is one line: file, line, column, the key and what is allowed there. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly file: string;
  /** Undefined if the error concerns the file as a whole. */
  readonly position: Position | undefined;
  /** Further errors, in the order of the files. */
  others: readonly ConfigurationError[] = [];

  constructor(file: string, message: string, position?: Position) {
    super(`${position ? `${file}:${position.line}:${position.column}` : file}: ${message}`);
    this.file = file;
    this.position = position;
  }
}
