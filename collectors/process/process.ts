// The types of a process: the programs that it ran, its package script and transaction, and its state at one moment.

import type { Answer } from '../answer.ts';
import type { InferredBasis, UnobservedReason } from '../event/reasons.ts';
import type { ProcessDetails } from '../proc/inspect-process.ts';
import type { Place } from '../proc/place.ts';
import type { BootNs } from './process-record.ts';
import type { ProgramStart } from './program-start.ts';

/** The program of an image, as ECS process.executable. */
export interface Executable {
  path: string;
  /** Why `path` is a conclusion; absent if it was read. */
  inferredFrom?: InferredBasis;
  /** `path` was compared with the file that the process has mapped. */
  certain?: boolean;
  /** The process runs another program by now, so that the file and arguments in /proc are not of this one. */
  replaced?: boolean;
}

/** The result of the check of a program that has a package tool's name. */
export interface ToolCheck {
  /** The value of the answer is undefined if the check ended without a result. */
  genuine: Answer<boolean>;
  /** The process runs the host's own file; no package need own it. */
  isHostFile?: true;
  /** The check used the file that the entry probe named. It is not repeated: no later source is more certain. */
  probed?: true;
  /**
   * Device and inode of a root other than the host's (a chroot, a container) in which the program was found at its
   * path. The check then shows only that it is the program of that system, which the creator of the system chose.
   */
  ownRoot?: string;
  /** Why `genuine` is a conclusion. */
  inferredFrom?: InferredBasis;
}

/** The user and group ids of a process. `userGroupId` is the effective group id, as in `ProcessDetails`. */
export type Credentials = Pick<
  ProcessDetails,
  'userId' | 'realUserId' | 'savedUserId' | 'userGroupId' | 'realUserGroupId' | 'savedUserGroupId'
>;

/** How a program was recognized: it is the host's own file, or another file with the same build ID or hash. */
export type ProgramBasis = 'same_file' | 'build_id' | 'sha256';

/**
 * A package tool, an interpreter or a dynamic linker of the host, recognized by the content of the executed file, under
 * whatever name.
 */
export interface RecognizedProgram {
  /** The host's file, without symlinks. */
  path: string;
  /** All files of the host that are this program: `path`, and those of other versions with the same content. */
  paths: ReadonlySet<string>;
  basis: ProgramBasis;
  /** The file was read by its name, because the process had ended or executed another program. */
  readLater?: true;
  /** A dynamic linker or busybox: the arguments say what runs. */
  runsArgument?: true;
  /** A dynamic linker was executed, and runs the program: the file as an absolute path, and its index in the arguments. */
  argument?: { file: string; index: number };
}

/**
 * One program that a process has run. Each exec makes a new object, so that code that holds an image keeps the state of
 * that time.
 */
export interface Image {
  /**
   * File name that was passed to execve; for a process that is older than the agent, its script or the file that it has
   * mapped.
   */
  filename: string;
  /** Working directory right after the exec; read only if `filename` is relative. Absent: the process had ended. */
  directory?: string;
  /** Time of the exec. Undefined: the process executed the program before the agent saw it. */
  execNs: BootNs | undefined;
  /** What the kernel passed to the program, from a probe. Absent: no probe was hit, or its record is still to come. */
  start?: ProgramStart;
  /** Ids that bound those of the process right before the exec. Absent: not known at the time of the exec. */
  before?: Credentials;
  /** The program before the exec, if `before` is absent: its ids may become known. A chain has at most 8. */
  former?: Image | undefined;
  /** The result of `startCredentials`, once it is known. */
  credentials?: Credentials;
  args?: string[];
  argsTruncated?: boolean;
  /** `args` are completed from /proc: the process can have rewritten what is not in `start`. */
  argsReadLater?: true;
  /** The arguments that were passed to execve. A script gets others: the kernel puts its interpreter in front. */
  attemptArgs?: { args: string[]; truncated: boolean };
  /**
   * Path of the program whose entry probe was hit: the file that is really mapped, under whatever name it was executed.
   */
  probedImage?: string;
  /** Why `filename` is a conclusion; absent if it was read. */
  inferredFrom?: InferredBasis;
  /**
   * The result of `executableOf`. It is kept here because a WeakMap by image would cost more in garbage collection than
   * it saves.
   */
  executable?: Executable;
  /** What the content of the executed file is. Absent: none of the programs that are known, or not read (`unread`). */
  program?: RecognizedProgram;
  /** Why the content was not read. */
  unread?: UnobservedReason;
  /** Whether the program is the package tool that its name claims, checked while the process was fresh. */
  tool?: ToolCheck;
  /**
   * The place into which the process, or an ancestor, has gone since it was read: where chroot(8) led, or an unknown
   * root. Programs that follow in the process, and its children, share the object. Absent: no change was observed.
   */
  enteredPlace?: Place;
}

