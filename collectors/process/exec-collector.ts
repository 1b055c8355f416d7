// The tracker: turns a sensor's records into observed execs, keeps the process table and joins each exec with its arguments.

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

export interface ExecCollectorDeps {
  host: Host;
  table: ProcessTable;
  /** Execs wait there for their arguments. */
  hold: Pick<Hold, 'add'>;
  observe(snapshot: ExecSnapshot): ObservedExec;
  report: {
    /** In the order of the records, but for those whose arguments come later. */
    exec(exec: ObservedExec): void;
    /** Records that the kernel dropped; the table was read again from /proc. */
    lost(record: LostRecord): void;
  };
}

export interface ExecCollector {
  /** Takes the next record. Records come in the order of their time. */
  handle(record: ProcessRecord): void;
  /**
   * Ends a batch: reports the execs whose arguments have not come within `waitNs`, as far as all records up to
   * `readUntilNs` were handled; true: others still wait.
   */
  flush(readUntilNs: BootNs): boolean;
}

/** An entry probe is hit as soon as the dynamic linker is done: some hundred microseconds, on a loaded host some ms. */
const waitNs = 50e6;
/** That long where the process has ended by then: the records of its arguments and its end must be on their way. */
const endedWaitNs = 2e9;
/** The same for a sensor that stands still. */
const maxWaitMs = 5000;
/** Failed attempts along PATH leave theirs behind until the task ends. */
const maxAttempts = 4096;

/** Most execs are dismissed before their ancestors are read. */
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

/** A truncated record ends in an argument that is cut. */
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

/** `isProbed`: programs (without symlinks) whose entry probe gives the arguments. */
export function createExecCollector(
  { host, table, hold, observe, report }: ExecCollectorDeps,
  isProbed: (executable: string) => boolean,
): ExecCollector {
  /** By pid: execs whose arguments are still to come, as they were when they happened. */
  const waiting = new Map<number, { snapshot: ExecSnapshot; exec: ObservedExec; held: Held }>();
  /** By task: the last call of execve. */
  const attempts = new Map<number, AttemptRecord>();
  /** The table was filled again since the last flush, later than every record of this batch. */
  let seeded = false;

  /** What was reported of images whose entry probe was not hit in time. */
  const reportedEarly = new WeakMap<Image, { path: string; args: FieldValue }>();

  /** The real paths of the names in this batch. All of its execs have happened already, so the first resolution is the closest to each. */
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

  /** The arguments of the pid's exec have come, or will not come any more. */
  const release = (pid: number): ObservedExec | undefined => {
    const pending = waiting.get(pid);
    pending?.held.arrived('arguments');
    return pending?.exec;
  };
  const waitForArguments = (pid: number, snapshot: ExecSnapshot): void => {
    // The ancestors as they are now, not as they will be.
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
    // Without its exec (records were lost) there is no event to report, and an image begins only once.
    if (entry === undefined || image === undefined || image.probedImage !== undefined) return;
    image.args = record.args;
    image.argsTruncated = record.truncated;
    image.probedImage = record.image;
    if (entry.transaction === undefined && entry.image === image) {
      // Only now is it known for a package tool: it was started by another name.
      entry.transaction = transactionBegunBy(entry, image);
      if (snapshot) snapshot.transaction = entry.transaction;
    }
    const reported = reportedEarly.get(image);
    if (snapshot) release(record.pid);
    else if (reported !== undefined && isRedundantArgv(reported, record)) return;
    // Started by another name (a link, the dynamic linker): only now is it known what runs there.
    // The time is this record's: the exec may have been reported already, and an event's id is made of process and time.
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
          // Forks and exits are among the lost: what /proc shows now is the truth.
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
