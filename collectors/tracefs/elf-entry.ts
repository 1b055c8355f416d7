// Finds the file offset of the entry point of an ELF file, at which the entry probe is set.

import { linux } from '../linux/linux-abi.ts';

/** Size of the part of a file that is read: the program headers of ordinary files are within it. */
export const elfHeadBytes = 4096;

/**
 * The file offset of `e_entry` in a 64-bit little-endian ELF file, from its first `elfHeadBytes` (elf(5)). Undefined:
 * the file is no such file, or no loaded segment contains the entry point.
 */
export function elfEntryOffset(head: Buffer): number | undefined {
  if (head.length < 64 || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
  if (head[4] !== 2 || head[5] !== 1) return undefined;
  const entry = Number(head.readBigUInt64LE(24));
  const table = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  if (size < 56) return undefined;
  for (let i = 0, header = table; i < count && header + size <= head.length; i++, header += size) {
    if (head.readUInt32LE(header) !== linux.PT_LOAD) continue;
    const offset = Number(head.readBigUInt64LE(header + 8));
    const address = Number(head.readBigUInt64LE(header + 16));
    const fileBytes = Number(head.readBigUInt64LE(header + 32));
    if (entry >= address && entry < address + fileBytes) return entry - address + offset;
  }
  return undefined;
}
