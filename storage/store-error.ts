// The error that the store throws, with a message that names a remedy.

import { errorCode, errorMessage } from '../collectors/error-message.ts';
import { DamagedRow } from './stored-json.ts';

/**
 * `missing`: no database yet. `privilege`: this user may not read or write the database. `full`: no space left.
 * `read-only`, `io`: an error of the file system. `busy`: another process has locked the database for too long.
 * `corrupt`, `foreign`, `newer`: this code cannot use the database; opening for writing sets it aside. `older`: the
 * agent has not been started since the upgrade. `other`: anything else, see `cause`.
 */
export type StoreTrouble =
  | 'missing'
  | 'privilege'
  | 'full'
  | 'read-only'
  | 'io'
  | 'busy'
  | 'corrupt'
  | 'foreign'
  | 'newer'
  | 'older'
  | 'other';

/** A call of the store failed. `message` is one line, `cause` the error of SQLite or the file system. */
export class StoreError extends Error {
  override name = 'StoreError';
  readonly trouble: StoreTrouble;

  constructor(trouble: StoreTrouble, message: string, options?: ErrorOptions) {
    super(message, options);
    this.trouble = trouble;
  }
}

/**
 * The StoreError for an error of SQLite or the file system on the database at `path`; a StoreError is returned as it
 * is.
 */
export function storeError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = errorCode(error);
  const message = errorMessage(error);
  const [trouble, advice] =
    error instanceof DamagedRow
      ? damaged
      : (troubles.find(([pattern]) => pattern.test(`${code} ${message}`))?.[1] ?? ['other', undefined]);
  return new StoreError(trouble, `${path}: ${advice ?? message}${advice === undefined ? '' : ` (${message})`}`, {
    cause: error,
  });
}

const damaged: [StoreTrouble, string] = ['corrupt', 'the database is damaged; a restart sets it aside'];

/** Patterns of a code of SQLite or the system with its message. */
const troubles: readonly [RegExp, [StoreTrouble, string]][] = [
  [/^(SQLITE_FULL|ENOSPC|EDQUOT) /, ['full', 'no space left on the device or in the quota; free some space']],
  [/^(EACCES|EPERM|SQLITE_PERM|SQLITE_AUTH) /, ['privilege', 'permission denied; run as root']],
  [/^(SQLITE_READONLY\w*|EROFS) /, ['read-only', 'cannot write; check whether the file system is mounted read-only']],
  // Only the creation of the directory fails with these codes, also on a read-only file system.
  [/^(ENOENT|ENOTDIR) /, ['read-only', 'cannot create its directory; check whether the file system is writable']],
  [/^SQLITE_(CORRUPT|NOTADB|FORMAT|MISMATCH|TOOBIG)\w* /, damaged],
  // The store's statements are valid and no id is used twice, so only damage causes these errors.
  [/^SQLITE_ERROR (malformed JSON|no such (table|column)|no query solution)/, damaged],
  [/^SQLITE_CONSTRAINT_(PRIMARYKEY|ROWID|UNIQUE) /, damaged],
  [/^SQLITE_(BUSY|LOCKED|PROTOCOL)\w* /, ['busy', 'another process has locked the database; try again']],
  [/^(SQLITE_(IOERR|CANTOPEN)\w*|EIO) /, ['io', 'the file system failed; see the kernel log']],
];
