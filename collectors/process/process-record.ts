// What a process sensor reports: what happens to processes, in the order in which it happened, and how many records were lost.

import type { InferredBasis } from '../event/reasons.ts';

/** Nanoseconds since boot, time asleep included. A double: exact to 2 ns for the first 200 days of uptime. */
export type BootNs = number;

export interface ForkRecord {
  kind: 'fork';
  timeNs: BootNs;
  pid: number;
  /** The task that called clone: a thread's id where a thread did. */
  creator: number;
  /** A thread of its creator's process, not a process of its own. */
  thread: boolean;
  /** CLONE_PARENT: its parent is the creator's parent. */
  sibling: boolean;
}

export interface ExecRecord {
  kind: 'exec';
  timeNs: BootNs;
  pid: number;
  /** The thread that called execve, where it was not the first: it has become `pid`. */
  formerTid: number;
  /** What execve was given: for a script the script. */
  filename: string;
  /** Only from a sensor that reads arguments with the exec. */
  args?: string[];
  argsTruncated?: boolean;
  /** Why `filename` is a conclusion; absent where it was read. */
  inferredFrom?: InferredBasis;
}

/** The arguments of an image that has begun to run, read from its own stack. */
export interface ArgvRecord {
  kind: 'argv';
  timeNs: BootNs;
  pid: number;
  /** The probed file, whatever name it was started by. */
  image: string;
  args: string[];
  /** The number of arguments that the kernel passed. */
  argc: number;
  /** `args` is short of `argc`, or its last one is cut. */
  truncated: boolean;
}

/** A call of execve, which may yet fail: it counts when an exec of the same task follows. */
export interface AttemptRecord {
  kind: 'attempt';
  timeNs: BootNs;
  /** The calling task's id. */
  tid: number;
  args: string[];
  truncated: boolean;
}

export interface ExitRecord {
  kind: 'exit';
  timeNs: BootNs;
  pid: number;
  /** The last thread is gone. Undefined where the kernel does not say; then the first thread's end counts. */
  groupDead: boolean | undefined;
}

/** Records that the sensor could not keep: at least `count` of them, before `timeNs`. */
export interface LostRecord {
  kind: 'lost';
  timeNs: BootNs;
  count: number;
}

export type ProcessRecord = ForkRecord | ExecRecord | ArgvRecord | AttemptRecord | ExitRecord | LostRecord;
