// Binds the few calls of libc(7) that Node does not offer: a read that does not throw, the boot clock, mount, the limit of
// open files, a signal at the end of the parent, the release of unused memory, and _exit.

import { constants as osConstants } from 'node:os';
import koffi from 'koffi';
import { layout, linux } from './linux-abi.ts';

/**
 * The C library, to which other modules bind further calls. The import of this module throws if there is no libc.so.6
 * (glibc).
 */
export const libc = koffi.load('libc.so.6');
const cRead = libc.func('long read(int fd, void *buf, unsigned long count)');
const cClockGettime = libc.func('int clock_gettime(int clock, void *timespec)');
const cMount = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, void *data)',
);

const cMadvise = libc.func('int madvise(size_t address, size_t length, int advice)');
const cMallocTrim = libc.func('int malloc_trim(size_t pad)');
const cPrctl = libc.func('int prctl(int option, unsigned long argument)');
const cExit = libc.func('void _exit(int status)');
const cGetrlimit = libc.func('int getrlimit(int resource, void *limit)');
const cSetrlimit = libc.func('int setrlimit(int resource, const void *limit)');

/**
 * read(2) without an exception: returns the number of bytes, 0 at the end, -1 if there is no data (EAGAIN) or on an
 * error.
 */
export function readInto(fd: number, buffer: Buffer): number {
  return Number(cRead(fd, buffer, buffer.length));
}

const timespec = new Uint32Array(layout.timespec.bytes / 4);

/** Reads a 64-bit integer by its halves, which avoids a BigInt at each call. */
const longAt = (offset: number): number =>
  (timespec[offset / 4] as number) + (timespec[offset / 4 + 1] as number) * 2 ** 32;

function readClockNs(clock: number): number {
  if (cClockGettime(clock, timespec) !== 0) throw new Error(`clock_gettime(${clock}) failed`);
  const { tv_sec, tv_nsec } = layout.timespec;
  return longAt(tv_sec) * 1e9 + longAt(tv_nsec);
}

/** Nanoseconds since boot, including suspend: the clock of trace records and of field 22 of /proc/PID/stat. */
export const readBootNs = (): number => readClockNs(linux.CLOCK_BOOTTIME);

/** Maximum time between the reads of two clocks; if it was longer, they are read again. */
const closeNs = 20_000;

/**
 * Time of boot in milliseconds since 1970; added to a time since boot it gives a date. Changes when the wall clock is
 * set.
 */
export function readBootEpochMs(): number {
  let epochNs = 0;
  let gapNs = Number.POSITIVE_INFINITY;
  // On a busy host the process may lose the CPU for some ms between two reads: use the closest pair.
  for (let tries = 0; tries < 4 && gapNs > closeNs; tries++) {
    const beforeNs = readBootNs();
    const realNs = readClockNs(linux.CLOCK_REALTIME);
    const afterNs = readBootNs();
    if (afterNs - beforeNs >= gapNs) continue;
    gapNs = afterNs - beforeNs;
    epochNs = realNs - (beforeNs + afterNs) / 2;
  }
  return epochNs / 1e6;
}

/** Name of errno(3) (`EPERM`) after the last failed call through koffi. */
export function errnoName(): string {
  const number = koffi.errno();
  return Object.entries(osConstants.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}

/** mount(2) without options. `errno`: name of the error if it failed (`EPERM`). */
export function mountFilesystem(type: string, target: string): { mounted: boolean; errno?: string } {
  if (cMount(type, target, type, 0, null) === 0) return { mounted: true };
  return { mounted: false, errno: errnoName() };
}

/**
 * prctl(2): makes the kernel kill this process when its parent ends for any reason. False: the parent has ended
 * already.
 */
export function endWithParent(): boolean {
  const parent = process.ppid;
  return cPrctl(linux.PR_SET_PDEATHSIG, osConstants.signals.SIGKILL) === 0 && process.ppid === parent && parent > 1;
}

/**
 * Raises the soft limit of open files to the hard limit (setrlimit(2)), so that a process without free descriptors can
 * open files again.
 */
export function raiseFileLimit(): void {
  const limit = Buffer.alloc(layout.rlimit.bytes);
  if (cGetrlimit(linux.RLIMIT_NOFILE, limit) !== 0) return;
  limit.copy(limit, layout.rlimit.rlim_cur, layout.rlimit.rlim_max, layout.rlimit.rlim_max + 8);
  cSetrlimit(linux.RLIMIT_NOFILE, limit);
}

/** malloc_trim(3): gives the free pages of the malloc heap back to the kernel. */
export function trimHeap(): void {
  cMallocTrim(0);
}

/**
 * Removes pages from the memory of this process (madvise(2), MADV_DONTNEED). The next access maps them from their file
 * again, and changes that were written to them are lost. A failure is ignored.
 */
export function unmapPages(start: number, bytes: number): void {
  cMadvise(start, bytes, linux.MADV_DONTNEED);
}

/**
 * _exit(2): ends the process at once. process.exit waits for the threads of Node's pool, one of which may be in a read
 * that hangs.
 */
export function exitNow(code: number): void {
  cExit(code);
}
