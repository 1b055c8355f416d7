// Releases unused memory: free pages of the malloc heap, and pages of programs and libraries, most of which only the start uses.

import { readFileSync } from 'node:fs';
import { trimHeap, unmapPages } from '../../collectors/linux/libc.ts';

/** A page-aligned part of the address space. */
interface AddressRange {
  start: number;
  bytes: number;
}

/**
 * The mappings in the text of /proc/PID/smaps whose pages the kernel can read again from their files: private ones of files that nothing
 * may write and nothing has written. Relocated data and a page with a debugger's breakpoint count as anonymous: they exist only in memory.
 */
export function rereadableMappings(smaps: string): AddressRange[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((mapping) => {
    const [, start = '', end = ''] = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ [1-9]\d* +\//.exec(mapping) ?? [];
    if (start === '' || !/^Anonymous: +0 kB$/m.test(mapping)) return [];
    const first = Number.parseInt(start, 16);
    return [{ start: first, bytes: Number.parseInt(end, 16) - first }];
  });
}

/**
 * Gives the free pages of the heap back to the kernel, and unmaps the pages of files. These stay in the page cache, which the kernel can
 * reclaim, and a page that is used again comes back from there without a read. Where /proc/self/smaps cannot be read, they stay mapped.
 */
export function releaseMemory(): void {
  trimHeap();
  let smaps: string;
  try {
    smaps = readFileSync('/proc/self/smaps', 'latin1');
  } catch {
    return;
  }
  for (const { start, bytes } of rereadableMappings(smaps)) unmapPages(start, bytes);
}
