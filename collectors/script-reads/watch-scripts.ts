// Watches who reads the maintainer scripts of dpkg: marks them, also new ones, and reads /proc of each reader at once.

import { errorMessage } from '../error-message.ts';
import type { Host } from '../host/host.ts';
import type { DirectoryToWatch } from '../packagedb/directory-to-watch.ts';
import { isWatchedFile, keepsToItself, type ScriptAccess, type SeenReader, seeReader } from './script-access.ts';
import { type AccessWatch, type FileAccess, watchAccesses } from './watch-accesses.ts';

/** The host, and the receivers of accesses, losses and faults. */
export interface ScriptWatchDeps {
  host: Host;
  /** Whether the process is of the agent itself, which reads scripts as data. */
  isOwn(pid: number, seen: SeenReader | undefined): boolean;
  /** Receives the accesses whose content may come to an interpreter. */
  onAccess(access: ScriptAccess): void;
  /** Called when accesses were lost. */
  onLost(): void;
  onFault(fault: string, error: unknown): void;
  /** Tests replace it; throws FanotifyUnavailable. */
  openWatch?: typeof watchAccesses;
}

/** The state of the watch for `status`. */
export interface ScriptWatchReport {
  /** Number of scripts that are watched. */
  files: number;
  /** Number of scripts that the kernel does not watch. */
  rejected: number;
  /** Why none, or why those, are watched. */
  reason?: string;
  /** Number of accesses that the kernel reported; it may report several as one. */
  accesses: number;
  /** How often the kernel's queue overflowed. */
  lost: number;
}

/** The running watch. */
export interface ScriptWatch {
  /** Watches the file if it is a script. Must be called when a file may have been created or replaced. */
  noteFile(path: string): void;
  /** Lists the directories again. Must be called after one was replaced. */
  listAgain(): void;
  report(): ScriptWatchReport;
  stop(): Promise<void>;
}

/** A process that reads many scripts, as `grep -r` does, is read once in this time. */
const seenMs = 1;

/** Opens the watch and lists the directories of dpkg among the given ones. */
export function watchScripts(directories: readonly DirectoryToWatch[], deps: ScriptWatchDeps): ScriptWatch {
  const { host, isOwn, onAccess, onLost, onFault, openWatch = watchAccesses } = deps;
  let accesses = 0;
  let lost = 0;
  let reason: string | undefined;
  let watch: AccessWatch | undefined;

  let last: { pid: number; untilMs: number; seen: SeenReader | undefined } | undefined;
  const seenNow = ({ pid, read }: FileAccess): SeenReader | undefined => {
    const nowMs = host.clock.monotonicMs();
    if (last?.pid === pid && nowMs < last.untilMs) return last.seen;
    const seen = seeReader(host, pid);
    // A shell that only opens a file may execute another program at once.
    last = read ? { pid, untilMs: nowMs + seenMs, seen } : undefined;
    return seen;
  };
  const see = (access: FileAccess): void => {
    accesses++;
    const { pid, executed } = access;
    const seen = executed ? undefined : seenNow(access);
    // The kernel names no process of another pid namespace.
    if (pid <= 0 || isOwn(pid, seen) || (seen !== undefined && keepsToItself(seen))) return;
    onAccess({ ...access, atNs: host.clock.bootNs(), seen });
  };

  try {
    watch = openWatch({
      onAccess: see,
      onLost() {
        lost++;
        onLost();
      },
      onFault,
      onStopped(error) {
        reason = errorMessage(error);
        onFault('the watch of read scripts stopped', error);
      },
    });
  } catch (error) {
    reason = errorMessage(error);
  }

  const add = async (directory: string, names: readonly string[]): Promise<void> => {
    try {
      await watch?.add(directory, names);
    } catch (error) {
      // dpkg may have removed the directory.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onFault('scripts could not be watched', error);
    }
  };
  const list = async (directory: string): Promise<void> => {
    const path = host.realPath(directory);
    if (path === undefined) return;
    try {
      const names = await host.listDirectory(path);
      await add(
        path,
        names.filter((name) => isWatchedFile(`${path}/${name}`)),
      );
    } catch (error) {
      onFault('scripts could not be listed', error);
    }
  };
  const listAll = (): void => {
    for (const { path, manager, temporary } of directories) if (manager === 'dpkg' && !temporary) void list(path);
  };
  listAll();

  return {
    noteFile(path) {
      if (watch === undefined || !isWatchedFile(path)) return;
      const end = path.lastIndexOf('/');
      void add(path.slice(0, end), [path.slice(end + 1)]);
    },
    listAgain: listAll,
    report() {
      const { files = 0, rejected = 0, reason: why = reason } = watch?.report() ?? {};
      return { files, rejected, ...(why !== undefined && { reason: why }), accesses, lost };
    },
    stop: async () => watch?.close(),
  };
}
