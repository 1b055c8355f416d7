// The message and the code of a thrown value, which need not be an Error.

/** Returns the message of an Error, and any other thrown value as text (`String`). */
export const errorMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The code of an error of a system call or of SQLite (`ENOENT`, `SQLITE_BUSY`); '' for others. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
