// Reads one page of the kernel's trace ring buffer (Linux: include/linux/ring_buffer.h, Documentation/trace/ring-buffer-design).

import { uint32At } from '../linux/integers.ts';

/** The offsets in a page, from `events/header_page`. */
export interface PageLayout {
  /** Bytes from the start of the page to its length field (`commit`). */
  commitOffset: number;
  /** Bytes from the start of the page to the first record. */
  dataOffset: number;
}

/** Called for each record with the page, the offset of the record's data, its length in bytes and its time. */
export type RecordVisitor = (page: Buffer, offset: number, length: number, timeNs: number) => void;

/** Losses and damage that `visitPage` found in one page. */
export interface PageSummary {
  /** Number of records that were overwritten before this page; 1 if the kernel does not give the number. */
  lost: number;
  /** The lengths in the page contradict each other. The records before the contradiction were visited. */
  malformed: boolean;
}

const LENGTH_MASK = 0x07ff_ffff;
const MISSED_EVENTS = 0x8000_0000;
const MISSED_STORED = 0x4000_0000;

const TYPE_PADDING = 29;
const TYPE_TIME_EXTEND = 30;
const TYPE_TIME_STAMP = 31;

/** 2^27: the unit of the upper word of a 59-bit time. */
const TIME_UNIT = 0x0800_0000;

/**
 * Visits every record of a page in order, for 64-bit little-endian kernels (x86-64, arm64). `size`: the result of
 * read(2). Never throws and never reads past `size`, whatever the bytes are.
 */
export function visitPage(page: Buffer, size: number, layout: PageLayout, visit: RecordVisitor): PageSummary {
  if (size < layout.dataOffset) return { lost: 0, malformed: size !== 0 };
  const commit = uint32At(page, layout.commitOffset);
  const end = layout.dataOffset + (commit & LENGTH_MASK);
  if (end > size) return { lost: 0, malformed: true };

  let lost = 0;
  if (commit & MISSED_EVENTS) {
    lost = 1;
    if (commit & MISSED_STORED && end + 8 <= size) {
      lost = Math.max(1, uint32At(page, end) + uint32At(page, end + 4) * 0x1_0000_0000);
      // No buffer can hold so many records: the number is damaged.
      if (!Number.isSafeInteger(lost)) return { lost: 1, malformed: true };
    }
  }

  let timeNs = uint32At(page, 0) + uint32At(page, 4) * 0x1_0000_0000;
  let position = layout.dataOffset;
  while (position + 4 <= end) {
    const header = uint32At(page, position);
    const type = header & 0x1f;
    const delta = header >>> 5;
    position += 4;
    if (type >= 1 && type < TYPE_PADDING) {
      const length = type * 4;
      if (position + length > end) return { lost, malformed: true };
      timeNs += delta;
      visit(page, position, length, timeNs);
      position += length;
      continue;
    }
    // Padding without a delta fills the rest of the page.
    if (type === TYPE_PADDING && delta === 0) return { lost, malformed: false };
    if (position + 4 > end) return { lost, malformed: true };
    const word = uint32At(page, position);
    if (type === TYPE_TIME_EXTEND) {
      timeNs += word * TIME_UNIT + delta;
      position += 4;
    } else if (type === TYPE_TIME_STAMP) {
      timeNs = word * TIME_UNIT + delta;
      position += 4;
    } else {
      // A long or a discarded record: the word is its length, which includes the word.
      if (word < 4 || position + word > end) return { lost, malformed: true };
      timeNs += delta;
      if (type === 0) visit(page, position + 4, word - 4, timeNs);
      position += Math.ceil(word / 4) * 4;
    }
  }
  return { lost, malformed: position < end };
}
