// Turns a sensor's records into observed execs: keeps the process table and joins each exec with its arguments.

import type { FieldValue } from '../event/event.ts';
import { realPath } from '../host/file-identity.ts';
import type { HostContext } from '../host/host-context.ts';
import { ancestorsOf, type HostWitness, type ObservedExec, observeExec } from './describe-process.ts';
import { executableOf, isPrivateName } from './executable.ts';
import type { ExecMoment, Image, ProcessEntry, ProcessMoment } from './process.ts';
import type { ArgvRecord, AttemptRecord, BootNs, ExecRecord, LostRecord, ProcessRecord } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
import { transactionBegunBy } from './transaction.ts';

export interface ProcessCollectorOptions {
  table: ProcessTable;
  context: HostContext;
  witness: HostWitness;
  /** Programs (without symlinks) whose exec is told only once their entry probe has given the arguments. */
  isProbed(executable: string): boolean;
  onExec(exec: ObservedExec): void;
  onLost(record: LostRecord): void;
}

export interface ProcessCollector {
  handle(record: ProcessRecord): void;
  /**
   * Ends a batch: tells the execs whose arguments have not come within `waitNs`, as far as all records up to
   * `readUntilNs` were handled; true: others are still waiting.
   */
  flush(readUntilNs: BootNs): boolean;
}

/** An entry probe is hit as soon as the dynamic linker is done: some hundred microseconds, on a loaded host some ms. */
const waitNs = 50e6;
/** That long where the process has ended by then: the records of its arguments and its end must be on their way. */
const endedWaitNs = 2e9;
/** Failed attempts along PATH leave theirs behind until the task ends. */
const maxAttempts = 4096;

/** Most execs are dismissed before anybody asks for their ancestors. */
class Moment implements ExecMoment {
  readonly entry: ProcessEntry;
  readonly image: Image;
  readonly timeNs: BootNs;
  readonly lifecycle: ExecMoment['lifecycle'];
  transaction: ExecMoment['transaction'];
  #ancestors: ProcessMoment[] | undefined;

  constructor(entry: ProcessEntry, image: Image, timeNs: BootNs) {
    this.entry = entry;
    this.image = image;
    this.timeNs = timeNs;
    this.lifecycle = entry.lifecycle;
    this.transaction = entry.transaction;
  }

  get ancestors(): ProcessMoment[] {
    this.#ancestors ??= ancestorsOf(this.entry);
    return this.#ancestors;
  }
}

/** A truncated record ends in an argument that is cut. */
function saysTheSame(told: { path: string; args: FieldValue }, { image, args, truncated }: ArgvRecord): boolean {
  if (told.path !== image || !Array.isArray(told.args)) return false;
  const whole = truncated ? args.slice(0, -1) : args;
  return (truncated || told.args.length === args.length) && whole.every((arg, i) => arg === (told.args as string[])[i]);
}

export function createProcessCollector(options: ProcessCollectorOptions): ProcessCollector {
  const { table, context } = options;
  /** By pid: execs that wait for their arguments, as they were when they happened. */
  const waiting = new Map<number, ExecMoment>();
  /** By task: the last call of execve. */
  const attempts = new Map<number, AttemptRecord>();
  /** The table was filled anew since the last flush: later than every record of this batch. */
  let seeded = false;

  /** What was told of images whose entry probe was not hit in time. */
  const toldEarly = new WeakMap<Image, { path: string; args: FieldValue }>();

  /** Where names of this batch lead. All of its execs have happened: the first look is the nearest to each. */
  const leadTo = new Map<string, string | undefined>();
  const links = (file: string): string | undefined => {
    if (!leadTo.has(file)) leadTo.set(file, realPath(file));
    return leadTo.get(file);
  };

  const tell = (moment: ExecMoment): ObservedExec => {
    const exec = observeExec(moment, table, context, options.witness);
    options.onExec(exec);
    return exec;
  };

  const release = (pid: number): ObservedExec | undefined => {
    const moment = waiting.get(pid);
    if (moment === undefined) return undefined;
    waiting.delete(pid);
    return tell(moment);
  };

  const onExec = (record: ExecRecord): void => {
    release(record.pid);
    const entry = table.exec(record);
    const { image } = entry;
    if (image === undefined) return;
    if (isPrivateName(image.filename)) executableOf(entry, image, table.inspect(entry)?.exe);
    const attempt = attempts.get(record.formerTid);
    if (attempt) {
      image.attemptArgs = { args: attempt.args, truncated: attempt.truncated };
      attempts.delete(record.formerTid);
    }
    const moment = new Moment(entry, image, record.timeNs);
    const executable = executableOf(entry, image, undefined, links);
    if (record.args === undefined && options.isProbed(executable.path)) {
      // The ancestors as they are now, not as they will be.
      void moment.ancestors;
      waiting.set(record.pid, moment);
    } else tell(moment);
  };

  const onArgv = (record: ArgvRecord): void => {
    const moment = waiting.get(record.pid);
    const entry = moment?.entry ?? table.find(record.pid);
    const image = moment?.image ?? entry?.image;
    // Without its exec (records were lost) there is nothing to tell of, and one image begins once.
    if (entry === undefined || image === undefined || image.probedImage !== undefined) return;
    image.args = record.args;
    image.argsTruncated = record.truncated;
    image.probedImage = record.image;
    if (entry.transaction === undefined && entry.image === image) {
      // Only now is it known for a package tool: it was started by another name.
      entry.transaction = transactionBegunBy(entry, image);
      if (moment) moment.transaction = entry.transaction;
    }
    const told = toldEarly.get(image);
    if (moment) release(record.pid);
    else if (told !== undefined && saysTheSame(told, record)) return;
    // Started by another name (a link, the dynamic linker): only now is it known what runs there.
    // The time is this record's: the exec may have been told already, and an event's id is made of process and time.
    else tell(new Moment(entry, image, record.timeNs));
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
          options.onLost(record);
          // Forks and exits are among the lost: what /proc shows now is the truth.
          if (!seeded) table.seed();
          seeded = true;
          break;
      }
    },
    flush(readUntilNs) {
      seeded = false;
      leadTo.clear();
      for (const [pid, moment] of [...waiting]) {
        const waitedNs = readUntilNs - moment.timeNs;
        if (waitedNs <= waitNs) continue;
        if (waitedNs <= endedWaitNs && table.inspect(moment.entry)?.args === undefined) continue;
        const args = release(pid)?.read('process.args');
        toldEarly.set(moment.image, { path: executableOf(moment.entry, moment.image).path, args });
      }
      return waiting.size > 0;
    },
  };
}
