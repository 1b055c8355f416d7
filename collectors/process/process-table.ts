// The process table: every live process and the ancestors of each, kept by the sensor's records.

import type { ProcessDetails } from '../proc/inspect-process.ts';
import { type ChangesPackages, lifecycleAtExec, lifecycleBelow } from './lifecycle.ts';
import { beginAsRecorded } from './probed-args.ts';
import type { Image, ProcessEntry } from './process.ts';
import type { BootNs, ExecRecord, ExitRecord, ForkRecord } from './process-record.ts';
import { transactionAtExec, transactionBegunBy } from './transaction.ts';

/** The slice of /proc that the table needs. */
export interface ProcView {
  /** `argsKnown`: the arguments need not be read. Undefined: no such process. */
  inspect(pid: number, argsKnown?: boolean): ProcessDetails | undefined;
  /** The arguments of a live process, `maxBytes` of them at most. */
  readArgs(pid: number, maxBytes: number): { args: string[]; truncated: boolean } | undefined;
  /** The working directory of a live process. */
  readCwd(pid: number): string | undefined;
  /** The process that a thread belongs to. */
  processOfThread(tid: number): number | undefined;
  /** Field 22 of /proc/PID/stat, clock ticks since boot; one read. Undefined: no such process. */
  startTicks(pid: number): number | undefined;
  listPids(): number[];
  listThreads(pid: number): number[];
}

export interface ProcessTable {
  /** Fills the table from /proc, for the pids given or all; also brings it into line after records were lost. */
  seed(pids?: readonly number[]): void;
  fork(record: ForkRecord): void;
  /** The process as it is from now on. */
  exec(record: ExecRecord): ProcessEntry;
  exit(record: ExitRecord): void;
  find(pid: number): ProcessEntry | undefined;
  /**
   * The process that had the pid a moment ago: a live one, one of the few hundred that ended last, or one that /proc shows
   * while its fork's record is still to come.
   */
  recall(pid: number): ProcessEntry | undefined;
  /** Every process that lives, or that ended at that time or later and is still remembered. */
  aliveSince(timeNs: BootNs): Iterable<ProcessEntry>;
  /** Reads what /proc shows of a process, once for each of its programs. Undefined: it ended before. */
  inspect(entry: ProcessEntry): ProcessDetails | undefined;
  /** Reads the arguments of a live process without keeping them: it may have called execve again. */
  peekArgs(entry: ProcessEntry): { args: readonly string[]; workingDirectory(): string | undefined } | undefined;
  /** Reads a live process's arguments in full into its image, where no probe gave them all. */
  completeArgs(entry: ProcessEntry, maxBytes: number): void;
  readonly size: number;
  /** Processes that were not taken in because the table was full. */
  readonly rejected: number;
}

/** The most live processes that are kept. Linux itself allows 4 million; a host with that many has other troubles. */
const maxProcesses = 131_072;
const maxThreads = 262_144;
/** Dead ancestors are kept through their descendants; a chain longer than this loses its far half. */
const maxDepth = 64;
/** /proc gives starts in 10 ms; a record's time is taken some microseconds later. */
const startToleranceNs = 20_000_000;
/** Enough for an interpreter's options and its script: a path has 4096 bytes at most. */
const peekArgsBytes = 8 * 1024;
/** Ended processes that are remembered. */
const maxRemembered = 256;

export interface ProcessTableOptions {
  /** Whether a run of rpm with these arguments runs packages' scripts; without it every run counts. */
  changesPackages?: ChangesPackages;
}

