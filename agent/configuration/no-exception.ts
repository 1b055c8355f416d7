// The error of an exception that cannot be made or written.

/** `message` says why, escaped; all but the first line begins with two spaces. */
export class NoException extends Error {
  override name = 'NoException';
}
