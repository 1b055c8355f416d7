// The definitions of the probes, in the syntax of the kernel (Linux: Documentation/trace/uprobetracer, eprobetrace).

/** Number of blocks of argument bytes that an entry probe copies, and size of each in bytes. */
export const argvBlocks = 5;
const blockBytes = 512;

/** Number of arguments that an execve probe copies. */
export const attemptArgs = 16;

/**
 * A uprobe at the entry point of a program. It copies argc and the 2,560 bytes from argv[0] on, before the first instruction runs.
 *
 * The fields are arrays of fixed size, not strings: the process determines the size of a string field. Older kernels wrote a record
 * of more than one page past its buffer (CVE-2024-50067), and newer ones log a warning. The maximum size of one event is 3,072 bytes
 * (measured, Linux 6.18).
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

/** Whether the kernel's parser reads the path as one word. The parser has no quoting. */
export const canBeProbed = (path: string): boolean => /^\/[\w./+-]+$/.test(path);
