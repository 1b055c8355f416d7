// The message and the code of an error, whatever was thrown.

export const errorMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The code of a system call's or SQLite's error (`ENOENT`, `SQLITE_BUSY`); '' for all others. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
