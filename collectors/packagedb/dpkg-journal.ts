// Watches dpkg's journal, the directory updates/: dpkg renames a file into it for each change of the state of a package,
// and removes the files when it writes the status file.

import type { HostFiles } from '../host/host-files.ts';
import { type FanotifyWatcher, openFanotify } from './fanotify.ts';
import { FanotifyUnavailable, type ReadBounds } from './fanotify-group.ts';
import { fanotifyMask } from './parse-fanotify.ts';

/** A file of the journal. It may be gone in some milliseconds. */
export interface DpkgUpdate {
  name: string;
  /** Pid of the process that renamed it. 0: a process of another pid namespace. */
  pid: number;
}

/** Receives the updates, and notices about lost ones. */
export interface DpkgJournalReceiver {
  onUpdate(update: DpkgUpdate): void;
  /** Called when updates were lost. */
  onLost(): void;
}

/** The watch of the journal, which works only with fanotify. */
export interface DpkgJournal {
  start(receiver: DpkgJournalReceiver): void;
  /** Handles the updates in the kernel's queue. */
  drain(): void;
  /** Watches the directory if it has appeared or was replaced. False: updates are not seen. */
  check(): boolean;
  close(): Promise<void>;
}

/**
 * dpkg writes each file to disk before it renames it, which limits their rate. A file is read as soon as possible: dpkg may remove it.
 */
const bounds: ReadBounds = {
  readBytes: 16 * 1024,
  drainReads: 8,
  readsAtOnce: 5000,
  readsPerSecond: 200,
  stormPauseMs: 25,
  mayLose: false,
};

/** Maximum number of calls that empty the queue at once. */
const maxDrains = 16;

/** A journal that is not watched. */
export const noDpkgJournal: DpkgJournal = {
  start() {},
  drain() {},
  check: () => false,
  close: async () => {},
};

/** Creates the watch, which `start` opens. `directory`: the administrative directory of dpkg. */
export function createDpkgJournal(
  host: Pick<HostFiles, 'stat'>,
  directory: string,
  onFault: (fault: string, error: unknown) => void,
  open: typeof openFanotify = openFanotify,
): DpkgJournal {
  const path = `${directory}/updates`;
  let receiver: DpkgJournalReceiver | undefined;
  let group: FanotifyWatcher | undefined;
  /** Device and inode of the marked directory. */
  let marked: string | undefined;

  const openGroup = (to: DpkgJournalReceiver): FanotifyWatcher =>
    open({
      bounds,
      onEvent({ mask, pid, entry }) {
        if ((mask & fanotifyMask.overflow) !== 0) to.onLost();
        else if (entry !== undefined && (mask & fanotifyMask.movedTo) !== 0) to.onUpdate({ name: entry.name, pid });
      },
      onFault,
      onStopped(error) {
        onFault("the reader of dpkg's journal stopped", error);
        const stopped = group;
        group = undefined;
        marked = undefined;
        to.onLost();
        void stopped
          ?.close()
          .catch((fault: unknown) => onFault("the reader of dpkg's journal could not be closed", fault));
      },
    });
  const check = (): boolean => {
    if (receiver === undefined) return false;
    try {
      const stat = host.stat(path);
      if (stat === undefined) {
        marked = undefined;
        return false;
      }
      if (`${stat.dev}:${stat.ino}` === marked) return true;
      group ??= openGroup(receiver);
      marked = group.mark(path, fanotifyMask.movedTo).identity;
      return true;
    } catch (error) {
      marked = undefined;
      // `status` reports why the watch of the package databases does not use fanotify.
      if (!(error instanceof FanotifyUnavailable)) onFault("dpkg's journal could not be watched", error);
      return false;
    }
  };

  return {
    start(to) {
      receiver = to;
      check();
    },
    drain() {
      for (let count = 0; count < maxDrains && group?.drain() === false; count++);
    },
    check,
    close: async () => {
      await group?.close();
    },
  };
}
