// Small ELF files of 7-bit bytes, so that a recorded host can have them as text.

interface ElfParts {
  /** The build ID, as ASCII text. Absent: the file has none. */
  buildId?: string;
  /** The dynamic linker that the file names. Absent: a static program. */
  linker?: string;
  /** What follows the headers. */
  rest?: string;
}

const noteAt = 256;
const linkerAt = 512;

/** A 64-bit little-endian ELF file with the headers that the agent reads. */
export function elfOf({ buildId, linker, rest = '' }: ElfParts): string {
  const file = Buffer.alloc(1024);
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  const segments: [type: number, offset: number, bytes: Buffer][] = [];
  if (buildId !== undefined) {
    const sizes = Buffer.alloc(12);
    sizes.writeUInt32LE(4, 0);
    sizes.writeUInt32LE(buildId.length, 4);
    sizes.writeUInt32LE(3, 8);
    segments.push([4, noteAt, Buffer.concat([sizes, Buffer.from(`GNU\0${buildId}`)])]);
  }
  if (linker !== undefined) segments.push([3, linkerAt, Buffer.from(`${linker}\0`)]);
  file.writeUInt16LE(segments.length, 56);
  segments.forEach(([type, offset, bytes], i) => {
    const header = 64 + i * 56;
    file.writeUInt32LE(type, header);
    file.writeBigUInt64LE(BigInt(offset), header + 8);
    file.writeBigUInt64LE(BigInt(bytes.length), header + 32);
    bytes.copy(file, offset);
  });
  return file.toString('latin1') + rest;
}
