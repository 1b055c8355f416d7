// The error if an exception cannot be created or written.

/** `message` is the reason, escaped. Lines after the first begin with two spaces. */
export class NoException extends Error {
  override name = 'NoException';
}
