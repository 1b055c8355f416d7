// The tracker: turns the records of a sensor into observed execs, updates the process table and joins each exec with
// its arguments.

import type { FieldValue } from '../event/event.ts';
import type { Held, Hold } from '../event/hold.ts';
import type { Host } from '../host/host.ts';
import { inUnknownRoot } from '../proc/place.ts';
import { LazyExecSnapshot } from './ancestors.ts';
import { executableOf, isPrivateName, sharesRoot } from './executable.ts';
import type { ObservedExec } from './observe-exec.ts';
import type { ExecSnapshot, Executable, Image, ProcessEntry } from './process.ts';
import { inspectNearest, isOfUnknownRoot } from './process-place.ts';
import type {
  ArgvRecord,
  AttemptRecord,
  BootNs,
  ConnectRecord,
  ExecRecord,
  ExitRecord,
  LostRecord,
  ProcessRecord,
} from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
import { startOf } from './program-start.ts';
import { transactionBegunBy } from './transaction.ts';

/** The process table that the collector updates, and the receivers of its results. */
export interface ExecCollectorDeps {
  host: Host;
  table: ProcessTable;
  /** Holds the execs that wait for their arguments. */
  hold: Pick<Hold, 'add'>;
  observe(snapshot: ExecSnapshot): ObservedExec;
  report: {
    /** Called in the order of the records, except for execs that wait for their arguments. */
    exec(exec: ObservedExec): void;
    /** Called when a process tries to open a connection. */
    connect(record: ConnectRecord): void;
    /** Called when a process has ended. */
    exit(entry: ProcessEntry): void;
    /** Called for records that the kernel dropped, before the process table is read again from /proc. */
    lost(record: LostRecord): void;
    /** Called after that: processes may have ended without a call of `exit`. */
    readAgain(): void;
  };
}

/** The executions since the start. */
export interface ExecutionCounts {
  seen: number;
  /** Those without arguments from the kernel: what is known of them was read in /proc while they ran, if they still did. */
  without_arguments: number;
}

/** Consumes the records of a sensor in batches: `handle` for each record, then `flush`. */
export interface ExecCollector {
  counts: Readonly<ExecutionCounts>;
  /** Handles the next record. Records come in the order of their time. */
  handle(record: ProcessRecord): void;
  /**
   * Ends a batch in which all records up to `readUntilNs` were handled: reports the execs that have waited too long for
   * their arguments. Returns whether other execs still wait.
   */
  flush(readUntilNs: BootNs): boolean;
}

/** How long an exec waits for its arguments. The entry probe is hit after some hundred µs, on a loaded host some ms. */
const waitNs = 50e6;
/** The same if the process has ended in the meantime: the records of its arguments and its exit are in the buffer. */
const endedWaitNs = 2e9;
/** The same by the clock, for a sensor that delivers no more records. */
const maxWaitMs = 5000;
/**
 * Maximum number of calls of execve that are kept. A failed call, as in a search along PATH, stays until its task ends.
 */
const maxAttempts = 4096;

/**
 * Whether an argv record repeats what was reported. The last argument of a truncated record is cut, so that it is not
 * compared.
 */
function isRedundantArgv(
  reported: { path: string; args: FieldValue },
  { image, args, truncated }: ArgvRecord,
): boolean {
  if (reported.path !== image || !Array.isArray(reported.args)) return false;
  const completeArgs = truncated ? args.slice(0, -1) : args;
  return (
    (truncated || reported.args.length === args.length) &&
    completeArgs.every((arg, i) => arg === (reported.args as string[])[i])
  );
}

/** Tells which probes report the start of a program. Paths have no symlinks. */
export interface StartProbes {
  /** Whether the program is a package tool with an entry probe of its own. */
  isProbed(executable: string): boolean;
  /** Whether the probe of a dynamic linker, or of a static program, is hit when the program starts. */
  expectsStart(executable: string): boolean;
  /**
   * Whether a program begins at the entry point of the probed file. If not, the program made up the start: it entered the
   * dynamic linker by itself. True also if the program is not known any more.
   */
  beginsAt(executable: string, probe: string): boolean;
  /** Called for a program of the host that started although no probe was hit. */
  noticeUnstarted(executable: string): void;
  /** Whether a program that hits no probe uses none of the host's dynamic linkers. */
  coversLinkers(): boolean;
}

