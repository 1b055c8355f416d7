// The process table: every live process and its ancestors, updated from the records of the sensor.

import type { ProcessDetails } from '../proc/inspect-process.ts';
import type { Place } from '../proc/place.ts';
import { noteFormer } from './credentials.ts';
import type { ReadEnvironment } from './environment.ts';
import { type ChangesPackages, lifecycleAtExec, lifecycleBelow } from './lifecycle.ts';
import { beginAsRecorded } from './probed-args.ts';
import type { Image, ProcessEntry, ProcessSnapshot } from './process.ts';
import { type FoundPlace, findPlace, newRootOf, startsOnHost } from './process-place.ts';
import type { BootNs, ExecRecord, ExitRecord, ForkRecord } from './process-record.ts';
import type { RecognizeProgram } from './recognize-program.ts';
import { transactionAtExec, transactionBegunBy } from './transaction.ts';

/** The part of /proc that the table reads. */
export interface ProcView {
  /** `argsKnown`: the arguments need not be read. Undefined: no such process. */
  inspect(pid: number, argsKnown?: boolean): ProcessDetails | undefined;
  /** The first `maxBytes` bytes of the arguments of a live process. */
  readArgs(pid: number, maxBytes: number): { args: string[]; truncated: boolean } | undefined;
  /** The first `maxBytes` bytes of the environment of a live process. */
  readEnvironment(pid: number, maxBytes: number): ReadEnvironment | undefined;
  /** The working directory of a live process. */
  readCwd(pid: number): string | undefined;
  /** The place of a process whose root is that directory of the host; undefined: not known. */
  placeOfRoot(directory: string): Place | undefined;
  /** The process that a thread belongs to. */
  processOfThread(tid: number): number | undefined;
  /** Start in clock ticks since boot (/proc/PID/stat, field 22); one read. Undefined: no such process. */
  startTicks(pid: number): number | undefined;
  listPids(): number[];
  listThreads(pid: number): number[];
}

/** The live processes, at most 131,072, with their ancestors, and the last 256 processes that ended. */
export interface ProcessTable {
  /**
   * Reads the given processes, or all, from /proc into the table. Removes those that have ended, as is needed after
   * records were lost.
   */
  seed(pids?: readonly number[]): void;
  fork(record: ForkRecord): void;
  /** Returns the process in its state after the exec. */
  exec(record: ExecRecord): ProcessEntry;
  /** Returns the process that ended; undefined: only a thread did, or the process is not in the table. */
  exit(record: ExitRecord): ProcessEntry | undefined;
  /** Must be called when the arguments of an image become known: busybox and dynamic linkers run what they name. */
  recognizeAgain(entry: ProcessEntry, image: Image): void;
  find(pid: number): ProcessEntry | undefined;
  /** The process of a task, by the id of the task. Does not read /proc. */
  findTask(tid: number): ProcessEntry | undefined;
  /**
   * The process that has the pid now or had it a moment ago: a live process, one of the last 256 that ended, or a
   * process that /proc shows although the record of its fork is still to come.
   */
  recall(pid: number): ProcessEntry | undefined;
  /** Every live process. */
  alive(): Iterable<ProcessEntry>;
  /** Every live process, and those of the last 256 that ended at that time or later. */
  aliveSince(timeNs: BootNs): Iterable<ProcessEntry>;
  /** Reads /proc of a process, once after each exec. Undefined: the process ended before it could be read. */
  inspect(entry: ProcessEntry): ProcessDetails | undefined;
  /** Where the process ran the program, by what was read of it and its ancestors. */
  placeOf(process: ProcessSnapshot): FoundPlace;
  /** Reads the arguments of a live process. They are not kept, because the process may have called execve again. */
  peekArgs(entry: ProcessEntry): { args: readonly string[]; workingDirectory(): string | undefined } | undefined;
  /** Reads the arguments of a live process, up to `maxBytes`, into its image, unless a probe gave them all. */
  completeArgs(entry: ProcessEntry, maxBytes: number): void;
  /**
   * Reads the environment of a live process, up to `maxBytes`. Undefined also if it executes another program than when
   * it was inspected.
   */
  readEnvironment(entry: ProcessEntry, maxBytes: number): ReadEnvironment | undefined;
  readonly size: number;
  /** Number of processes that were not added because the table was full. */
  readonly rejected: number;
}

/** Maximum number of live processes in the table. Linux allows 4 million (proc(5), pid_max); few hosts have that many. */
const maxProcesses = 131_072;
const maxThreads = 262_144;
/**
 * Maximum length of a chain of ancestors. An ended ancestor is kept as long as it has descendants; a longer chain loses
 * its older half.
 */
const maxDepth = 64;
/** /proc gives the start of a process in units of 10 ms; the time of a record is taken some microseconds later. */
const startToleranceNs = 20_000_000;
/** Enough for the options of an interpreter and its script: a path has at most 4096 bytes. */
const peekArgsBytes = 8 * 1024;
/** Number of ended processes that are remembered. */
const maxRemembered = 256;

/** The judgments on programs that the table does not make itself. */
export interface ProcessTableOptions {
  /** Whether a run of rpm with these arguments may run scripts of packages. Absent: every run may. */
  changesPackages?: ChangesPackages;
  /** Whether a program that hits no probe uses none of the host's dynamic linkers. Absent: that shows nothing. */
  probesEveryLinker?(): boolean;
  /** Recognizes programs by their content. Absent: programs are known by their names only. */
  recognize?: RecognizeProgram;
}