export function createProcessTable(proc: ProcView, { changesPackages }: ProcessTableOptions = {}): ProcessTable {
  const processes = new Map<number, ProcessEntry>();
  /** A ring: the oldest gives way. */
  const remembered: ProcessEntry[] = [];
  let nextRemembered = 0;
  /** Thread id to its process, without first threads. */
  const threads = new Map<number, ProcessEntry>();
  let rejected = 0;

  const sameStart = (startTicks: number, entry: ProcessEntry): boolean =>
    Math.abs(startTicks * 1e7 - entry.startNs) < startToleranceNs;

  const add = (entry: ProcessEntry): ProcessEntry => {
    if (processes.size < maxProcesses || processes.has(entry.pid)) processes.set(entry.pid, entry);
    else rejected++;
    return entry;
  };

  /** Takes in a process that was there before its fork could be seen. */
  const adopt = (pid: number, seenNs: BootNs, ancestors = 0): ProcessEntry => {
    const details = proc.inspect(pid);
    const image = details && imageOf(details);
    const entry: ProcessEntry = {
      pid,
      startNs: details === undefined ? seenNs : details.startTicks * 1e7,
      parent: undefined,
      parentInferred: false,
      lineageCut: false,
      depth: 0,
      image,
      formerImage: undefined,
      parentImageAtFork: undefined,
      ended: details === undefined,
      endNs: undefined,
      lifecycle: undefined,
      transaction: undefined,
      details,
      detailsImage: image,
      inspectedImage: details ? image : null,
    };
    add(entry);
    if (details !== undefined && details.parentPid > 0 && ancestors < maxDepth) {
      const parent = processes.get(details.parentPid) ?? adopt(details.parentPid, entry.startNs, ancestors + 1);
      // One that began later has taken the pid of a parent that is gone; two that name each other would never end.
      if (parent.startNs > entry.startNs + startToleranceNs) return entry;
      entry.parent = parent;
      entry.parentInferred = true;
      entry.depth = parent.depth + 1;
    }
    entry.lifecycle = lifecycleBelow(entry.parent);
    const parentImage = entry.parent?.image;
    if (image !== undefined && image.filename !== parentImage?.filename) {
      entry.lifecycle = lifecycleAtExec(entry, parentImage, image, changesPackages);
    }
    entry.transaction = entry.parent?.transaction ?? (image && transactionBegunBy(entry, image));
    return entry;
  };

  const processOf = (tid: number, seenNs: BootNs): ProcessEntry => {
    const known = processes.get(tid) ?? threads.get(tid);
    if (known) return known;
    const pid = proc.processOfThread(tid) ?? tid;
    return processes.get(pid) ?? adopt(pid, seenNs);
  };

  /** Bounds a chain in which each process forks the next and ends. */
  const cutLineage = (parent: ProcessEntry): number => {
    if (parent.depth < maxDepth) return parent.depth + 1;
    let last = parent;
    for (let i = 0; i < maxDepth / 2 && last.parent; i++) last = last.parent;
    if (last.parent?.ended) {
      last.parent = undefined;
      last.lineageCut = true;
    }
    return maxDepth / 2 + 1;
  };

  const end = (entry: ProcessEntry): void => {
    entry.ended = true;
    if (processes.get(entry.pid) !== entry) return;
    processes.delete(entry.pid);
    remembered[nextRemembered] = entry;
    nextRemembered = (nextRemembered + 1) % maxRemembered;
  };

  return {
    seed(pids = proc.listPids()) {
      const alive = new Set(pids);
      for (const entry of [...processes.values()]) {
        const startTicks = alive.has(entry.pid) ? proc.startTicks(entry.pid) : undefined;
        // While records were lost the pid may have gone to another process.
        if (startTicks === undefined || !sameStart(startTicks, entry)) end(entry);
      }
      threads.clear();
      for (const pid of pids) {
        const entry = processes.get(pid) ?? adopt(pid, 0);
        if (entry.ended) {
          end(entry);
          continue;
        }
        for (const tid of proc.listThreads(pid)) {
          if (tid !== pid && threads.size < maxThreads) threads.set(tid, entry);
        }
      }
    },

    fork({ pid, creator, thread, sibling, timeNs }) {
      const forker = processOf(creator, timeNs);
      if (thread) {
        // What else has had this id has ended: its exit was lost.
        const stale = processes.get(pid);
        if (stale) end(stale);
        if (threads.size < maxThreads) threads.set(pid, forker);
        return;
      }
      threads.delete(pid);
      const parent = sibling ? (forker.parent ?? forker) : forker;
      const known = processes.get(pid);
      if (known && Math.abs(known.startNs - timeNs) < startToleranceNs) {
        // The seeding was quicker than the record: what it read stands, but now the parent is known.
        known.parent = parent;
        known.parentInferred = false;
        known.parentImageAtFork = forker.image;
        known.lifecycle = lifecycleBelow(forker);
        known.transaction = forker.transaction;
        return;
      }
      if (known) end(known);
      add({
        pid,
        startNs: timeNs,
        parent,
        parentInferred: false,
        lineageCut: false,
        depth: cutLineage(parent),
        image: forker.image,
        formerImage: undefined,
        parentImageAtFork: forker.image,
        ended: false,
        endNs: undefined,
        lifecycle: lifecycleBelow(forker),
        transaction: forker.transaction,
        details: undefined,
        detailsImage: undefined,
        inspectedImage: null,
      });
    },

    exec({ pid, formerTid, filename, timeNs, args, argsTruncated, inferredFrom }) {
      if (formerTid !== pid) threads.delete(formerTid);
      const entry = processes.get(pid) ?? adopt(pid, timeNs);
      const before = entry.image;
      entry.formerImage = before;
      const image: Image = { filename, execNs: timeNs };
      if (args !== undefined) image.args = args;
      if (argsTruncated) image.argsTruncated = true;
      if (inferredFrom !== undefined) image.inferredFrom = inferredFrom;
      entry.image = image;
      // Until now it was nothing but a fork, whatever /proc showed before this record came.
      const first = before === entry.parentImageAtFork || before?.execNs === undefined;
      entry.lifecycle = lifecycleAtExec(
        entry,
        first ? entry.parentImageAtFork : undefined,
        entry.image,
        changesPackages,
      );
      entry.transaction = transactionAtExec(entry, entry.image, timeNs);
      return entry;
    },

    exit({ pid, groupDead, timeNs }) {
      const ofThread = threads.get(pid);
      threads.delete(pid);
      const entry = ofThread ?? processes.get(pid);
      if (!entry || !(groupDead ?? ofThread === undefined)) return;
      entry.endNs = timeNs;
      end(entry);
    },

    find: (pid) => processes.get(pid),

    recall(pid) {
      const living = processes.get(pid);
      if (living !== undefined) return living;
      // The one that ended last, should the pid have been used twice.
      for (let age = 1; age <= remembered.length; age++) {
        const ended = remembered[(nextRemembered - age + remembered.length) % remembered.length];
        if (ended?.pid === pid) return ended;
      }
      if (proc.startTicks(pid) === undefined) return undefined;
      const entry = adopt(pid, 0);
      if (entry.ended) processes.delete(pid);
      return entry.ended ? undefined : entry;
    },

    *aliveSince(timeNs) {
      yield* processes.values();
      for (const entry of remembered) if ((entry.endNs ?? 0) >= timeNs) yield entry;
    },

    inspect(entry) {
      if (entry.inspectedImage === entry.image) return entry.details;
      if (!entry.ended) {
        const argsKnown = entry.image?.args !== undefined && !entry.image.argsTruncated;
        const details = proc.inspect(entry.pid, argsKnown);
        if (details && sameStart(details.startTicks, entry)) {
          entry.details = details;
          entry.detailsImage = entry.image;
        }
      }
      entry.inspectedImage = entry.image;
      return entry.details;
    },

    peekArgs(entry) {
      const { pid, image } = entry;
      if (image === undefined) return undefined;
      const args =
        image.args ?? image.attemptArgs?.args ?? (entry.ended ? undefined : proc.readArgs(pid, peekArgsBytes)?.args);
      return args && { args, workingDirectory: () => (entry.ended ? undefined : proc.readCwd(pid)) };
    },

    completeArgs(entry, maxBytes) {
      const { image } = entry;
      if (image === undefined || entry.detailsImage !== image || entry.ended) return;
      if (image.args !== undefined && !image.argsTruncated) return;
      const read = proc.readArgs(entry.pid, maxBytes);
      if (read === undefined || !beginAsRecorded(read.args, image.args ?? [])) return;
      image.args = read.args;
      image.argsTruncated = read.truncated;
    },

    get size() {
      return processes.size;
    },
    get rejected() {
      return rejected;
    },
  };
}

/** The image of a process that ran before the agent saw it. */
function imageOf(details: ProcessDetails): Image | undefined {
  if (details.filename === undefined) return undefined;
  return {
    filename: details.filename,
    execNs: undefined,
    ...(details.args === undefined ? {} : { args: details.args }),
    ...(details.argsTruncated ? { argsTruncated: true } : {}),
    ...(details.inferredFrom === undefined ? {} : { inferredFrom: details.inferredFrom }),
  };
}
