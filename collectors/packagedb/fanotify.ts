// Watches directories by fanotify(7) through libc, which names the process of each event. Needs kernel support and
// CAP_SYS_ADMIN.

import fs from 'node:fs';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { errnoName, libc, readInto } from '../linux/libc.ts';
import { layout, linux } from '../linux/linux-abi.ts';
import { openPollSet } from '../linux/poll-set.ts';
import { type FanotifyEvent, fanotifyMask, handleKey, parseFanotify } from './parse-fanotify.ts';

/**
 * FAN_UNLIMITED_MARKS makes the call fail without CAP_SYS_ADMIN. Otherwise Linux 5.13 and later would give a group to
 * any process, but with events that do not name the process (fanotify(7)).
 */
const groupFlags = linux.FAN_CLOEXEC | linux.FAN_NONBLOCK | linux.FAN_UNLIMITED_MARKS | linux.FAN_REPORT_DFID_NAME;
/** Flags of the descriptors in events. With FAN_REPORT_DFID_NAME events have no descriptors. */
const eventFileFlags = 0;
const { bytes: handleHeaderBytes, handle_bytes: handleBytesOffset } = layout.file_handle;
/** Room for some 200 events. The event loop runs other tasks between two reads. */
const readBytes = 16 * 1024;
/** Maximum number of reads in one `drain`, which blocks other tasks. */
const maxDrainReads = 8;
/**
 * Token bucket of the reads: while it has tokens, events are read as they come; in a storm there is a pause before each
 * read.
 */
const readsAtOnce = 200;
const readsPerSecond = 20;
const stormPauseMs = 25;

/** fanotify is not available; `message` has the failed call and errno(3) by name. */
export class FanotifyUnavailable extends Error {
  override name = 'FanotifyUnavailable';
}

/** A marked directory. `key`: the name of the directory in events; `identity`: its device and inode. */
interface MarkedDirectory {
  key: string;
  identity: string;
}

/** One fanotify group and the task that reads its events until `close` or a failure. */
export interface FanotifyWatcher {
  /**
   * Marks a directory, following links. Throws FanotifyUnavailable or the error of open(2). A directory that replaces
   * it must be marked again.
   */
  mark(directory: string): MarkedDirectory;
  /** Handles the events in the queue, up to a bound; false: there are more. */
  drain(): boolean;
  /** Stops reading and closes the group. */
  close(): Promise<void>;
}

/** The callbacks of a watcher. An error that `onEvent` throws is passed to `onFault`, and reading continues. */
export interface FanotifyOptions {
  /** Called for every event, including overflows (`fanotifyMask.overflow`). */
  onEvent(event: FanotifyEvent): void;
  onFault(fault: string, error: unknown): void;
  /** Called when the watcher cannot read any more: close it and open another one. */
  onStopped(error: unknown): void;
}

/** Opens a watcher. Throws FanotifyUnavailable (no CAP_SYS_ADMIN, or a kernel before 5.9). */
export function openFanotify({ onEvent, onFault, onStopped }: FanotifyOptions): FanotifyWatcher {
  const init = libc.func('int fanotify_init(unsigned int flags, unsigned int eventFlags)');
  const cMark = libc.func('int fanotify_mark(int fd, unsigned int flags, uint64_t mask, int dirfd, const char *path)');
  const nameToHandle = libc.func(
    'int name_to_handle_at(int dirfd, const char *path, void *handle, void *mountId, int flags)',
  );
  const fstatfs = libc.func('int fstatfs(int fd, void *buffer)');

  const fd: number = init(groupFlags, eventFileFlags);
  if (fd < 0) throw new FanotifyUnavailable(`fanotify_init: ${errnoName()}`);

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

  const keyOf = (directory: number): string => {
    const handle = Buffer.alloc(handleHeaderBytes + linux.MAX_HANDLE_SZ);
    handle.writeUInt32LE(linux.MAX_HANDLE_SZ, handleBytesOffset);
    const filesystem = Buffer.alloc(layout.statfs.bytes);
    if (nameToHandle(directory, '', handle, Buffer.alloc(4), linux.AT_EMPTY_PATH) !== 0) {
      throw new FanotifyUnavailable(`name_to_handle_at: ${errnoName()}`);
    }
    if (fstatfs(directory, filesystem) !== 0) throw new FanotifyUnavailable(`fstatfs: ${errnoName()}`);
    const fsid = filesystem.subarray(layout.statfs.f_fsid, layout.statfs.f_fsid + 8);
    const handleEnd = handleHeaderBytes + handle.readUInt32LE(handleBytesOffset);
    return handleKey(Buffer.concat([fsid, handle.subarray(0, handleEnd)]));
  };

  const buffer = Buffer.alloc(readBytes);
  /** Reads once and handles the events. True: there may be more events. */
  const readOnce = (): boolean => {
    const size = readInto(fd, buffer);
    if (size <= 0) return false;
    for (const event of parseFanotify(buffer.subarray(0, size))) {
      try {
        onEvent(event);
      } catch (error) {
        onFault('a file event was not handled', error);
      }
    }
    return true;
  };
  const pollSet = openPollSet([fd]);
  let closing = false;
  const run = async (): Promise<void> => {
    let reads = readsAtOnce;
    let refilledMs = performance.now();
    while (!closing) {
      await pollSet.wait();
      const nowMs = performance.now();
      reads = Math.min(readsAtOnce, reads + ((nowMs - refilledMs) / 1000) * readsPerSecond);
      refilledMs = nowMs;
      if (reads < 1) await sleep(stormPauseMs);
      else reads--;
      while (!closing && readOnce()) await setImmediate();
    }
  };
  const running = run().catch(onStopped);

  return {
    mark(directory) {
      const directoryFd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
      try {
        const key = keyOf(directoryFd);
        const tryMask = (mask: number): boolean =>
          cMark(fd, linux.FAN_MARK_ADD | linux.FAN_MARK_ONLYDIR, BigInt(mask), directoryFd, null) === 0;
        if (!tryMask(common | fanotifyMask.rename) && !tryMask(common | renameHalves)) {
          throw new FanotifyUnavailable(`fanotify_mark: ${errnoName()}`);
        }
        const { dev, ino } = fs.fstatSync(directoryFd, { bigint: true });
        return { key, identity: `${dev}:${ino}` };
      } finally {
        fs.closeSync(directoryFd);
      }
    },
    drain() {
      for (let reads = 0; reads < maxDrainReads; reads++) if (!readOnce()) return true;
      return false;
    },
    async close() {
      closing = true;
      pollSet.close();
      await running;
      fs.closeSync(fd);
    },
  };
}