/** One run of a script of a package. All processes below the script share this object. */
export interface LifecycleScript {
  manager: 'dpkg' | 'rpm';
  /** Undefined: not known (yet), or the script has no file. */
  path: string | undefined;
  package: string | undefined;
  phase: string | undefined;
  /** What `package` is concluded from. */
  packageInferredFrom: InferredBasis | undefined;
  /** Why it is a conclusion that a script of a package runs. */
  inferredFrom: InferredBasis | undefined;
  /** Number of programs that were executed below the script so far. */
  execs: number;
}

/** The script of a package above a process, and its distance. */
export interface Lifecycle {
  script: LifecycleScript;
  /** 0: the process runs the script itself. */
  depth: number;
}

/**
 * One run of a package tool that has no package tool above it. All processes below the tool, at any depth, share this
 * object.
 */
export interface Transaction {
  /** The process that executed the tool; it may have ended, or executed another program, since. */
  root: ProcessEntry;
  /** The tool. */
  image: Image;
  /** End of `root`; undefined: not observed. */
  endNs: BootNs | undefined;
  /** Number of programs that were executed in the transaction after its end. */
  execsAfterEnd: number;
}

/** One process. Its identity is pid and start, never the pid alone. */
export interface ProcessEntry {
  /** Whether a transaction of librpm goes on in the process itself: its children run the scripts of packages. */
  runsLibrpm?: boolean;
  pid: number;
  /** From the record of the fork, or from /proc/PID/stat, field 22 (then a multiple of 10 ms). */
  startNs: BootNs;
  /** The process that forked it, not the one that adopted it later. Undefined: not observed, or cut (see `lineageCut`). */
  parent: ProcessEntry | undefined;
  /** `parent` was read from /proc after the fork, and may be a process that adopted this one. */
  parentInferred: boolean;
  /** Older ancestors were dropped at the bound of the table. */
  lineageCut: boolean;
  /** Number of ancestors; at least that many if some were not observed or were cut. */
  depth: number;
  image: Image | undefined;
  /** The program before the last exec; if there was only one exec, the program inherited from the parent. */
  formerImage?: Image | undefined;
  /**
   * The program of the forking process at the time of the fork. It can differ from `parent.image`: the parent may have
   * executed another program since, and with CLONE_PARENT a sibling forks the process.
   */
  parentImageAtFork: Image | undefined;
  ended: boolean;
  /** Time of its end; undefined: it lives, or no record reported the end. */
  endNs: BootNs | undefined;
  /**
   * The script of a package that the process runs, or that started it at any distance. Replaced by a new object at a
   * change.
   */
  lifecycle: Lifecycle | undefined;
  /** The package transaction that the process belongs to. */
  transaction: Transaction | undefined;
  /**
   * The last reading of /proc, which is kept after the process ends. Undefined: not read, or the process ended before.
   */
  details: ProcessDetails | undefined;
  /** The program at the time of `details`: file and arguments in them are of this program only. */
  detailsImage: Image | undefined;
  /** The program at the last attempt to read `details`; null: no attempt was made. */
  inspectedImage: Image | undefined | null;
}

/** A process at one moment: `image` is the program that it ran then. */
export interface ProcessSnapshot {
  entry: ProcessEntry;
  image: Image | undefined;
}

/** A process with its ancestors at one moment. */
export interface ActorSnapshot extends ProcessSnapshot {
  /** Nearest first. */
  ancestors: readonly ProcessSnapshot[];
}

/** One exec: the process right after it. */
export interface ExecSnapshot extends ActorSnapshot {
  image: Image;
  timeNs: BootNs;
  /** Undefined: the process runs below no script of a package. */
  lifecycle: Lifecycle | undefined;
  /** Undefined: the process belongs to no package transaction. */
  transaction: Transaction | undefined;
}

/** The leaders of a process; absent: not observed. */
export interface LeaderSnapshots {
  session_leader?: ProcessSnapshot;
  group_leader?: ProcessSnapshot;
}
