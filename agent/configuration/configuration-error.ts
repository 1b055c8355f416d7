// The operator's mistake in a configuration file.

/** Where in the file. */
interface Position {
  line: number;
  column: number;
  /** The line at fault and a caret under it, printable. */
  excerpt: string;
}

/** `message` is one line: file, line, column, the key and what is allowed there. Line and column count from 1. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly file: string;
  /** Undefined when the file as a whole is meant. */
  readonly position: Position | undefined;
  /** What else is wrong, in the order of the files. */
  others: readonly ConfigurationError[] = [];

  constructor(file: string, message: string, position?: Position) {
    super(`${position ? `${file}:${position.line}:${position.column}` : file}: ${message}`);
    this.file = file;
    this.position = position;
  }
}