/** A sensor without probes. */
export const noStartProbes: StartProbes = {
  isProbed: () => false,
  expectsStart: () => false,
  beginsAt: () => true,
  noticeUnstarted() {},
  coversLinkers: () => false,
};

/** An exec whose arguments are still to come, from the probe of the program itself or from that of its linker. */
interface WaitingExec {
  snapshot: ExecSnapshot;
  exec: ObservedExec;
  held: Held;
  ownProbe: boolean;
}

/** Joins execs with what the probes report of them. */
export function createExecCollector(
  { host, table, hold, observe, report }: ExecCollectorDeps,
  probes: StartProbes,
): ExecCollector {
  /** By pid. */
  const waiting = new Map<number, WaitingExec>();
  /** By task: its last call of execve. */
  const attempts = new Map<number, AttemptRecord>();
  /** Whether the table was read from /proc since the last flush. That read is later than every record of this batch. */
  let seeded = false;

  /** Path and arguments that were reported for each image whose entry probe was not hit in time. */
  const reportedEarly = new WeakMap<Image, { path: string; args: FieldValue }>();

  /**
   * The real paths of the names in this batch. All its execs are in the past, so that the first resolution is the
   * nearest to each in time.
   */
  const realPaths = new Map<string, string | undefined>();
  const batchHost: Host = {
    ...host,
    realPath(file) {
      if (!realPaths.has(file)) realPaths.set(file, host.realPath(file));
      return realPaths.get(file);
    },
  };

  const noteEarly = (exec: ObservedExec): void => {
    const { entry, image } = exec.snapshot;
    reportedEarly.set(image, { path: executableOf(host, entry, image).path, args: exec.args() });
  };

  /** Handles a program that hit no probe, although nothing shows that it is in another root. */
  const noticeUnstarted = (entry: ProcessEntry, image: Image): void => {
    probes.noticeUnstarted(executableOf(host, entry, image).path);
    if (!isPrivateName(image.filename) && probes.coversLinkers() && isOfUnknownRoot(entry, image))
      image.enteredPlace = inUnknownRoot;
  };
  /** Ends the wait of an exec whose arguments have come or will not come. */
  const release = (pid: number): ObservedExec | undefined => {
    const pending = waiting.get(pid);
    if (pending === undefined) return undefined;
    const { entry, image } = pending.snapshot;
    if (image.start === undefined && sharesRoot(entry, image)) noticeUnstarted(entry, image);
    pending.held.arrived('arguments');
    return pending.exec;
  };
  const counts: ExecutionCounts = { seen: 0, without_arguments: 0 };
  const reportExec = (exec: ObservedExec): void => {
    counts.seen++;
    if (exec.snapshot.image.args === undefined) counts.without_arguments++;
    report.exec(exec);
  };
  const waitForArguments = (pid: number, snapshot: ExecSnapshot, ownProbe: boolean): void => {
    // Collects the ancestors now: they may execute other programs during the wait.
    void snapshot.ancestors;
    const exec = observe(snapshot);
    const held = hold.add([{ for: 'arguments', maxMs: maxWaitMs }], (missing) => {
      waiting.delete(pid);
      reportExec(exec);
      if (missing.length > 0) noteEarly(exec);
    });
    waiting.set(pid, { snapshot, exec, held, ownProbe });
  };

  /** By program and probe, for this batch: each check reads the state of the file. */
  const begins = new Map<string, boolean>();
  const isGenuineStart = (entry: ProcessEntry, { path, inferredFrom }: Executable, probe: string): boolean => {
    // The file of a process in another root cannot be checked by its path, nor can one whose path is a conclusion.
    if (path === probe || isPrivateName(path) || !sharesRoot(entry)) return true;
    if (inferredFrom === 'filename_relative') return true;
    const key = `${path}\0${probe}`;
    let genuine = begins.get(key);
    if (genuine === undefined) {
      genuine = probes.beginsAt(path, probe);
      begins.set(key, genuine);
    }
    return genuine;
  };

  /** Whether a dynamic linker runs a program that has a probe of its own, which is hit a moment later. */
  const isProbedBehindLinker = ({ program }: Image): boolean =>
    program?.argument !== undefined && program.basis === 'same_file' && probes.isProbed(program.path);

  const onExec = (record: ExecRecord): void => {
    release(record.pid);
    const entry = table.exec(record);
    const { image } = entry;
    if (image === undefined) return;
    if (isPrivateName(image.filename)) executableOf(host, entry, image, table.inspect(entry)?.exe);
    const attempt = attempts.get(record.formerTid);
    if (attempt) {
      image.attemptArgs = { args: attempt.args, truncated: attempt.truncated };
      attempts.delete(record.formerTid);
      table.recognizeAgain(entry, image);
    }
    const snapshot = new LazyExecSnapshot(entry, image, record.timeNs);
    const executable = executableOf(batchHost, entry, image);
    const { path } = executable;
    if (image.start !== undefined && !isGenuineStart(entry, executable, image.start.probe)) {
      delete image.start;
      delete image.args;
      delete image.argsTruncated;
    }
    // A sensor that reads the arguments with the exec from /proc has no probes.
    const ownProbe =
      isProbedBehindLinker(image) ||
      (probes.isProbed(path) && (record.args === undefined || record.start !== undefined));
    // A process in another root has files of its own, and a dynamic linker without a probe.
    const expects = ownProbe || (image.args === undefined && probes.expectsStart(path) && sharesRoot(entry));
    if (expects) waitForArguments(record.pid, snapshot, ownProbe);
    else reportExec(observe(snapshot));
  };

  const onArgv = (record: ArgvRecord): void => {
    const pending = waiting.get(record.pid);
    const snapshot = pending?.snapshot;
    const entry = snapshot?.entry ?? table.find(record.pid);
    const image = snapshot?.image ?? entry?.image;
    // If records were lost, there may be no exec of these arguments. If the image has a probe record already, this one
    // is not of its start.
    if (entry === undefined || image === undefined || image.probedImage !== undefined) return;
    if (record.role === 'start') {
      if (image.start !== undefined) return;
      if (!isGenuineStart(entry, executableOf(batchHost, entry, image), record.image)) return;
      image.start = startOf(record);
      image.args = record.args;
      image.argsTruncated = record.truncated;
      table.recognizeAgain(entry, image);
      if (snapshot && entry.image === image) snapshot.transaction = entry.transaction;
      if (pending?.ownProbe === false) {
        if (isProbedBehindLinker(image)) pending.ownProbe = true;
        else release(record.pid);
      }
      return;
    }
    image.start = startOf(record, image.start);
    image.args = record.args;
    image.argsTruncated = record.truncated;
    image.probedImage = record.image;
    if (entry.transaction === undefined && entry.image === image) {
      // The program is a package tool that was executed by another name: the probe is the first to show it.
      entry.transaction = transactionBegunBy(entry, image);
      if (snapshot) snapshot.transaction = entry.transaction;
    }
    const reported = reportedEarly.get(image);
    if (snapshot) release(record.pid);
    else if (reported !== undefined && isRedundantArgv(reported, record)) return;
    // The program was executed by another name (a link, the dynamic linker), and the probe is the first to show it. The
    // event has the time of this record: its id is made of process and time, and the exec may have been reported
    // already.
    else reportExec(observe(new LazyExecSnapshot(entry, image, record.timeNs)));
  };

  const onExit = (record: ExitRecord): void => {
    const ended = table.exit(record);
    if (ended !== undefined) report.exit(ended);
  };

  return {
    counts,
    handle(record) {
      switch (record.kind) {
        case 'fork':
          table.fork(record);
          break;
        case 'attempt':
          if (attempts.size >= maxAttempts) attempts.delete(attempts.keys().next().value as number);
          attempts.set(record.tid, record);
          break;
        case 'exec':
          onExec(record);
          break;
        case 'argv':
          onArgv(record);
          break;
        case 'exit':
          attempts.delete(record.pid);
          release(record.pid);
          onExit(record);
          break;
        case 'connect':
          report.connect(record);
          break;
        case 'lost':
          report.lost(record);
          // Forks and exits may be among the lost records, so that the table is read from /proc.
          if (seeded) break;
          table.seed();
          report.readAgain();
          seeded = true;
          break;
      }
    },
    flush(readUntilNs) {
      seeded = false;
      realPaths.clear();
      begins.clear();
      for (const [pid, { snapshot }] of [...waiting]) {
        // Its probe was not hit so far: it may be a program of a container, which ends in a moment.
        inspectNearest(snapshot.entry, table.inspect);
        const waitedNs = readUntilNs - snapshot.timeNs;
        if (waitedNs <= waitNs) continue;
        if (waitedNs <= endedWaitNs && table.inspect(snapshot.entry)?.args === undefined) continue;
        const exec = release(pid);
        if (exec !== undefined) noteEarly(exec);
      }
      return waiting.size > 0;
    },
  };
}