/** Creates an empty table; `seed` fills it. */
export function createProcessTable(proc: ProcView, options: ProcessTableOptions = {}): ProcessTable {
  const { changesPackages, probesEveryLinker = () => false, recognize = () => {} } = options;
  const processes = new Map<number, ProcessEntry>();
  /** A ring of the processes that ended last. */
  const remembered: ProcessEntry[] = [];
  let nextRemembered = 0;
  /**
   * The process of each thread, by thread id. The first thread of a process, whose id is the pid, is not in the map.
   */
  const threads = new Map<number, ProcessEntry>();
  let rejected = 0;

  const sameStart = (startTicks: number, entry: ProcessEntry): boolean =>
    Math.abs(startTicks * 1e7 - entry.startNs) < startToleranceNs;

  const add = (entry: ProcessEntry): ProcessEntry => {
    if (processes.size < maxProcesses || processes.has(entry.pid)) processes.set(entry.pid, entry);
    else rejected++;
    return entry;
  };

  /** Adds a process whose fork was not seen, and its ancestors, from /proc. */
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
    if (image !== undefined) recognize(entry, image);
    if (details !== undefined && details.parentPid > 0 && ancestors < maxDepth) {
      const parent = processes.get(details.parentPid) ?? adopt(details.parentPid, entry.startNs, ancestors + 1);
      // A process that started later than its child is not the parent: it reuses the pid of a parent that ended.
      // Without this check two processes could be each other's ancestor.
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

  /**
   * Where chroot(8) led that ran before in the process. Where no probe would show a return to the host, it shows nothing.
   */
  const placeEnteredBy = (before: Image | undefined): Place | undefined => {
    if (before === undefined || !probesEveryLinker()) return undefined;
    const directory = newRootOf(before);
    if (directory !== undefined) return proc.placeOfRoot(directory);
    return startsOnHost(before) ? undefined : before.enteredPlace;
  };

  const processOf = (tid: number, seenNs: BootNs): ProcessEntry => {
    const known = processes.get(tid) ?? threads.get(tid);
    if (known) return known;
    const pid = proc.processOfThread(tid) ?? tid;
    return processes.get(pid) ?? adopt(pid, seenNs);
  };

  /**
   * Returns the depth of a child of `parent`. Cuts a chain of ancestors that is too long, as one in which each process
   * forks the next and ends.
   */
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

  /** A relative name means a file only in the directory of its process; another process may have the pid by now. */
  const noteDirectory = (entry: ProcessEntry, image: Image): void => {
    const startTicks = proc.startTicks(entry.pid);
    const directory = startTicks !== undefined && sameStart(startTicks, entry) ? proc.readCwd(entry.pid) : undefined;
    if (directory !== undefined) image.directory = directory;
  };

  return {
    seed(pids = proc.listPids()) {
      const alive = new Set(pids);
      for (const entry of [...processes.values()]) {
        const startTicks = alive.has(entry.pid) ? proc.startTicks(entry.pid) : undefined;
        // If records were lost, another process may have the pid now.
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
        // A process in the table with this id has ended, and its exit record was lost.
        const stale = processes.get(pid);
        if (stale) end(stale);
        if (threads.size < maxThreads) threads.set(pid, forker);
        return;
      }
      threads.delete(pid);
      const parent = sibling ? (forker.parent ?? forker) : forker;
      const known = processes.get(pid);
      if (known && Math.abs(known.startNs - timeNs) < startToleranceNs) {
        // The process was read from /proc before this record came. The record adds its parent.
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

    exec({ pid, formerTid, filename, timeNs, args, argsTruncated, start, inferredFrom }) {
      if (formerTid !== pid) threads.delete(formerTid);
      const entry = processes.get(pid) ?? adopt(pid, timeNs);
      const before = entry.image;
      entry.formerImage = before;
      const image: Image = { filename, execNs: timeNs };
      noteFormer(image, entry, before);
      if (args !== undefined) image.args = args;
      if (argsTruncated) image.argsTruncated = true;
      if (start !== undefined) image.start = start;
      if (inferredFrom !== undefined) image.inferredFrom = inferredFrom;
      const enteredPlace = placeEnteredBy(before);
      if (enteredPlace !== undefined) image.enteredPlace = enteredPlace;
      entry.image = image;
      if (!filename.startsWith('/')) noteDirectory(entry, image);
      recognize(entry, image);
      // This is the first exec since the fork. An image that was read from /proc before this record came is no exec.
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
      if (!entry || !(groupDead ?? ofThread === undefined)) return undefined;
      entry.endNs = timeNs;
      end(entry);
      return entry;
    },

    recognizeAgain(entry, image) {
      if (!image.program?.runsArgument) return;
      recognize(entry, image);
      if (entry.image === image) entry.transaction ??= transactionBegunBy(entry, image);
    },

    find: (pid) => processes.get(pid),

    findTask: (tid) => processes.get(tid) ?? threads.get(tid),

    recall(pid) {
      const living = processes.get(pid);
      if (living !== undefined) return living;
      // From the newest to the oldest: the pid may have been used twice.
      for (let age = 1; age <= remembered.length; age++) {
        const ended = remembered[(nextRemembered - age + remembered.length) % remembered.length];
        if (ended?.pid === pid) return ended;
      }
      if (proc.startTicks(pid) === undefined) return undefined;
      const entry = adopt(pid, 0);
      if (entry.ended) processes.delete(pid);
      return entry.ended ? undefined : entry;
    },

    alive: () => processes.values(),

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

    placeOf: (process) => findPlace(process, probesEveryLinker()),

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
      image.argsReadLater = true;
    },

    readEnvironment(entry, maxBytes) {
      const { image } = entry;
      if (image === undefined || entry.detailsImage !== image || entry.ended) return undefined;
      return proc.readEnvironment(entry.pid, maxBytes);
    },

    get size() {
      return processes.size;
    },
    get rejected() {
      return rejected;
    },
  };
}

/** The image of a process that was read from /proc, and whose exec was not seen. */
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
