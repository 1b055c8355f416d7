// Finds the exported functions of a shared library, as the dynamic linker does (elf(5), the GNU hash table).

import { linux } from '../linux/linux-abi.ts';

/** The parts of a 64-bit little-endian shared library that the agent uses. */
export interface SharedLibrary {
  /** DT_SONAME, the name by which programs ask for the library. Undefined: it has none. */
  soname: string | undefined;
  /** File offset of an exported function. Undefined: the library does not export it. */
  functionAt(name: string): number | undefined;
}

interface Segment {
  type: number;
  offset: number;
  address: number;
  fileBytes: number;
}

const programHeaderBytes = 56;
const symbolBytes = 24;
const maxNameBytes = 256;
/** Maximum number of symbols with one hash value of a damaged table. */
const maxChain = 65_536;

/** Parses a whole file. Undefined: no 64-bit little-endian ELF file with dynamic symbols. Never throws. */
export function parseSharedLibrary(file: Buffer): SharedLibrary | undefined {
  try {
    return parse(file);
  } catch (error) {
    // An offset in the file is outside of it.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function parse(file: Buffer): SharedLibrary | undefined {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return undefined;
  const segments = segmentsOf(file);
  /** The file offset of an address; undefined: the file has no content for it. */
  const offsetOf = (address: number): number | undefined => {
    const segment = segments.find(
      (one) => one.type === linux.PT_LOAD && address >= one.address && address < one.address + one.fileBytes,
    );
    return segment && address - segment.address + segment.offset;
  };
  const dynamic = dynamicOf(file, segments);
  const at = (tag: number): number | undefined => {
    const address = dynamic.get(tag);
    return address === undefined ? undefined : offsetOf(address);
  };
  const [symbols, strings, hashes] = [at(linux.DT_SYMTAB), at(linux.DT_STRTAB), at(linux.DT_GNU_HASH)];
  if (symbols === undefined || strings === undefined || hashes === undefined) return undefined;
  const texts = file.subarray(strings, strings + (dynamic.get(linux.DT_STRSZ) ?? 0));
  const soname = dynamic.get(linux.DT_SONAME);
  const symbolNamed = openHashTable(file, hashes, (index, name) => {
    const begin = file.readUInt32LE(symbols + index * symbolBytes);
    return texts.toString('latin1', begin, begin + name.length + 1) === `${name}\0`;
  });
  return {
    soname: soname === undefined ? undefined : textAt(texts, soname),
    functionAt(name) {
      const index = attempt(() => symbolNamed(name));
      if (index === undefined) return undefined;
      const symbol = symbols + index * symbolBytes;
      const isFunction = ((file[symbol + 4] ?? 0) & 0xf) === linux.STT_FUNC;
      if (!isFunction || file.readUInt16LE(symbol + 6) === linux.SHN_UNDEF) return undefined;
      return offsetOf(Number(file.readBigUInt64LE(symbol + 8)));
    },
  };
}

function segmentsOf(file: Buffer): Segment[] {
  const table = Number(file.readBigUInt64LE(32));
  const size = file.readUInt16LE(54);
  const count = file.readUInt16LE(56);
  if (size < programHeaderBytes) return [];
  return Array.from({ length: count }, (_, i) => {
    const header = table + i * size;
    return {
      type: file.readUInt32LE(header),
      offset: Number(file.readBigUInt64LE(header + 8)),
      address: Number(file.readBigUInt64LE(header + 16)),
      fileBytes: Number(file.readBigUInt64LE(header + 32)),
    };
  });
}

/** The first value of each tag. */
function dynamicOf(file: Buffer, segments: readonly Segment[]): Map<number, number> {
  const values = new Map<number, number>();
  const segment = segments.find(({ type }) => type === linux.PT_DYNAMIC);
  if (segment === undefined) return values;
  const end = segment.offset + segment.fileBytes;
  for (let at = segment.offset; at + 16 <= end; at += 16) {
    const tag = Number(file.readBigUInt64LE(at));
    if (tag === 0) break;
    if (!values.has(tag)) values.set(tag, Number(file.readBigUInt64LE(at + 8)));
  }
  return values;
}

/** Opens a table of type DT_GNU_HASH. Returns what finds the index of a symbol. `isNamed`: whether a symbol has the name. */
function openHashTable(
  file: Buffer,
  begin: number,
  isNamed: (index: number, name: string) => boolean,
): (name: string) => number | undefined {
  const buckets = file.readUInt32LE(begin);
  const firstIndex = file.readUInt32LE(begin + 4);
  const bloomWords = file.readUInt32LE(begin + 8);
  const bucketsAt = begin + 16 + bloomWords * 8;
  const chainsAt = bucketsAt + buckets * 4;
  return (name) => {
    if (buckets === 0) return undefined;
    const hash = gnuHash(name);
    const first = file.readUInt32LE(bucketsAt + (hash % buckets) * 4);
    if (first < firstIndex) return undefined;
    for (let index = first; index < first + maxChain; index++) {
      const found = file.readUInt32LE(chainsAt + (index - firstIndex) * 4);
      // The lowest bit is set in the last entry of a chain.
      if (found >>> 1 === hash >>> 1 && isNamed(index, name)) return index;
      if ((found & 1) === 1) return undefined;
    }
    return undefined;
  };
}

const gnuHash = (name: string): number => {
  let hash = 5381;
  for (const byte of Buffer.from(name, 'latin1')) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
};

const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

function textAt(texts: Buffer, begin: number): string | undefined {
  const end = texts.indexOf(0, begin);
  if (end < 0 || end - begin > maxNameBytes) return undefined;
  return texts.toString('utf8', begin, end);
}
