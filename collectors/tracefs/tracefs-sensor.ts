// The process sensor that traces the kernel: reads every fork, exec and exit on the host from the trace ring buffer, in
// order.

import fs from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../error-message.ts';
import { readBootNs } from '../linux/libc.ts';
import { openPollSet } from '../linux/poll-set.ts';
import type { BootNs, ProcessRecord } from '../process/process-record.ts';
import { takeEvery } from '../take-steps.ts';
import {
  connectFilter,
  decodeArgv,
  decodeAttempt,
  decodeConnect,
  decodeExec,
  decodeExit,
  decodeFork,
  decodeNewTask,
} from './decode-record.ts';
import { type EntryProbes, openEntryProbes, type Unprobed } from './entry-probes.ts';
import type { EventFormat } from './event-format.ts';
import { createInstance, type Instance, leftoverInstances, TracefsUnavailable } from './instance.ts';
import { type InstanceReader, openInstanceReader, type ReadCounts } from './instance-reader.ts';
import { joinStarts } from './join-starts.ts';
import { decodeLibrpm } from './librpm-probe-definitions.ts';
import { openLibrpmProbes } from './librpm-probes.ts';
import { attemptProbe } from './probe-definition.ts';

type OnRecords = (records: ProcessRecord[]) => void;

/** Settings of the tracing sensor, and the functions by which it asks and reports. */
export interface TracefsSensorOptions {
  /** Kernel memory for records, for all CPUs together. */
  bufferTotalBytes: number;
  /**
   * Whether to read the start of every program: probes on dynamic linkers and static programs, and event probes on execve
   * if the kernel supports them.
   */
  captureAllArgs: boolean;
  /** Programs whose dynamic linkers are probed from the beginning; other linkers are found when they are used. */
  linkedPrograms: readonly string[];
  /**
   * Programs whose arguments the entry probes read. Programs that do not exist are tried again at each `refreshProbes`.
   */
  probedPrograms: readonly string[];
  /** Field 22 of /proc/PID/stat of this process; part of the name of the instance. */
  startTicks: number;
  /** Whether a process with that pid and start lives. The instances of processes that do not are taken over. */
  isRunning(pid: number, startTicks: number): boolean;
  /** Reports a failure: one line, and its cause. */
  onFault(fault: string, error?: unknown): void;
  /** Called when a program cannot be probed, or for another reason than before. */
  onUnprobed(program: string, reason: string): void;
  /** The same for a file of librpm whose transactions are not seen, or only in part. */
  onUnseenTransactions(file: string, reason: string): void;
}

interface TracefsSensorState extends ReadCounts {
  instance: string;
  /** Package tools with an entry probe. */
  probed: string[];
  /** Dynamic linkers with an entry probe. */
  linkers: string[];
  /** Number of static programs, and of dynamic linkers outside of the directories of the system, with an entry probe. */
  statics: number;
  /** Programs and dynamic linkers without one. */
  unprobed: Unprobed[];
  /** Files of librpm whose transactions are seen. */
  libraries: string[];
  /** Files of librpm whose transactions are not seen, or only in part. */
  unseenTransactions: Unprobed[];
  /** System calls with an event probe; `attemptReason`: why there is none. */
  attempts: string[];
  attemptReason?: string;
  /** Why connections are not traced; absent: they are. */
  connectReason?: string;
  bufferBytesPerCpu: number;
  records: number;
  /** Number of records read from the buffers of killed agents. */
  recovered: number;
}

/**
 * A sensor for which the kernel is recording already. It must be stopped, or its instance stays in the kernel until the
 * next start of the agent.
 */
