// What is known of a process: the programs it ran, the script and the transaction it belongs to, and how it was at one moment. Types only.

import type { Answer } from '../answer.ts';
import type { InferredBasis } from '../event/reasons.ts';
import type { ProcessDetails } from '../proc/inspect-process.ts';
import type { BootNs } from './process-record.ts';

export interface Executable {
  path: string;
  /** Why `path` is a conclusion; absent where it was read. */
  inferredFrom?: InferredBasis;
  /** It was compared with what the process has mapped. */
  certain?: boolean;
  /** /proc shows another program under the pid: the file and arguments there are not of this one. */
  replaced?: boolean;
}

/** The result of the check of a program that has a package tool's name. */
export interface ToolCheck {
  /** Its value is undefined once the check is done without a result. */
  genuine: Answer<boolean>;
  /** The answer rests on the entry probe: nothing more certain will come. */
  probed?: true;
  /** Only a system of its own (a chroot, a container) says that the program is genuine: device and inode of that system's root. */
  ownRoot?: string;
  /** Why `genuine` is a conclusion. */
  inferredFrom?: InferredBasis;
}

/** One program that a process has run. Replaced whole at an exec, so that code that holds an image keeps the state of that time. */
export interface Image {
  /** The name that execve was given; for a process that is older than the agent, the file that it has mapped. */
  filename: string;
  /** Undefined: the process started the program before the agent saw it. */
  execNs: BootNs | undefined;
  args?: string[];
  argsTruncated?: boolean;
  /** What execve was given; for a script the kernel puts the interpreter in front. */
  attemptArgs?: { args: string[]; truncated: boolean };
  /** The program whose entry probe was hit: what was really mapped, whatever its name. */
  probedImage?: string;
  /** Why `filename` is a conclusion; absent where it was read. */
  inferredFrom?: InferredBasis;
  /** What `executableOf` found, kept here: a map from image to answer costs the collector of garbage more than the answer. */
  executable?: Executable;
  /** Whether the program is the package tool that its name claims, checked while the process was fresh. */
  tool?: ToolCheck;
}

/** One run of a script. Its descendants share this object. */
export interface LifecycleScript {
  manager: 'dpkg' | 'rpm';
  /** Undefined: not known (yet), or there is no file. */
  path: string | undefined;
  package: string | undefined;
  phase: string | undefined;
  /** What `package` is concluded from. */
  packageInferredFrom: InferredBasis | undefined;
  /** Why it is doubtful that it is one at all. */
  inferredFrom: InferredBasis | undefined;
  /** Programs executed below it so far. */
  execs: number;
}

/** What a process is to a script. */
export interface Lifecycle {
  script: LifecycleScript;
  /** 0: the script itself. */
  depth: number;
}

/** One run of a package tool that no other was running round. All that it starts, at any depth, shares this object. */
export interface Transaction {
  /** The process that ran the tool; it may have ended, or run something else by now. */
  root: ProcessEntry;
  /** The tool. */
  image: Image;
  /** Undefined: it was not seen to have ended. */
  endNs: BootNs | undefined;
  /** Programs executed in it since then. */
  execsAfterEnd: number;
}

/** One process. Its identity is pid and start, never the pid alone. */
export interface ProcessEntry {
  pid: number;
  /** From the fork's record, or field 22 of /proc/PID/stat (then a multiple of 10 ms). */
  startNs: BootNs;
  /** The process that forked it, not the one that adopted it later. Undefined: not observed, or cut (see `lineageCut`). */
  parent: ProcessEntry | undefined;
  /** `parent` was read from /proc after the fork: it may be the one that adopted it. */
  parentInferred: boolean;
  /** Older ancestors were dropped at the bound. */
  lineageCut: boolean;
  /** Ancestors above it, at least. */
  depth: number;
  image: Image | undefined;
  /** What it ran before its last exec, its parent's program if that was all. */
  formerImage?: Image | undefined;
  /**
   * The program that the parent ran when it forked this process: the parent may execute another one before its child does
   * anything, and with CLONE_PARENT a process forks a sibling.
   */
  parentImageAtFork: Image | undefined;
  ended: boolean;
  /** When it ended, as far as a record said so. */
  endNs: BootNs | undefined;
  /** The package's script that it runs or was started by, through however many forks. Replaced whole. */
  lifecycle: Lifecycle | undefined;
  /** The package transaction that it is part of, through however many forks. */
  transaction: Transaction | undefined;
  /** What /proc showed; kept after the process ends. Undefined: not read, or the process had ended before. */
  details: ProcessDetails | undefined;
  /** The program that it ran when `details` were read: file and arguments in them are of this one only. */
  detailsImage: Image | undefined;
  /** The program that it ran when `details` were asked for; null: they never were. */
  inspectedImage: Image | undefined | null;
}

/** A process as it was at one moment. */
export interface ProcessSnapshot {
  entry: ProcessEntry;
  image: Image | undefined;
}

/** A process with its ancestors, as they were at one moment. */
export interface ActorSnapshot extends ProcessSnapshot {
  /** Nearest first. */
  ancestors: readonly ProcessSnapshot[];
}

/** One exec, as it was when it happened. */
export interface ExecSnapshot extends ActorSnapshot {
  image: Image;
  timeNs: BootNs;
  /** Undefined: it runs below no lifecycle script. */
  lifecycle: Lifecycle | undefined;
  /** Undefined: it is part of no package transaction. */
  transaction: Transaction | undefined;
}

export interface LeaderSnapshots {
  session_leader?: ProcessSnapshot;
  group_leader?: ProcessSnapshot;
}
