// The records of a process sensor: forks, execs, arguments, exits, connections and rpm transactions in the order of
// time, and the number of records lost.

import type { InferredBasis } from '../event/reasons.ts';
import type { ProgramStart, RecordedStart } from './program-start.ts';

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
  /** Set by a sensor that has read the record of the program's start with the exec; `args` is then from it. */
  start?: ProgramStart;
  /** Why `filename` is a conclusion; absent if it was read. */
  inferredFrom?: InferredBasis;
}

/**
 * Whose entry point a probe is at. `program`: a package tool. `start`: a dynamic linker, which begins every program that
 * names it, or a static program.
 */
export type EntryRole = 'program' | 'start';

/** What the kernel passed to a program, which an entry probe reads from the stack. */
export interface ArgvRecord extends RecordedStart {
  kind: 'argv';
  timeNs: BootNs;
  pid: number;
  role: EntryRole;
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

/** One end of a connection. */
export interface Endpoint {
  /** IPv4 or IPv6 in its usual text form; an IPv4 address that is mapped into IPv6 is IPv4. */
  ip: string;
  /** 0: the kernel had not chosen the port yet. */
  port: number;
}

/**
 * An attempt to open a TCP connection: the state of its socket became SYN_SENT (tracepoint inet_sock_set_state). Only
 * this change of state is made by the task that called connect(2); the later ones are made by whatever task runs when
 * a packet arrives.
 */
export interface ConnectRecord {
  kind: 'connect';
  timeNs: BootNs;
  /** Id of the calling task. */
  tid: number;
  source: Endpoint;
  destination: Endpoint;
}

/** A text in the memory of a process, which can have any content. */
export interface ProbedText {
  text: string;
  /** The bound in bytes at which the text was cut. Absent: it is complete. */
  cutAt?: number;
}

/** A step of a transaction of librpm (`rpmtsRun`), in whatever process. Elements are known by their addresses, in hexadecimal digits. */
export type RpmStep =
  | {
      step: 'begin';
      /** Bits of `rpmtransFlags_e`. Undefined: this version of librpm does not show them. */
      flags: number | undefined;
      /** Bits of `rpmprobFilterFlags_e`: the problems that the caller accepts. */
      ignored: number;
      root: ProbedText | undefined;
      /** What the probes on this file of librpm show. */
      shows: RpmProbes;
    }
  /** The database is open. */
  | { step: 'opened'; database: ProbedText | undefined }
  /** A package comes next. It may be reported more than once. */
  | {
      step: 'package';
      element: string;
      /** A bit of `rpmElementType_e`. */
      type: number;
      name: ProbedText;
      /** Empty: the package has none. */
      epoch: ProbedText;
      version: ProbedText;
      release: ProbedText;
      architecture: ProbedText;
      /** The element that replaces this one; `0`: none. */
      replacedBy: string;
    }
  /** The database has the package as this record; 0: it has it no more. */
  | { step: 'written'; element: string; instance: number }
  /** 0: success; negative: a failure; positive: problems prevented it. */
  | { step: 'end'; result: number }
  /** There were too many steps: those of all tasks are missing for some time from now on. */
  | { step: 'suspended' };

/** Which steps between beginning and end the probes show. */
export interface RpmProbes {
  packages: boolean;
  written: boolean;
  opened: boolean;
}

/** One step, recorded by a probe on librpm. */
export type RpmRecord = RpmStep & {
  kind: 'rpm';
  timeNs: BootNs;
  /** Id of the task that runs the transaction. */
  tid: number;
};

/** A loss of at least `count` records before `timeNs`. */
export interface LostRecord {
  kind: 'lost';
  timeNs: BootNs;
  count: number;
}

/** One record of a process sensor, by `kind`. */
export type ProcessRecord =
  | ForkRecord
  | ExecRecord
  | ArgvRecord
  | AttemptRecord
  | ExitRecord
  | ConnectRecord
  | RpmRecord
  | LostRecord;
