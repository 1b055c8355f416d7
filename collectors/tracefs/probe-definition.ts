// The definitions of the probes, in the syntax of the kernel (Linux: Documentation/trace/uprobetracer, eprobetrace).

/** Size of a block of bytes that an entry probe copies: an array in a probe has at most 64 elements. */
const blockBytes = 512;

/** What an entry probe copies, in blocks. The maximum size of one event is 3,072 bytes (measured, Linux 6.18). */
export interface ProbeSize {
  /** Blocks from the pointer to argv[0] on: pointers to arguments and environment, then the auxiliary vector. */
  stack: number;
  /** Blocks from the text of argv[0] on: arguments and environment. */
  text: number;
}

/**
 * For a dynamic linker or a static program. It is hit at each exec on the host, and each byte costs time; the pointers of
 * up to some 150 arguments and variables lie before the user ids, and a CI job has a hundred variables.
 */
export const startProbeSize: ProbeSize = { stack: 3, text: 1 };
/**
 * For the programs of a package manager: their arguments are long. With the record of the dynamic linker, which has the
 * user ids, it fits into one page of the kernel's buffer: a record never continues on the next page.
 */
export const programProbeSize: ProbeSize = { stack: 0, text: 3 };
/** The same where dynamic linkers are not probed. */
export const loneProgramProbeSize: ProbeSize = { stack: 3, text: 2 };

/** Number of arguments that an execve probe copies. */
export const attemptArgs = 16;

/**
 * A uprobe at the entry point of a program or of a dynamic linker. It copies argc, the words that follow it on the
 * stack and the text from argv[0] on, before the first instruction runs (System V ABI, "Initial Process Stack").
 *
 * The fields are arrays of fixed size, not strings: the process determines the size of a string field. Older kernels wrote a record
 * of more than one page past its buffer (CVE-2024-50067), and newer ones log a warning.
 */
export function entryProbe(group: string, event: string, path: string, offset: number, size: ProbeSize): string {
  const block = (name: string, from: string): string => `${name}=${from}:x64[${blockBytes / 8}]`;
  const blocks = [
    ...Array.from({ length: size.stack }, (_, i) => block(`w${i}`, `+${8 + i * blockBytes}($stack)`)),
    ...Array.from({ length: size.text }, (_, i) => block(`b${i}`, `+${i * blockBytes}(+8($stack))`)),
  ];
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
