// The tracker: turns the records of a sensor into observed execs, updates the process table and joins each exec with
// its arguments.

import type { FieldValue } from '../event/event.ts';
import type { Held, Hold } from '../event/hold.ts';
import type { Host } from '../host/host.ts';
import { ancestorsOf } from './describe-process.ts';
import { executableOf, isPrivateName } from './executable.ts';
import type { ObservedExec } from './observe-exec.ts';
import type { ExecSnapshot, Image, ProcessEntry, ProcessSnapshot } from './process.ts';
import type { ArgvRecord, AttemptRecord, BootNs, ExecRecord, LostRecord, ProcessRecord } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
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
    /** Called for records that the kernel dropped, before the process table is read again from /proc. */
    lost(record: LostRecord): void;
  };
}

/** Consumes the records of a sensor in batches: `handle` for each record, then `flush`. */
export interface ExecCollector {
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

/** Collects the ancestors when they are first read: most execs are dismissed before that. */
class LazyExecSnapshot implements ExecSnapshot {
  readonly entry: ProcessEntry;
  readonly image: Image;
  readonly timeNs: BootNs;
  readonly lifecycle: ExecSnapshot['lifecycle'];
  transaction: ExecSnapshot['transaction'];
  #ancestors: ProcessSnapshot[] | undefined;

  constructor(entry: ProcessEntry, image: Image, timeNs: BootNs) {
    this.entry = entry;
    this.image = image;
    this.timeNs = timeNs;
    this.lifecycle = entry.lifecycle;
    this.transaction = entry.transaction;
  }

  get ancestors(): ProcessSnapshot[] {
    this.#ancestors ??= ancestorsOf(this.entry);
    return this.#ancestors;
  }
}

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

/** `isProbed`: whether an entry probe reports the arguments of the program; its path has no symlinks. */
export function createExecCollector(
  { host, table, hold, observe, report }: ExecCollectorDeps,
  isProbed: (executable: string) => boolean,
): ExecCollector {
  /** By pid: the execs that wait for their arguments. */
  const waiting = new Map<number, { snapshot: ExecSnapshot; exec: ObservedExec; held: Held }>();
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

  const noteEarly = ({ snapshot: { entry, image }, args }: ObservedExec): void => {
    reportedEarly.set(image, { path: executableOf(host, entry, image).path, args: args() });
  };

  /** Ends the wait of an exec whose arguments have come or will not come. */
  const release = (pid: number): ObservedExec | undefined => {
    const pending = waiting.get(pid);
    pending?.held.arrived('arguments');
    return pending?.exec;
  };
  const waitForArguments = (pid: number, snapshot: ExecSnapshot): void => {
    // Collects the ancestors now: they may execute other programs during the wait.
    void snapshot.ancestors;
    const exec = observe(snapshot);
    const held = hold.add([{ for: 'arguments', maxMs: maxWaitMs }], (missing) => {
      waiting.delete(pid);
      report.exec(exec);
      if (missing.length > 0) noteEarly(exec);
    });
    waiting.set(pid, { snapshot, exec, held });
  };

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
    }
    const snapshot = new LazyExecSnapshot(entry, image, record.timeNs);
    const executable = executableOf(batchHost, entry, image);
    if (record.args === undefined && isProbed(executable.path)) waitForArguments(record.pid, snapshot);
    else report.exec(observe(snapshot));
  };

  const onArgv = (record: ArgvRecord): void => {
    const snapshot = waiting.get(record.pid)?.snapshot;
    const entry = snapshot?.entry ?? table.find(record.pid);
    const image = snapshot?.image ?? entry?.image;
    // If records were lost, there may be no exec of these arguments. If the image has a probe record already, this one
    // is not of its start.
    if (entry === undefined || image === undefined || image.probedImage !== undefined) return;
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
    else report.exec(observe(new LazyExecSnapshot(entry, image, record.timeNs)));
  };

  return {
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
          table.exit(record);
          break;
        case 'lost':
          report.lost(record);
          // Forks and exits may be among the lost records, so that the table is read from /proc.
          if (!seeded) table.seed();
          seeded = true;
          break;
      }
    },
    flush(readUntilNs) {
      seeded = false;
      realPaths.clear();
      for (const [pid, { snapshot }] of [...waiting]) {
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
