// Binds the few calls of libc(7) that Node does not offer: a read that does not throw, the boot clock, mount, the limit of open files,
// an end with the parent, memory given back, _exit.

import { constants as osConstants } from 'node:os';
import koffi from 'koffi';
import { layout, linux } from './linux-abi.ts';

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

/** read(2) without an exception: the bytes read, 0 at the end, -1 when there is nothing (EAGAIN) or on an error. */
export function readInto(fd: number, buffer: Buffer): number {
  return Number(cRead(fd, buffer, buffer.length));
}

const timespec = new Uint32Array(layout.timespec.bytes / 4);

/** A whole number of 64 bits in its halves: a BigInt would be made at each call. */
const longAt = (offset: number): number =>
  (timespec[offset / 4] as number) + (timespec[offset / 4 + 1] as number) * 2 ** 32;

function readClockNs(clock: number): number {
  if (cClockGettime(clock, timespec) !== 0) throw new Error(`clock_gettime(${clock}) failed`);
  const { tv_sec, tv_nsec } = layout.timespec;
  return longAt(tv_sec) * 1e9 + longAt(tv_nsec);
}

/** Nanoseconds since boot, time asleep included: the clock of our trace records and of /proc/PID/stat's field 22. */
export const readBootNs = (): number => readClockNs(linux.CLOCK_BOOTTIME);

/** How far apart the reads of two clocks may be before they are read again. */
const closeNs = 20_000;

/** Milliseconds since 1970 of the moment of boot: add it to a boot time to get a date. Moves when the wall clock is set. */
export function readBootEpochMs(): number {
  let epochNs = 0;
  let gapNs = Number.POSITIVE_INFINITY;
  // On a busy host we may be off the CPU for some ms between two reads: the closest ones count.
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

/** errno(3) of the last call here that failed, by name (`EPERM`). */
export function errnoName(): string {
  const number = koffi.errno();
  return Object.entries(osConstants.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}

/** mount(2) without options. False where it is refused; the reason is in errno(3) by name (`EPERM`). */
export function mountFilesystem(type: string, target: string): { mounted: boolean; errno?: string } {
  if (cMount(type, target, type, 0, null) === 0) return { mounted: true };
  return { mounted: false, errno: errnoName() };
}

/** prctl(2): the kernel kills this process when its parent ends, however that ends. False where the parent has ended already. */
export function endWithParent(): boolean {
  const parent = process.ppid;
  return cPrctl(linux.PR_SET_PDEATHSIG, osConstants.signals.SIGKILL) === 0 && process.ppid === parent && parent > 1;
}

/** Raises the limit of open files to the hard one (setrlimit(2)): who could open none may open some again. */
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
 * Takes pages out of this process's memory (MADV_DONTNEED of madvise(2)); the next access maps what is in their file. What was written to
 * them is lost. A refusal changes nothing.
 */
export function unmapPages(start: number, bytes: number): void {
  cMadvise(start, bytes, linux.MADV_DONTNEED);
}

/** _exit(2): ends the process now. Node's own way out waits for the threads of its pool, and a read that hangs holds one of them. */
export function exitNow(code: number): void {
  cExit(code);
}
