// Writes IP addresses as text.

/** The IPv4 address in the four bytes at `offset`, which are in the order of the network. */
export const ipv4Text = (bytes: Buffer, offset: number): string =>
  `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;

/** Whether an IPv4 address is mapped into the IPv6 address in the sixteen bytes at `offset` (`::ffff:a.b.c.d`). */
export const isMapped = (bytes: Buffer, offset: number): boolean =>
  bytes.readUInt32LE(offset) === 0 && bytes.readUInt32LE(offset + 4) === 0 && bytes.readUInt32BE(offset + 8) === 0xffff;

/**
 * The IPv6 address in the sixteen bytes at `offset`, which are in the order of the network, in the recommended form
 * (RFC 5952): lower case, and the longest run of zeros as `::`. A mapped IPv4 address is IPv4.
 */
export function ipv6Text(bytes: Buffer, offset: number): string {
  if (isMapped(bytes, offset)) return ipv4Text(bytes, offset + 12);
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(offset + 2 * i));
  let zeros = { start: 0, length: 1 };
  for (let start = 0; start < words.length; start++) {
    let length = 0;
    while (words[start + length] === 0) length++;
    if (length > zeros.length) zeros = { start, length };
  }
  const hex = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(':');
  if (zeros.length === 1) return hex(0, 8);
  return `${hex(0, zeros.start)}::${hex(zeros.start + zeros.length, 8)}`;
}
