// Reads the archives that dpkg opens: each is opened at once, before it may be deleted, and hashed in the background.

import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { errorCode } from '../error-message.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import type { FileStat } from '../host/file-stat.ts';
import type { Host } from '../host/host.ts';
import { type LaterFile, piecesOf } from '../host/open-later.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { Unreadable } from '../host/regular-file.ts';
import type { BootNs } from '../process/process-record.ts';

/** An archive by the path that a process opens it by, at a time. */
interface ArchiveRequest {
  /** Absolute path, as that process names it. */
  path: string;
  /** Root directory of that process, as the agent names it; empty: that of the host. */
  root: string;
  /** When the process started that opens the archive. */
  atNs: BootNs;
}

/** The content of an archive, or why it is not known. */
export type ArchiveContent =
  | { sha256: string; path: string; ctimeMs: number }
  /** `path`: undefined if the file could not be opened. */
  | { unobserved: UnobservedReason; path?: string };

/** An archive that is being read. */
interface OpenedArchive {
  content: Promise<ArchiveContent>;
  /** Notes that the path was opened again: if it leads to another file or content by then, the content is not known. */
  again(): void;
}

/** Reads archives. */
export interface Archives {
  open(request: ArchiveRequest): OpenedArchive;
}

/** A larger archive is not hashed: it would take a second of the CPU and more. */
const maxArchiveBytes = 512 * 1024 * 1024;
/** Maximum number of archives that are held open. */
const maxOpen = 64;
const maxDigests = 1024;
/** How far the clock of file times may be ahead of that of records: the error of the boot clock. */
const clockErrorMs = 12;
/** A step that takes longer no longer delays the others. */
const usualStepMs = 10_000;
/** Node has four threads. With one more step for each of the two queues, at most three wait for file systems that do not answer. */
const maxStuck = 1;

/** The number of steps that were left behind. */
interface Stuck {
  count: number;
}

/** Runs steps one after the other. A step that does not end is left behind, and at the bound further ones are refused. */
function openTurns(maxStepMs: number, stuck: Stuck) {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(step: () => Promise<T>): Promise<T> => {
    const turn = last.then(() => {
      if (stuck.count > maxStuck) throw new NotRead('not_read_in_time');
      const result = step();
      const late = new AbortController();
      const limit = setTimeout(maxStepMs, undefined, { signal: late.signal, ref: false }).then(() => {
        stuck.count++;
        void result.catch(() => {}).finally(() => stuck.count--);
        throw new NotRead('not_read_in_time');
      });
      limit.catch(() => {});
      return Promise.race([result, limit]).finally(() => late.abort());
    });
    last = turn.catch(() => {});
    return turn;
  };
}

class NotRead extends Error {
  readonly reason: UnobservedReason;

  constructor(reason: UnobservedReason) {
    super(reason);
    this.reason = reason;
  }
}

/** Opens a reader of archives. `maxStepMs`: tests use a shorter time. */
export function openArchives(host: Pick<Host, 'openLater' | 'statLater' | 'clock'>, maxStepMs = usualStepMs): Archives {
  const stuck: Stuck = { count: 0 };
  const inTurnToOpen = openTurns(maxStepMs, stuck);
  const inTurnToRead = openTurns(maxStepMs, stuck);
  const digests = new Map<string, string>();
  let openCount = 0;

  /** The file and its state when it was opened. The caller closes it. */
  const openNow = async ({ path, root }: ArchiveRequest): Promise<{ file: LaterFile; stat: FileStat }> => {
    const file = await host.openLater(path, root);
    try {
      return { file, stat: await file.stat() };
    } catch (error) {
      file.close();
      throw error;
    }
  };

  const openInTurn = (request: ArchiveRequest): ReturnType<typeof openNow> => {
    let isLate = false;
    const opened = inTurnToOpen(async () => {
      const result = await openNow(request);
      if (isLate) result.file.close();
      return result;
    });
    opened.catch(() => {
      isLate = true;
    });
    return opened;
  };

  /** The state of the file that the path leads to by now. */
  const stateNow = async (request: ArchiveRequest): Promise<FileStat | undefined> => {
    if (request.root === '') return inTurnToOpen(() => host.statLater(request.path));
    const { file, stat } = await openInTurn(request);
    file.close();
    return stat;
  };

  const hash = async (file: LaterFile, stat: FileStat): Promise<string> => {
    const identity = contentIdentity(stat);
    const known = digests.get(identity);
    if (known !== undefined) return known;
    if (stat.size > maxArchiveBytes) throw new NotRead('file_too_large');
    const atRest = isAtRest(stat, host.clock.nowMs());
    const digest = createHash('sha256');
    for await (const piece of piecesOf(file, maxArchiveBytes)) digest.update(piece);
    if (hasChanged(stat, await file.stat())) throw new NotRead('file_changed');
    const sha256 = digest.digest('hex');
    if (digests.size >= maxDigests) digests.clear();
    if (atRest) digests.set(identity, sha256);
    return sha256;
  };

  const read = async (request: ArchiveRequest, opened: Promise<{ file: LaterFile; stat: FileStat }>) => {
    let path: string | undefined;
    try {
      const { file, stat } = await opened;
      try {
        path = file.path;
        const sha256 = await inTurnToRead(() => hash(file, stat));
        const atMs = host.clock.bootEpochMs() + request.atNs / 1e6;
        const ctimeMs = Number(stat.ctimeNs) / 1e6;
        if (ctimeMs > atMs + clockErrorMs) throw new NotRead('file_changed');
        return { sha256, path, ctimeMs };
      } finally {
        file.close();
      }
    } catch (error) {
      return { unobserved: reasonOf(error), ...(path !== undefined && { path }) };
    }
  };

  return {
    open(request) {
      if (openCount >= maxOpen) return { content: Promise.resolve({ unobserved: 'too_many_files' }), again() {} };
      openCount++;
      const opened = openInTurn(request);
      const content = read(request, opened).finally(() => openCount--);
      let again: Promise<UnobservedReason | undefined> | undefined;
      const compare = async (): Promise<UnobservedReason | undefined> => {
        try {
          const { stat } = await opened;
          const later = await stateNow(request);
          return later !== undefined && contentIdentity(stat) === contentIdentity(later) ? undefined : 'file_changed';
        } catch (error) {
          const reason = reasonOf(error);
          return reason === 'file_gone' ? 'file_changed' : reason;
        }
      };
      const checked = async (): Promise<ArchiveContent> => {
        const result = await content;
        const reason = await again;
        return 'unobserved' in result || reason === undefined ? result : { unobserved: reason, path: result.path };
      };
      return {
        get content() {
          return checked();
        },
        again() {
          again ??= compare();
        },
      };
    },
  };
}

/** A file that was deleted meanwhile has another change time, and its content is the same. */
function hasChanged(before: FileStat, after: FileStat): boolean {
  if (after.nlink < before.nlink) return after.size !== before.size || after.mtimeNs !== before.mtimeNs;
  return contentIdentity(before) !== contentIdentity(after);
}

function reasonOf(error: unknown): UnobservedReason {
  if (error instanceof NotRead || error instanceof Unreadable) {
    return error.reason === 'too_large' ? 'file_too_large' : error.reason;
  }
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'file_gone';
  reportOwnFault(error);
  return 'unreadable';
}
