// Watches directories by fanotify(7), which names the process of each event.

import fs from 'node:fs';
import { linux } from '../linux/linux-abi.ts';
import { type FanotifyGroup, type FanotifyOptions, FanotifyUnavailable, openFanotifyGroup } from './fanotify-group.ts';
import { fanotifyMask } from './parse-fanotify.ts';

/** A marked directory. `key`: the name of the directory in events; `identity`: its device and inode. */
interface MarkedDirectory {
  key: string;
  identity: string;
}

/** One fanotify group whose marks are on directories. */
export interface FanotifyWatcher extends Pick<FanotifyGroup, 'drain' | 'close'> {
  /**
   * Marks a directory, following links. Throws FanotifyUnavailable or the error of open(2). A directory that replaces
   * it must be marked again. `only`: the events to report (default: all changes of the files).
   */
  mark(directory: string, only?: number): MarkedDirectory;
}

const common =
  fanotifyMask.modify |
  fanotifyMask.attribute |
  fanotifyMask.closeWrite |
  fanotifyMask.create |
  fanotifyMask.delete |
  fanotifyMask.deleteSelf |
  fanotifyMask.moveSelf |
  fanotifyMask.onChild |
  fanotifyMask.onDirectory;
/** Used on kernels before 5.17, which do not have `rename`. */
const renameHalves = fanotifyMask.movedFrom | fanotifyMask.movedTo;

/** Opens a watcher. Throws FanotifyUnavailable (no CAP_SYS_ADMIN, or a kernel before 5.9). */
export function openFanotify(options: FanotifyOptions): FanotifyWatcher {
  const group = openFanotifyGroup('names', options);
  return {
    mark(directory, only) {
      const directoryFd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
      try {
        const key = group.keyOf(directoryFd);
        const markWith = (mask: number) => group.mark(directoryFd, mask, linux.FAN_MARK_ONLYDIR);
        const refused =
          only === undefined
            ? markWith(common | fanotifyMask.rename) && markWith(common | renameHalves)
            : markWith(only);
        if (refused !== undefined) throw new FanotifyUnavailable(`fanotify_mark: ${refused}`);
        const { dev, ino } = fs.fstatSync(directoryFd, { bigint: true });
        return { key, identity: `${dev}:${ino}` };
      } finally {
        fs.closeSync(directoryFd);
      }
    },
    drain: group.drain,
    close: group.close,
  };
}
