// Converts file names to text and back. A file name is bytes, which need not be UTF-8.

/**
 * Converts a name to text. Bytes that are not UTF-8 become `\xff`, and a backslash becomes `\x5c`, so that different
 * names give different texts.
 */
export function decodeName(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd') && !text.includes('\\')) return text;
  let shown = '';
  for (let offset = 0; offset < bytes.length; ) {
    const length = characterBytes(bytes, offset);
    const byte = bytes[offset] ?? 0;
    shown +=
      length === 0 || byte === 0x5c
        ? `\\x${byte.toString(16).padStart(2, '0')}`
        : bytes.toString('utf8', offset, offset + length);
    offset += Math.max(1, length);
  }
  return shown;
}

/** Length in bytes of the UTF-8 character at the offset; 0: no valid character begins there. */
function characterBytes(bytes: Buffer, offset: number): number {
  const first = bytes[offset] ?? 0;
  const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const part = bytes.subarray(offset, offset + length);
  return part.length === length && Buffer.from(part.toString('utf8')).equals(part) ? length : 0;
}

/** Converts the text of `decodeName` back to the name, for system calls. */
export function encodeName(name: string): string | Buffer {
  if (!name.includes('\\')) return name;
  const parts = name.split(/\\x([0-9a-f]{2})/);
  return Buffer.concat(parts.map((part, i) => (i % 2 === 0 ? Buffer.from(part) : Buffer.from(part, 'hex'))));
}

/** The path of a name in a directory, for system calls. */
export function pathIn(directory: string, name: string): string | Buffer {
  const encoded = encodeName(name);
  return typeof encoded === 'string'
    ? `${directory}/${encoded}`
    : Buffer.concat([Buffer.from(`${directory}/`), encoded]);
}
