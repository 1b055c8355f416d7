// Removes passwords from text with URLs, before it is stored.

/**
 * Replaces the password of each URL in the text: `http://user:password@host` becomes `http://user:***@host`. A name
 * without a password may be a token, and becomes `***` too. `isHost`: the text may also be a host without a scheme, as
 * in `user:password@host:3128`. Takes linear time.
 */
export function redactCredentials(text: string, isHost = false): string {
  let redacted = '';
  let copied = 0;
  let word = { end: 0, lastAt: -1 };
  let start = schemeEnd(text, 0) ?? (isHost ? 0 : undefined);
  while (start !== undefined) {
    if (start >= word.end) word = wordAt(text, start);
    const end = endAt(text, start, /[\s/?#]/g);
    const authority = text.slice(start, end);
    let at = start + authority.lastIndexOf('@');
    // A password with a slash, which is no valid URL, ends at a later `@`.
    if (at < start && hasPassword(authority)) at = word.lastAt;
    if (at >= start) {
      const name = /^[^:]*:/.exec(text.slice(start, at))?.[0] ?? '';
      redacted += `${text.slice(copied, start)}${name}***`;
      copied = at;
    }
    // The authority may end in the colon of the next scheme, as in a list of URLs.
    start = schemeEnd(text, Math.max(end - 1, copied));
  }
  return redacted + text.slice(copied);
}

/** Position behind the next `://`. */
function schemeEnd(text: string, from: number): number | undefined {
  const found = text.indexOf('://', from);
  return found < 0 ? undefined : found + 3;
}

/** Position of the next character that matches, or the end of the text. */
function endAt(text: string, from: number, delimiter: RegExp): number {
  delimiter.lastIndex = from;
  return delimiter.exec(text)?.index ?? text.length;
}

/** The end of the word, and the position of its last `@`; less than `from`: it has none. */
function wordAt(text: string, from: number): { end: number; lastAt: number } {
  const end = endAt(text, from, /\s/g);
  return { end, lastAt: from + text.slice(from, end).lastIndexOf('@') };
}

/** Whether text without `@` looks like `user:password`, and not like `host:port` or an IPv6 address. */
const hasPassword = (authority: string): boolean => /^[^:[]*:(?!\d*$)/.test(authority);
