// The process sensor that traces the kernel: every fork, exec and exit of the host out of the kernel's trace ring buffer, in order.

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../error-message.ts';
import { readHead, withFile } from '../host/read-file.ts';
import { openRegularFile } from '../host/regular-file.ts';
import { readBootNs } from '../linux/libc.ts';
import { openPollSet } from '../linux/poll-set.ts';
import type { BootNs, ProcessRecord } from '../process/process-record.ts';
import { takeEvery } from '../take-steps.ts';
import { decodeArgv, decodeAttempt, decodeExec, decodeExit, decodeFork, decodeNewTask } from './decode-record.ts';
import { elfEntryOffset, elfHeadBytes } from './elf-entry.ts';
import type { EventFormat } from './event-format.ts';
import { createInstance, type Instance, leftoverInstances, TracefsUnavailable } from './instance.ts';
import { type InstanceReader, openInstanceReader, type ReadCounts } from './instance-reader.ts';
import { attemptProbe, canBeProbed, entryProbe } from './probe-definition.ts';

type OnRecords = (records: ProcessRecord[]) => void;

export interface TracefsSensorOptions {
  /** Kernel memory for records, over all CPUs together. */
  bufferTotalBytes: number;
  /** Set event probes on execve, where the kernel has them. */
  captureAllArgs: boolean;
  /** Programs whose arguments are read at their entry point; those that do not exist are searched for again. */
  probedPrograms: readonly string[];
  /** Field 22 of this process's /proc/PID/stat: names the instance. */
  startTicks: number;
  /** Whether a process with that pid and start lives: what one left behind that does not is taken over. */
  isRunning(pid: number, startTicks: number): boolean;
  /** Something that a person should know: one line, and why. */
  onFault(fault: string, error?: unknown): void;
  /** A program cannot be probed, or for another reason than before; `state` has it while that is so. */
  onUnprobed(program: string, reason: string): void;
}

interface TracefsSensorState extends ReadCounts {
  instance: string;
  /** Programs that are probed at their entry point. */
  probed: string[];
  /** Programs that are not, each with the reason. */
  unprobed: Record<string, string>;
  /** System calls with an event probe; where there is none `attemptReason` says why. */
  attempts: string[];
  attemptReason?: string;
  bufferBytesPerCpu: number;
  records: number;
  /** Records that the buffer of an agent that was killed still held. */
  recovered: number;
}

export interface TracefsSensor {
  /**
   * The kernel records from the opening on; this begins to read. `onRecords` is given records in the order in which they happened, at most
   * some thousands at a time; first comes what a killed agent's buffer holds.
   */
  start(onRecords: OnRecords): void;
  state(): TracefsSensorState;
  /** Every record up to then has been handed on. */
  readUntilNs(): BootNs;
  /** Reads what the kernel has now, between two turns. */
  readNow(): void;
  /** Checks the probed programs again: sets a probe on a new file, and again on a replaced one. */
  refreshProbes(): void;
  /** Reads what the kernel has now, then removes instance and probes. Throws what could not be removed. */
  stop(): Promise<void>;
}

/** The longest wait: it shows that the sensor works where nothing happens (the watchdog asks every 15 s). */
const pollMs = 2000;
/** Turns that may follow each other at once; when they are used up, turns are `busyGapMs` apart. */
const burstTurns = 12;
const busyGapMs = 40;
/** One turn of the burst comes back in each of these. */
const turnRecoveryMs = 60;

/** Starts tracing. Throws TracefsUnavailable where the kernel's tracing is not to be had. */
export function openTracefsSensor(options: TracefsSensorOptions): TracefsSensor {
  const instance = createInstance(options.startTicks);
  try {
    return traceInto(instance, options);
  } catch (error) {
    try {
      instance.remove();
    } catch (removalError) {
      // What forbids tracing may forbid its removal too (lockdown): the first of the two says why.
      options.onFault('a tracing instance is left in the kernel', removalError);
    }
    if (error instanceof TracefsUnavailable) throw error;
    throw new TracefsUnavailable(`tracing could not be started: ${errorMessage(error)}`, { cause: error });
  }
}

