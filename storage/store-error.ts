// The one error that the store throws, with a line that says what an operator can do.

import { errorCode, errorMessage } from '../collectors/error-message.ts';
import { DamagedRow } from './stored-json.ts';

/**
 * `missing`: no database yet. `privilege`: may not be read or written by this user. `full`: no space left.
 * `read-only`, `io`: the file system refuses. `busy`: another process holds it too long.
 * `corrupt`, `foreign`, `newer`: not a database that this code can use; opening for writing sets it aside.
 * `older`: the agent has not been started since the upgrade. `other`: anything else, see `cause`.
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

/** The store cannot do what was asked; `message` is one line, `cause` what SQLite or the file system said. */
export class StoreError extends Error {
  override name = 'StoreError';
  readonly trouble: StoreTrouble;

  constructor(trouble: StoreTrouble, message: string, options?: ErrorOptions) {
    super(message, options);
    this.trouble = trouble;
  }
}

/** What went wrong with the database at `path`, from SQLite's or the file system's own error; a StoreError stays as it is. */
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

/** SQLite's or the system's code, and the message behind it. */
const troubles: readonly [RegExp, [StoreTrouble, string]][] = [
  [/^(SQLITE_FULL|ENOSPC|EDQUOT) /, ['full', 'no space left on the device or in its quota; free some']],
  [/^(EACCES|EPERM|SQLITE_PERM|SQLITE_AUTH) /, ['privilege', 'not permitted; run as root']],
  [/^(SQLITE_READONLY\w*|EROFS) /, ['read-only', 'cannot be written; is the file system mounted read-only?']],
  // Of what can be opened only the making of the directory says so, and on a read-only file system too.
  [
    /^(ENOENT|ENOTDIR) /,
    ['read-only', 'its directory cannot be made; is it on a file system that may be written here?'],
  ],
  [/^SQLITE_(CORRUPT|NOTADB|FORMAT|MISMATCH|TOOBIG)\w* /, damaged],
  // The store's own statements are right, and an id is given once: without damage none of them has these.
  [/^SQLITE_ERROR (malformed JSON|no such (table|column)|no query solution)/, damaged],
  [/^SQLITE_CONSTRAINT_(PRIMARYKEY|ROWID|UNIQUE) /, damaged],
  [/^SQLITE_(BUSY|LOCKED|PROTOCOL)\w* /, ['busy', 'another process holds the database; try again']],
  [/^(SQLITE_(IOERR|CANTOPEN)\w*|EIO) /, ['io', 'the file system failed; see the kernel log']],
];
