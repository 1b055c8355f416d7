// Watches files by fanotify(7) for processes that open and read them. Each file is marked by itself: a package manager
// opens thousands of other files in the same directory, and a link elsewhere leads to the same mark.

import fs from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { linux } from '../linux/linux-abi.ts';
import { type FanotifyOptions, FanotifyUnavailable, openFanotifyGroup } from '../packagedb/fanotify-group.ts';
import { encodeName } from '../packagedb/file-name.ts';
import { type FanotifyEvent, fanotifyMask } from '../packagedb/parse-fanotify.ts';

/** What one process did with a watched file, once or more often. */
export interface FileAccess {
  path: string;
  pid: number;
  /** It read the file (read(2) and its kin); else it only opened the file, as a shell does for a program that it starts. */
  read: boolean;
  /** It executed the file; the kernel then reads the file, and so does the interpreter of a script. */
  executed: boolean;
}

/** The receivers of the watch. */
export interface AccessWatchOptions extends Pick<FanotifyOptions, 'onFault' | 'onStopped'> {
  onAccess(access: FileAccess): void;
  /** Called when the kernel's queue overflowed: accesses are lost, and nothing finds them later. */
  onLost(): void;
}

/** The running watch. */
export interface AccessWatch {
  /**
   * Watches the files of those names in a directory, in steps. A file that cannot be marked is counted. A file that is
   * watched already stays so: after a replacement the name must be added again. Rejects with the errors of open(2) if the
   * directory cannot be opened.
   */
  add(directory: string, names: readonly string[]): Promise<void>;
  /** `files`: number of watched files; `rejected`: number of files that could not be marked, and why the last one. */
  report(): { files: number; rejected: number; reason: string | undefined };
  close(): Promise<void>;
}

/** Maximum number of watched files: each mark keeps an inode in the kernel's memory. */
const maxFiles = 50_000;
/** Files that are marked before other tasks of the event loop run: some milliseconds. */
const filesAtATime = 256;

const mask = fanotifyMask.open | fanotifyMask.openExec | fanotifyMask.access;

/** Opens the watch without files. Throws FanotifyUnavailable. */
export function watchAccesses({ onAccess, onLost, onFault, onStopped }: AccessWatchOptions): AccessWatch {
  /** The path of each watched file, by its key in events. */
  const paths = new Map<string, string>();
  /** The key of each path. A removed file stays until another one takes its name. */
  const keys = new Map<string, string>();
  let rejected = 0;
  let reason: string | undefined;

  const onEvent = ({ mask: seen, pid, file }: FanotifyEvent): void => {
    const has = (bits: number): boolean => (seen & bits) !== 0;
    if (has(fanotifyMask.overflow)) {
      onLost();
      return;
    }
    const accessed = file === undefined ? undefined : paths.get(file);
    if (accessed === undefined) return;
    onAccess({ path: accessed, pid, read: has(fanotifyMask.access), executed: has(fanotifyMask.openExec) });
  };
  const group = openFanotifyGroup('files', { onEvent, onFault, onStopped });

  /** Returns why the file cannot be watched. */
  const mark = (directory: string, directoryFd: number, name: string): string | undefined => {
    const encoded = encodeName(name);
    const file = path.join(directory, name);
    const key = group.keyOf(directoryFd, encoded);
    const before = keys.get(file);
    if (before === key) return undefined;
    if (before === undefined && keys.size >= maxFiles) return `more than ${maxFiles} files`;
    const refused = group.mark(directoryFd, mask, linux.FAN_MARK_DONT_FOLLOW, encoded);
    if (refused !== undefined) return `fanotify_mark: ${refused}`;
    if (before !== undefined && paths.get(before) === file) paths.delete(before);
    keys.set(file, key);
    paths.set(key, file);
    return undefined;
  };
  const tryMark = (directory: string, directoryFd: number, name: string): void => {
    let refused: string | undefined;
    try {
      refused = mark(directory, directoryFd, name);
    } catch (error) {
      if (!(error instanceof FanotifyUnavailable)) throw error;
      refused = error.message;
    }
    // The file may be gone by now.
    if (refused === undefined || refused.endsWith('ENOENT')) return;
    rejected++;
    reason = refused;
  };

  return {
    async add(directory, names) {
      for (let start = 0; start < names.length; start += filesAtATime) {
        if (start > 0) await setImmediate();
        const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
        try {
          for (const name of names.slice(start, start + filesAtATime)) tryMark(directory, fd, name);
        } finally {
          fs.closeSync(fd);
        }
      }
    },
    report: () => ({ files: keys.size, rejected, reason }),
    close: group.close,
  };
}
