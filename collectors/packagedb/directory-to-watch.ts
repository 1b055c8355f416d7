// A directory that a watch is to watch: its path, which of its names are watched, and the bounds of its changes.

import type { PackageManager } from '../packages/tools.ts';

/** The directory to which a path leads. */
export interface DirectoryLocation {
  /** Without links. */
  path: string;
  /** Device and inode. */
  identity: string;
}

/**
 * The bounds of one group of directories. Each group has its own, so that a flood in one does not affect the others.
 */
export interface ChangeBounds {
  /** Token bucket: maximum number of changes at once, and number per second in the long run. */
  burst: number;
  perSecond: number;
  /** Maximum number of changes that wait. */
  waiting: number;
  /** Maximum number of files that are open while their changes wait or are judged. */
  open: number;
  /** Text of the notice about changes beyond the bounds. */
  reason: string;
  /** A change beyond the bounds is left to a later comparison, which does not know its process. Absent: it is dropped. */
  isCompared?: true;
}

/** The number of files whose states can still be recorded in a group of directories. */
export interface FileRoom {
  left: number;
}

/** A directory to watch. */
export interface DirectoryToWatch {
  /** As configured, or as the package tool names it. It may be a link, or not exist yet. */
  path: string;
  /** The package manager that owns the directory; undefined: not known. */
  manager: PackageManager | undefined;
  /** Whether the directory should exist, so that its absence is reported. */
  expected: boolean;
  /** Only files with this prefix are watched. */
  namePrefix?: string;
  /**
   * Every run of the package manager creates and removes the directory or its files, so that its listing is not stored.
   */
  temporary?: boolean;
  /** The names that are watched. Absent: all that have the prefix, and the directory itself. */
  accepts?(name: string): boolean;
  /** All names that can be accepted, if they are known. The directory is not listed then. */
  names?: readonly string[];
  /** Absent: the bounds of package databases, or of scriptlets. */
  bounds?: ChangeBounds;
  /** Shared by the directories of a group. Absent: the group has no bound. */
  room?: FileRoom;
  /** Finds the directory; undefined: no directory there may be entered. Absent: any directory to which the path leads. */
  locate?(): DirectoryLocation | undefined;
}
