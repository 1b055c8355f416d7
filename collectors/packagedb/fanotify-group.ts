// One fanotify(7) group, bound to libc: reads its events within bounds, and sets marks. Needs kernel support and
// CAP_SYS_ADMIN.

import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoName, libc, readInto } from '../linux/libc.ts';
import { layout, linux } from '../linux/linux-abi.ts';
import { openPollSet } from '../linux/poll-set.ts';
import { type FanotifyEvent, handleKey, parseFanotify } from './parse-fanotify.ts';
import { fileTurns } from './work-turns.ts';

/**
 * FAN_UNLIMITED_MARKS makes the call fail without CAP_SYS_ADMIN. Otherwise Linux 5.13 and later would give a group to
 * any process, but with events that do not name the process (fanotify(7)).
 */
const groupFlags = linux.FAN_CLOEXEC | linux.FAN_NONBLOCK | linux.FAN_UNLIMITED_MARKS;
/** Flags of the descriptors in events. With file handles events have no descriptors. */
const eventFileFlags = 0;
const { bytes: handleHeaderBytes, handle_bytes: handleBytesOffset } = layout.file_handle;
/**
 * The bounds of reading. A token bucket counts the reads: while it has tokens, events are read as they come; in a storm
 * there is a pause before each read.
 */
export interface ReadBounds {
  /** Size of one read. Other tasks run between two reads; an event has some 80 bytes, and takes up to 0.2 ms. */
  readBytes: number;
  /** Maximum number of reads in one `drain`, which blocks other tasks. */
  drainReads: number;
  readsAtOnce: number;
  readsPerSecond: number;
  stormPauseMs: number;
  /**
   * In a storm, read once after each pause, and do not drain: the kernel then drops what its queue does not hold.
   * Otherwise all events in the queue are read after each pause.
   */
  mayLose: boolean;
}

const allEvents: ReadBounds = {
  readBytes: 2 * 1024,
  drainReads: 2,
  readsAtOnce: 200,
  readsPerSecond: 20,
  stormPauseMs: 25,
  mayLose: false,
};

/** fanotify is not available; `message` has the failed call and errno(3) by name. */
export class FanotifyUnavailable extends Error {
  override name = 'FanotifyUnavailable';
}

/** What the events of a group name: the directory and the name of a file, or the file itself. */
type Reports = 'names' | 'files';
const reportFlags: Readonly<Record<Reports, number>> = {
  names: linux.FAN_REPORT_DFID_NAME,
  files: linux.FAN_REPORT_FID,
};

/** The callbacks of a group. An error that `onEvent` throws is passed to `onFault`, and reading continues. */
export interface FanotifyOptions {
  /** Called for every event, including overflows (`fanotifyMask.overflow`). */
  onEvent(event: FanotifyEvent): void;
  onFault(fault: string, error: unknown): void;
  /** Called when the group cannot be read any more: close it and open another one. */
  onStopped(error: unknown): void;
  /** Default: bounds under which no event is lost. */
  bounds?: ReadBounds | undefined;
}

/** One fanotify group and the task that reads its events until `close` or a failure. */
export interface FanotifyGroup {
  /**
   * Adds events to the mark of a file: of the open file `fd`, or of `name` in the directory `fd`, without following it.
   * Returns errno(3) by name if that fails.
   */
  mark(fd: number, mask: number, flags: number, name?: string | Buffer): string | undefined;
  /** How events name the file, which is given as to `mark`. Throws FanotifyUnavailable. */
  keyOf(fd: number, name?: string | Buffer): string;
  /** Handles the events in the queue, up to a bound; false: there are more. */
  drain(): boolean;
  /** Stops reading and closes the group. */
  close(): Promise<void>;
}

/** Opens a group. Throws FanotifyUnavailable (no CAP_SYS_ADMIN, or a kernel before 5.9). */
export function openFanotifyGroup(
  reports: Reports,
  { onEvent, onFault, onStopped, bounds = allEvents }: FanotifyOptions,
): FanotifyGroup {
  const init = libc.func('int fanotify_init(unsigned int flags, unsigned int eventFlags)');
  const cMark = libc.func('int fanotify_mark(int fd, unsigned int flags, uint64_t mask, int dirfd, const void *path)');
  const nameToHandle = libc.func(
    'int name_to_handle_at(int dirfd, const void *path, void *handle, void *mountId, int flags)',
  );
  const fstatfs = libc.func('int fstatfs(int fd, void *buffer)');

  const fd: number = init(groupFlags | reportFlags[reports], eventFileFlags);
  if (fd < 0) throw new FanotifyUnavailable(`fanotify_init: ${errnoName()}`);

  const buffer = Buffer.alloc(bounds.readBytes);
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
  let reads = bounds.readsAtOnce;
  let refilledMs = performance.now();
  /** Whether the bucket has a token. */
  const mayRead = (): boolean => {
    const nowMs = performance.now();
    reads = Math.min(bounds.readsAtOnce, reads + ((nowMs - refilledMs) / 1000) * bounds.readsPerSecond);
    refilledMs = nowMs;
    return reads >= 1;
  };
  const pollSet = openPollSet([fd]);
  let closing = false;
  const run = async (): Promise<void> => {
    while (!closing) {
      await pollSet.wait();
      if (mayRead()) reads--;
      else await sleep(bounds.stormPauseMs);
      if (!bounds.mayLose) while (!closing && readOnce()) await fileTurns.next();
      else {
        await fileTurns.next();
        if (!closing) readOnce();
      }
    }
  };
  const running = run().catch(onStopped);

  return {
    mark: (target, mask, flags, name) =>
      cMark(fd, linux.FAN_MARK_ADD | flags, BigInt(mask), target, name === undefined ? null : cString(name)) === 0
        ? undefined
        : errnoName(),
    keyOf(target, name) {
      const handle = Buffer.alloc(handleHeaderBytes + linux.MAX_HANDLE_SZ);
      handle.writeUInt32LE(linux.MAX_HANDLE_SZ, handleBytesOffset);
      const filesystem = Buffer.alloc(layout.statfs.bytes);
      const flags = name === undefined ? linux.AT_EMPTY_PATH : 0;
      // tracefs has no handles that files can be opened by, but, with the second flag, those that fanotify reports.
      const isGiven = [flags, flags | linux.AT_REMOVEDIR].some(
        (tried) => nameToHandle(target, cString(name ?? ''), handle, Buffer.alloc(4), tried) === 0,
      );
      if (!isGiven) throw new FanotifyUnavailable(`name_to_handle_at: ${errnoName()}`);
      if (fstatfs(target, filesystem) !== 0) throw new FanotifyUnavailable(`fstatfs: ${errnoName()}`);
      const fsid = filesystem.subarray(layout.statfs.f_fsid, layout.statfs.f_fsid + 8);
      const handleEnd = handleHeaderBytes + handle.readUInt32LE(handleBytesOffset);
      return handleKey(Buffer.concat([fsid, handle.subarray(0, handleEnd)]));
    },
    drain() {
      for (let count = 0; count < bounds.drainReads; count++) {
        if (bounds.mayLose && !mayRead()) return false;
        if (!readOnce()) return true;
        if (bounds.mayLose) reads--;
      }
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

/** The name as bytes with a final NUL: as text it would have to be UTF-8. */
const cString = (name: string | Buffer): Buffer => Buffer.concat([Buffer.from(name), Buffer.of(0)]);
