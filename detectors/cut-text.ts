// Cuts a text to a length; what was cut ends in an ellipsis.

const ellipsis = '…';

/** At most `maxBytes` of UTF-8, at the end of a character. */
export function cutBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  const kept = bytes.subarray(0, maxBytes - Buffer.byteLength(ellipsis));
  // A decoder of a stream keeps back a character that is not complete.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(kept, { stream: true }) + ellipsis;
}

/** At most `maxChars` UTF-16 units. A copy: a slice would keep the whole text in memory. */
export const cutChars = (text: string, maxChars: number): string =>
  text.length <= maxChars ? text : Buffer.from(text.slice(0, maxChars - 1)).toString() + ellipsis;
