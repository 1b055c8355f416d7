// Parses the head of an ELF file: its entry point, its dynamic linker and its build ID.

import { linux } from '../linux/linux-abi.ts';

/** Size of the part of a file that is read: the headers and notes of ordinary programs are within it. */
export const elfHeadBytes = 4096;

/** The parts of a 64-bit little-endian ELF file that the agent uses (elf(5)). */
export interface ElfFile {
  /** File offset of `e_entry`. Undefined: no loaded segment contains the entry point. */
  entryOffset: number | undefined;
  /** Path of the dynamic linker (PT_INTERP). Undefined: the kernel starts the file itself, as it does a static program. */
  linker: string | undefined;
  /** The GNU build ID as hexadecimal digits (NT_GNU_BUILD_ID, ld(1) --build-id). Undefined: none in the head. */
  buildId: string | undefined;
}

const maxLinkerBytes = 4096;
const maxBuildIdBytes = 64;

/**
 * Parses the first `elfHeadBytes` of a file, or the whole file if it is shorter. Undefined: no 64-bit little-endian ELF
 * file. Offsets beyond the head are not followed, so that a hostile file costs no more than an ordinary one.
 */
export function parseElf(head: Buffer): ElfFile | undefined {
  if (head.length < 64 || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
  if (head[4] !== 2 || head[5] !== 1) return undefined;
  const entry = head.readBigUInt64LE(24);
  const table = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  const file: ElfFile = { entryOffset: undefined, linker: undefined, buildId: undefined };
  if (size < 56) return file;
  for (let i = 0, header = table; i < count && header + size <= head.length; i++, header += size) {
    const type = head.readUInt32LE(header);
    const offset = Number(head.readBigUInt64LE(header + 8));
    const fileBytes = Number(head.readBigUInt64LE(header + 32));
    if (type === linux.PT_LOAD) {
      const address = head.readBigUInt64LE(header + 16);
      const inSegment = Number(entry - address);
      if (inSegment >= 0 && inSegment < fileBytes) file.entryOffset ??= inSegment + offset;
    } else if (type === linux.PT_INTERP) {
      file.linker ??= textAt(head, offset, Math.min(fileBytes, maxLinkerBytes));
    } else if (type === linux.PT_NOTE) {
      file.buildId ??= buildIdIn(head.subarray(offset, offset + fileBytes));
    }
  }
  return file;
}

/** Text up to NUL; undefined: outside the head, or empty. */
function textAt(head: Buffer, offset: number, bytes: number): string | undefined {
  if (offset + bytes > head.length) return undefined;
  const text = head.toString('utf8', offset, offset + bytes);
  const nul = text.indexOf('\0');
  return (nul < 0 ? text : text.slice(0, nul)) || undefined;
}

/** The build ID among the notes of a segment. Each note has sizes of name and value, a type, and both padded to 4 bytes. */
function buildIdIn(notes: Buffer): string | undefined {
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameBytes = notes.readUInt32LE(at);
    const valueBytes = notes.readUInt32LE(at + 4);
    const value = at + 12 + padded(nameBytes);
    const end = value + padded(valueBytes);
    if (end > notes.length + 3) return undefined;
    if (
      notes.readUInt32LE(at + 8) === linux.NT_GNU_BUILD_ID &&
      notes.toString('latin1', at + 12, at + 12 + nameBytes) === 'GNU\0'
    ) {
      const id = notes.subarray(value, value + valueBytes);
      return id.length === valueBytes && valueBytes > 0 && valueBytes <= maxBuildIdBytes
        ? id.toString('hex')
        : undefined;
    }
    at = end;
  }
  return undefined;
}

const padded = (bytes: number): number => Math.ceil(bytes / 4) * 4;
