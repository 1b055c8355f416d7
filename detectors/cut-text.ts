// Cuts a text to a length; a text that was cut ends in an ellipsis.

const ellipsis = '…';

/** The text in at most `maxBytes` of UTF-8, cut between characters. */
export function cutBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  const kept = bytes.subarray(0, maxBytes - Buffer.byteLength(ellipsis));
  // A streaming decoder holds back an incomplete character.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(kept, { stream: true }) + ellipsis;
}

/**
 * The text in at most `maxChars` UTF-16 units. The result is a copy, because a slice would keep the whole text in
 * memory.
 */
export const cutChars = (text: string, maxChars: number): string =>
  text.length <= maxChars ? text : Buffer.from(text.slice(0, maxChars - 1)).toString() + ellipsis;
