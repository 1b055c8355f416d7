// The records of a process sensor: forks, execs, arguments and exits in the order of time, and the number of records
// lost.

import type { InferredBasis } from '../event/reasons.ts';

/** Nanoseconds since boot, including suspend. A double: exact to 2 ns in the first 200 days of uptime. */
export type BootNs = number;

/**
 * The start of a process or thread. `thread` and `sibling` are always false if the kernel has no tracepoint
 * task_newtask, and if the sensor polls /proc.
 */
export interface ForkRecord {
  kind: 'fork';
  timeNs: BootNs;
  pid: number;
  /** Id of the task that called clone: of a thread, if a thread did. */
  creator: number;
  /** CLONE_THREAD: the new task is a thread in the process of its creator. */
  thread: boolean;
  /** CLONE_PARENT: the parent of the new process is the parent of its creator. */
  sibling: boolean;
}

/**
 * A successful execve (tracepoint sched_process_exec), or another program or other arguments in /proc than at the last
 * poll. `timeNs` is then the time of the poll.
 */
export interface ExecRecord {
  kind: 'exec';
  timeNs: BootNs;
  pid: number;
  /** Id that the calling thread had before the exec; execve gives it the id `pid`. */
  formerTid: number;
  /** File name that was passed to execve; for a script, of the script. */
  filename: string;
  /** Set only by a sensor that reads the arguments together with the exec. */
  args?: string[];
  argsTruncated?: boolean;
  /** Why `filename` is a conclusion; absent if it was read. */
  inferredFrom?: InferredBasis;
}

/** The arguments of a program at its entry point, which the entry probe reads from the stack. */
export interface ArgvRecord {
  kind: 'argv';
  timeNs: BootNs;
  pid: number;
  /** Path of the probed file; the process may have executed it by another name. */
  image: string;
  args: string[];
  /** Number of arguments that the kernel passed. */
  argc: number;
  /** `args` has fewer than `argc` entries, or its last one is cut. */
  truncated: boolean;
}

/** A call of execve. It may fail: only an exec record of the same task shows that it succeeded. */
export interface AttemptRecord {
  kind: 'attempt';
  timeNs: BootNs;
  /** Id of the calling task. */
  tid: number;
  args: string[];
  truncated: boolean;
}

/**
 * The end of a thread (tracepoint sched_process_exit), or of a process that is no longer in /proc. `timeNs` is then the
 * time of the poll.
 */
export interface ExitRecord {
  kind: 'exit';
  timeNs: BootNs;
  pid: number;
  /**
   * Whether this was the last thread of its process. Undefined: the kernel does not report it; the end of the first
   * thread counts.
   */
  groupDead: boolean | undefined;
}

/** A loss of at least `count` records before `timeNs`. */
export interface LostRecord {
  kind: 'lost';
  timeNs: BootNs;
  count: number;
}

/** One record of a process sensor, by `kind`. */
export type ProcessRecord = ForkRecord | ExecRecord | ArgvRecord | AttemptRecord | ExitRecord | LostRecord;