/** Registers the events that make the process table; `formatOf` also turns them on. */
function registerProcessEvents(
  reader: InstanceReader,
  formatOf: (system: string, event: string) => EventFormat | undefined,
): void {
  const required = (system: string, event: string): EventFormat => {
    const format = formatOf(system, event);
    if (format === undefined) throw new TracefsUnavailable(`this kernel has no trace event ${system}:${event}`);
    return format;
  };
  // task_newtask says what sched_process_fork says, and whether the new task is a thread.
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
 * What was recorded for an agent that was killed, up to `untilNs`, from which on the new instance records; the old one
 * is removed. What cannot be read, decoded or removed is reported, and costs nothing else.
 */
function takeOver(instance: Instance, untilNs: BootNs, onFault: TracefsSensorOptions['onFault']): ProcessRecord[] {
  const records: ProcessRecord[] = [];
  try {
    if (fs.existsSync(instance.directory)) readLeft(instance, records, onFault);
  } catch (error) {
    onFault(`what a killed agent left in ${instance.group} could not be read`, error);
  }
  try {
    instance.remove();
  } catch (error) {
    onFault("a killed agent's tracing instance is still in the kernel", error);
  }
  return records.filter((record) => record.timeNs < untilNs).sort((a, b) => a.timeNs - b.timeNs);
}

function readLeft(instance: Instance, records: ProcessRecord[], onFault: TracefsSensorOptions['onFault']): void {
  const reader = openInstanceReader(instance);
  try {
    registerProcessEvents(reader, instance.formatOf);
    for (const { event, program } of instance.probes()) {
      const format = instance.formatOf(instance.group, event);
      if (format === undefined) continue;
      try {
        reader.register(format, program === undefined ? decodeAttempt(format) : decodeArgv(format, program));
      } catch (error) {
        // Another version's probe, whose layout this one does not know: its execs are there, without their arguments.
        onFault(`the arguments that a killed agent's probe ${event} recorded cannot be read`, error);
      }
    }
    reader.readAll(records);
  } finally {
    reader.close();
  }
}

function traceInto(instance: Instance, options: TracefsSensorOptions): TracefsSensor {
  const reader = openInstanceReader(instance);
  try {
    return traceWith(reader, instance, options);
  } catch (error) {
    // While it is open the instance cannot be removed.
    reader.close();
    throw error;
  }
}

function traceWith(reader: InstanceReader, instance: Instance, options: TracefsSensorOptions): TracefsSensor {
  const bufferKbPerCpu = Math.max(64, Math.floor(options.bufferTotalBytes / 1024 / reader.fds.length));
  instance.write('buffer_size_kb', String(bufferKbPerCpu));
  instance.write('trace_clock', 'boot');
  // Wake the reader at the first record, not at a buffer half full.
  instance.write('buffer_percent', '0');
  const startedNs = readBootNs();

  const attempts: string[] = [];
  let attemptReason: string | undefined = options.captureAllArgs ? undefined : 'switched off by configuration';
  const probed = new Map<string, { event: string; identity: string }>();
  const unprobed = new Map<string, string>();
  let probeSerial = 0;
  let records = 0;
  let readUntilNs: BootNs = 0;
  let recovered: ProcessRecord[] = [];
  /** Before the start records wait with those that were recovered. */
  let deliver: OnRecords = (batch) => {
    recovered = recovered.concat(batch);
  };
  /** Records newer than the moment at which their turn began: another CPU may still have older ones. */
  let keptBack: ProcessRecord[] = [];

  const drain = (): void => {
    const untilNs = readBootNs();
    const batch = keptBack;
    reader.readAll(batch);
    readUntilNs = untilNs;
    if (batch.length === 0) return;
    batch.sort((a, b) => a.timeNs - b.timeNs);
    let due = batch.length;
    while (due > 0 && (batch[due - 1] as ProcessRecord).timeNs > untilNs) due--;
    keptBack = batch.splice(due);
    records += batch.length;
    if (batch.length > 0) deliver(batch);
  };

  const refreshProbe = (program: string): void => {
    const existing = probed.get(program);
    const drop = (reason: string): void => {
      if (existing) instance.removeProbe(existing.event);
      probed.delete(program);
      unprobed.set(program, reason);
    };
    const stat = fs.statSync(program, { throwIfNoEntry: false });
    if (stat === undefined) {
      drop('no such file');
      return;
    }
    // Another file under the name has another identity.
    const identity = `${stat.dev}:${stat.ino}:${stat.ctimeMs}`;
    if (existing?.identity === identity) return;
    try {
      const file = fs.realpathSync.native(program);
      if (!canBeProbed(file)) throw new Error('its path has characters that the kernel does not read');
      const offset = elfEntryOffset(withFile(openRegularFile(file), (program) => readHead(program, elfHeadBytes)));
      if (offset === undefined) throw new Error('not a 64-bit ELF program');
      const event = `${path.basename(program).replaceAll(/\W/g, '_')}_${probeSerial++}`;
      const format = instance.addProbe(entryProbe(instance.group, event, file, offset), event);
      reader.register(format, decodeArgv(format, program));
      // What the old probe saw is read before its number can be given to another event.
      if (existing) {
        drain();
        instance.removeProbe(existing.event);
      }
      probed.set(program, { event, identity });
      unprobed.delete(program);
    } catch (error) {
      const reason = errorMessage(error);
      if (unprobed.get(program) !== reason) options.onUnprobed(program, reason);
      drop(reason);
    }
  };

  registerProcessEvents(reader, instance.enable);
  if (options.captureAllArgs) {
    for (const systemCall of ['execve', 'execveat'] as const) {
      try {
        const format = instance.addProbe(attemptProbe(instance.group, systemCall, systemCall), systemCall);
        reader.register(format, decodeAttempt(format));
        attempts.push(systemCall);
      } catch (error) {
        attemptReason = `this kernel took no event probe on ${systemCall} (${errorMessage(error)}): arguments of other programs are read from /proc, while they run`;
        break;
      }
    }
  }
  for (const program of options.probedPrograms) refreshProbe(program);
  for (const leftover of leftoverInstances(options.isRunning)) {
    recovered = recovered.concat(takeOver(leftover, startedNs, options.onFault));
  }
  const recoveredCount = recovered.length;

  const pollSet = openPollSet(reader.fds);
  let stopping = false;
  const guard = (turn: () => void): void => {
    try {
      turn();
    } catch (error) {
      options.onFault('a batch of records was not handled', error);
    }
  };
  /** A wait that fails is a pause: the records are read all the same. */
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
    while (!stopping) {
      // After a pause on a busy host there is something to read.
      if (keptBack.length === 0 && !paused) await waitForRecords();
      if (stopping) break;
      const recordsBefore = records;
      guard(drain);
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
    state: () => ({
      instance: instance.group,
      probed: [...probed.keys()],
      unprobed: Object.fromEntries(unprobed),
      attempts,
      ...(attemptReason === undefined ? {} : { attemptReason }),
      bufferBytesPerCpu: bufferKbPerCpu * 1024,
      records,
      recovered: recoveredCount,
      ...reader.counts,
    }),
    readUntilNs: () => readUntilNs,
    readNow: () => guard(drain),
    refreshProbes: () => options.probedPrograms.forEach(refreshProbe),
    async stop() {
      stopping = true;
      pollSet.close();
      await running;
      guard(drain);
      if (keptBack.length > 0) guard(drain);
      await takeEvery([
        ['reader', () => reader.close()],
        ['instance', () => instance.remove()],
      ]);
    },
  };
}
