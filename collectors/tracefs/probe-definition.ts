// The text of the probes that we ask the kernel for (Linux: Documentation/trace/uprobetracer, eprobetrace).

/** Blocks of argument bytes that an entry probe copies, and the bytes of each. */
export const argvBlocks = 5;
const blockBytes = 512;

/** Arguments that an execve probe copies. */
export const attemptArgs = 16;

/**
 * A uprobe at a program's entry point: argc and the 2,560 bytes from argv[0] on, read before its first instruction.
 *
 * Fixed-size arrays, not strings: the size of a string field is up to the process, and a record over one page was
 * written past its buffer by older kernels (CVE-2024-50067) and draws a warning from newer ones. 3,072 bytes is the
 * most that a recent kernel lets one event have (measured, Linux 6.18).
 */
export function entryProbe(group: string, event: string, path: string, offset: number): string {
  const blocks = Array.from(
    { length: argvBlocks },
    (_, i) => `b${i}=+${i * blockBytes}(+8($stack)):x64[${blockBytes / 8}]`,
  );
  return `p:${group}/${event} ${path}:0x${offset.toString(16)} argc=+0($stack):u64 ${blocks.join(' ')}`;
}

/** The bytes of one string that a probe copies at most, its NUL included (Linux: MAX_STRING_SIZE). */
export const attemptArgBytes = 4096;

/** An event probe on the entry of a system call that starts a program, with its first arguments. */
export function attemptProbe(group: string, event: string, systemCall: 'execve' | 'execveat'): string {
  const args = Array.from({ length: attemptArgs }, (_, i) => `a${i}=+0(+${i * 8}($argv)):ustring`);
  return `e:${group}/${event} syscalls/sys_enter_${systemCall} ${args.join(' ')}`;
}

/** A path that the kernel's parser reads as one word: it knows no quoting. */
export const canBeProbed = (path: string): boolean => /^\/[\w./+-]+$/.test(path);