export interface TracefsSensor {
  /**
   * Begins to read; the kernel has recorded since the sensor was opened. `onRecords` receives the records in the order
   * of their time, at most some thousands at once. The records from the buffers of killed agents come first.
   */
  start(onRecords: OnRecords): void;
  state(): TracefsSensorState;
  /** The instance in the kernel, with what its control files are to have. */
  instance: Pick<Instance, 'directory' | 'settings'>;
  /** Time up to which all records were passed to `onRecords`. */
  readUntilNs(): BootNs;
  /** Reads a turn of records at once: all in the buffers, unless processes write faster than the agent reads. */
  readNow(): void;
  /** The probes at entry points; `directories`, `isProbedFile` and `refresh` also of those on librpm. */
  probes: Pick<
    EntryProbes,
    'beginsAt' | 'coversLinkers' | 'directories' | 'expectsStart' | 'isProbedFile' | 'noticeUnstarted' | 'refresh'
  >;
  /**
   * Reads the records in the buffer, then removes instance and probes. Rejects with an error that names what could not
   * be removed.
   */
  stop(): Promise<void>;
}

/** Maximum wait. On a quiet host it shows that the sensor works (the watchdog checks every 15 s). */
const pollMs = 2000;
/**
 * Token bucket of the turns: number of turns that may follow each other at once; without tokens turns are `busyGapMs`
 * apart.
 */
const burstTurns = 12;
const busyGapMs = 30;
/** Maximum number of turns that follow each other where all records are needed: more than fill the largest buffer. */
const maxTurns = 512;
/** Time in which the bucket gets one token. */
const turnRecoveryMs = 60;

/** Starts tracing. Throws TracefsUnavailable if the kernel's tracing cannot be used. */
export function openTracefsSensor(options: TracefsSensorOptions): TracefsSensor {
  const instance = createInstance(options.startTicks);
  try {
    return traceInto(instance, options);
  } catch (error) {
    try {
      instance.remove();
    } catch (removalError) {
      // Lockdown may forbid both tracing and the removal. The first error has the reason.
      options.onFault('a tracing instance is left in the kernel', removalError);
    }
    if (error instanceof TracefsUnavailable) throw error;
    throw new TracefsUnavailable(`tracing could not be started: ${errorMessage(error)}`, { cause: error });
  }
}

/** Registers the events that the process table needs. `formatOf`: returns the format of an event, and may enable it. */
function registerProcessEvents(
  reader: InstanceReader,
  formatOf: (system: string, event: string) => EventFormat | undefined,
): void {
  const required = (system: string, event: string): EventFormat => {
    const format = formatOf(system, event);
    if (format === undefined) throw new TracefsUnavailable(`this kernel has no trace event ${system}:${event}`);
    return format;
  };
  // task_newtask has the fields of sched_process_fork, and also shows whether the new task is a thread.
  const newTask = formatOf('task', 'task_newtask');
  if (newTask) reader.register(newTask, decodeNewTask(newTask));
  else {
    const fork = required('sched', 'sched_process_fork');
    reader.register(fork, decodeFork(fork));
  }
  const exit = required('sched', 'sched_process_exit');
  reader.register(exit, decodeExit(exit));
  const exec = required('sched', 'sched_process_exec');
  reader.register(exec, decodeExec(exec));
}

/**
 * Registers the event of connections. Returns why they are not traced; undefined: they are. `formatOf`: as above, for
 * the records that a filter lets through.
 */
