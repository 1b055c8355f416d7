// Cuts a text to a number of bytes.

/** The text in at most `maxBytes` of UTF-8, cut between characters. */
export function firstBytes(text: string, maxBytes: number): string {
  // A text of that many UTF-16 units may fit; a longer one never does.
  if (text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes) return text;
  return Buffer.from(text.slice(0, maxBytes))
    .subarray(0, maxBytes)
    .toString('utf8')
    .replace(/\ufffd+$/, '');
}
