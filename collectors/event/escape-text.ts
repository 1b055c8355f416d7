// Escapes text that an attacker can write, so that it is safe on a terminal and in a log line.

// Control characters, invisible and bidirectional formatting, lone surrogates, private and unassigned code points, line
// separators and every space except U+0020. Also the backslash, since `\n` in the text would look like an escaped line
// break.
const unsafe = /[\\\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/u;

/**
 * Replaces unsafe characters by escapes: `\n`, `\r`, `\t`, `\\`, `\x1b`, `\u202e` or `\u{e0001}`. Cuts the result at
 * `maxChars` UTF-16 units; text that was cut ends in `…`, never inside an escape.
 */
export function escapeText(text: string, maxChars: number): string {
  if (text.length <= maxChars && !unsafe.test(text)) return text;
  const shown: string[] = [];
  let length = 0;
  for (const char of text) {
    const piece = unsafe.test(char) ? escapeChar(char) : char;
    shown.push(piece);
    length += piece.length;
    if (length > maxChars) {
      while (length > maxChars - 1 && shown.length > 0) length -= shown.pop()?.length ?? 0;
      return maxChars > 0 ? `${shown.join('')}…` : '';
    }
  }
  return shown.join('');
}

function escapeChar(char: string): string {
  if (char === '\\') return '\\\\';
  if (char === '\n') return '\\n';
  if (char === '\r') return '\\r';
  if (char === '\t') return '\\t';
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
}