function registerConnections(
  reader: InstanceReader,
  formatOf: (system: string, event: string, filter: string) => EventFormat | undefined,
): string | undefined {
  try {
    const connect = formatOf('sock', 'inet_sock_set_state', connectFilter);
    if (connect === undefined) return 'this kernel has no trace event sock:inet_sock_set_state';
    reader.register(connect, decodeConnect(connect));
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/**
 * Reads the records of an agent that was killed and removes its instance. `untilNs`: time at which the new instance
 * began to record; later records are in both. Failures to read, decode or remove are reported and not thrown.
 */
function takeOver(instance: Instance, untilNs: BootNs, onFault: TracefsSensorOptions['onFault']): ProcessRecord[] {
  const records: ProcessRecord[] = [];
  try {
    if (fs.existsSync(instance.directory)) readLeft(instance, records, onFault);
  } catch (error) {
    onFault(`the records of a killed agent in ${instance.group} could not be read`, error);
  }
  try {
    instance.remove();
  } catch (error) {
    onFault('the tracing instance of a killed agent could not be removed', error);
  }
  return records.filter((record) => record.timeNs < untilNs).sort((a, b) => a.timeNs - b.timeNs);
}

function readLeft(instance: Instance, records: ProcessRecord[], onFault: TracefsSensorOptions['onFault']): void {
  const reader = openInstanceReader(instance);
  try {
    registerProcessEvents(reader, instance.formatOf);
    registerConnections(reader, instance.formatOf);
    for (const { event, program } of instance.probes()) {
      const format = instance.formatOf(instance.group, event);
      if (format === undefined) continue;
      const role = event.startsWith('start_') ? 'start' : 'program';
      try {
        const decode =
          decodeLibrpm(format) ?? (program === undefined ? decodeAttempt(format) : decodeArgv(format, program, role));
        reader.register(format, decode);
      } catch (error) {
        // A probe of another version, with an unknown layout: its execs are read without their arguments.
        onFault(`the records of the probe ${event} of a killed agent cannot be read`, error);
      }
    }
    for (let turns = 0; turns < maxTurns && reader.readAll(records) !== undefined; turns++);
  } finally {
    reader.close();
  }
}

function traceInto(instance: Instance, options: TracefsSensorOptions): TracefsSensor {
  const reader = openInstanceReader(instance);
  try {
    return traceWith(reader, instance, options);
  } catch (error) {
    // An open reader would keep the instance from being removed.
    reader.close();
    throw error;
  }
}

function traceWith(reader: InstanceReader, instance: Instance, options: TracefsSensorOptions): TracefsSensor {
  const bufferKbPerCpu = Math.max(64, Math.floor(options.bufferTotalBytes / 1024 / reader.fds.length));
  instance.write('buffer_size_kb', String(bufferKbPerCpu));
  instance.write('trace_clock', 'boot');
  // Wake the reader at the first record, not when the buffer is half full.
  instance.write('buffer_percent', '0');
  const startedNs = readBootNs();

  const attempts: string[] = [];
  let attemptReason: string | undefined = options.captureAllArgs ? undefined : 'disabled by configuration';
  let records = 0;
  let readUntilNs: BootNs = 0;
  let recovered: ProcessRecord[] = [];
  /** Before `start`, new records are kept with the recovered ones. */
  let deliver: OnRecords = (batch) => {
    recovered = recovered.concat(batch);
  };
  /**
   * Records that are newer than the beginning of their turn. They wait, because another CPU may still have older ones.
   */
  let keptBack: ProcessRecord[] = [];

  /** Reads a turn of records, and delivers those that are due. Returns whether there are more. */
  const drain = (): boolean => {
    const beginNs = readBootNs();
    const batch = keptBack;
    const readNs = reader.readAll(batch);
    const untilNs = Math.min(beginNs, readNs ?? beginNs);
    readUntilNs = Math.max(readUntilNs, untilNs);
    if (batch.length === 0) return false;
    batch.sort((a, b) => a.timeNs - b.timeNs);
    let due = batch.length;
    while (due > 0 && (batch[due - 1] as ProcessRecord).timeNs > untilNs) due--;
    keptBack = batch.splice(due);
    records += batch.length;
    if (batch.length > 0) deliver(joinStarts(batch));
    return readNs !== undefined;
  };
  const drainAll = (): void => {
    for (let turns = 0; turns < maxTurns && drain(); turns++);
  };

  const probes = openEntryProbes(
    { instance, register: reader.register, drain: drainAll, onUnprobed: options.onUnprobed },
    options.captureAllArgs,
  );
  registerProcessEvents(reader, instance.enable);
  const connectReason = registerConnections(reader, instance.enable);
  if (options.captureAllArgs) {
    for (const systemCall of ['execve', 'execveat'] as const) {
      try {
        const format = instance.addProbe(attemptProbe(instance.group, systemCall, systemCall), systemCall);
        reader.register(format, decodeAttempt(format));
        attempts.push(systemCall);
      } catch (error) {
        attemptReason = `this kernel accepts no event probe on ${systemCall} (${errorMessage(error)}): the agent reads arguments at the entry of the dynamic linker, and otherwise from /proc`;
        break;
      }
    }
  }
  for (const program of options.probedPrograms) probes.addProgram(program);
  for (const program of options.linkedPrograms) probes.addLinkerOf(program);
  const librpm = openLibrpmProbes({
    instance,
    register: reader.register,
    drain: drainAll,
    onUnprobed: options.onUnseenTransactions,
  });
  for (const leftover of leftoverInstances(options.isRunning)) {
    recovered = recovered.concat(takeOver(leftover, startedNs, options.onFault));
  }
  const recoveredCount = recovered.length;

  const pollSet = openPollSet(reader.fds);
  let stopping = false;
  const guard = (turn: () => unknown): void => {
    try {
      turn();
    } catch (error) {
      options.onFault('a batch of records was not handled', error);
    }
  };
  /** Waits until there are records. If the wait fails, pauses instead, and the records are read after that. */
  const waitForRecords = async (): Promise<void> => {
    try {
      await pollSet.wait(pollMs);
    } catch (error) {
      options.onFault('the wait for records failed', error);
      await sleep(busyGapMs);
    }
  };
  const run = async (): Promise<void> => {
    let turns = burstTurns;
    let lastTurnMs = performance.now();
    let paused = false;
    /** Whether the last turn left records in the buffers. */
    let more = false;
    while (!stopping) {
      // After a pause on a busy host there are records: read without a wait.
      if (keptBack.length === 0 && !paused && !more) await waitForRecords();
      if (stopping) break;
      const recordsBefore = records;
      more = false;
      guard(() => {
        more = drain();
      });
      // The rest of the agent runs between two turns, however many records there are.
      await nextTurn();
      if (more) continue;
      if (paused && records === recordsBefore && keptBack.length === 0) {
        paused = false;
        continue;
      }
      const nowMs = performance.now();
      turns = Math.min(burstTurns, turns + (nowMs - lastTurnMs) / turnRecoveryMs);
      lastTurnMs = nowMs;
      paused = turns < 1;
      if (!paused) turns--;
      else await sleep(busyGapMs);
    }
  };
  let running: Promise<void> | undefined;

  return {
    start(onRecords) {
      deliver = onRecords;
      guard(() => {
        if (recovered.length > 0) onRecords(recovered);
      });
      recovered = [];
      running = run().catch((error: unknown) => options.onFault('the exec sensor stopped', error));
    },
    state() {
      const { programs, linkers, statics, unprobed } = probes.state();
      const transactions = librpm.state();
      return {
        instance: instance.group,
        probed: programs,
        linkers,
        statics,
        unprobed,
        libraries: transactions.libraries,
        unseenTransactions: transactions.unprobed,
        attempts,
        ...(attemptReason === undefined ? {} : { attemptReason }),
        ...(connectReason === undefined ? {} : { connectReason }),
        bufferBytesPerCpu: bufferKbPerCpu * 1024,
        records,
        recovered: recoveredCount,
        ...reader.counts,
      };
    },
    instance,
    readUntilNs: () => readUntilNs,
    readNow: () => guard(drain),
    probes: {
      ...probes,
      directories: () => [...new Set([...probes.directories(), ...librpm.directories()])],
      isProbedFile: (file) => probes.isProbedFile(file) || librpm.isProbedFile(file),
      refresh() {
        probes.refresh();
        librpm.refresh();
      },
    },
    async stop() {
      stopping = true;
      pollSet.close();
      await running;
      guard(drainAll);
      if (keptBack.length > 0) guard(drainAll);
      await takeEvery([
        ['reader', () => reader.close()],
        ['instance', () => instance.remove()],
      ]);
    },
  };
}
