// The exec sensor: every fork, exec and exit of the host out of the kernel's trace ring buffer, in order.

import fs from 'node:fs';
import path from 'node:path';
import { openPollSet, readBootNs, readInto } from '../libc.ts';
import type { LostRecord, ProcessRecord } from '../process-record.ts';
import {
  decodeArgv,
  decodeAttempt,
  decodeExec,
  decodeExit,
  decodeFork,
  decodeNewTask,
  type RecordDecoder,
} from './decode-record.ts';
import { elfEntryOffset } from './elf-entry.ts';
import { type EventFormat, fieldOf, parseEventFormat } from './event-format.ts';
import { createInstance, type Instance, TracefsUnavailable } from './instance.ts';
import { attemptProbe, canBeProbed, entryProbe } from './probe-definition.ts';
import { visitPage } from './ring-buffer-page.ts';

export interface TracefsSensorOptions {
  /** Kernel memory for records, over all CPUs together. */
  bufferTotalBytes: number;
  /** Set event probes on execve, where the kernel has them. */
  argvOfEveryExec: boolean;
  /** Programs whose arguments are read at their entry point; those that do not exist are looked for again. */
  probedPrograms: readonly string[];
  /** Field 22 of this process's /proc/PID/stat: names the instance. */
  startTicks: number;
  /** Called with records in the order in which they happened; at most some thousands at a time. */
  onRecords(records: ProcessRecord[]): void;
  /** Something that a person should know: one line. */
  onFault(what: string): void;
}

export interface TracefsSensorState {
  instance: string;
  /** Programs that are probed at their entry point. */
  probed: string[];
  /** Programs that are not, each with the reason. */
  unprobed: Record<string, string>;
  /** System calls with an event probe; empty: none, and why in `attemptReason`. */
  attempts: string[];
  attemptReason?: string;
  bufferBytesPerCpu: number;
  records: number;
  lost: number;
  malformedPages: number;
  undecodable: number;
}

export interface TracefsSensor {
  state(): TracefsSensorState;
  /** Looks again at the probed programs: sets a probe on a new file, and anew on a replaced one. */
  refreshProbes(): void;
  /** Reads what the kernel has now, without waiting for the next turn. */
  drain(): void;
  /** Stops reading, then removes instance and probes. */
  stop(): Promise<void>;
}

/** The longest wait in poll(2): bounds how long a stop takes. */
const pollMs = 500;
/** Turns that may follow each other at once; when they are used up, turns are `busyGapMs` apart. */
const burstTurns = 12;
const busyGapMs = 40;
/** One turn of the burst comes back in each of these. */
const turnRecoveryMs = 60;

interface ProbedProgram {
  event: string;
  /** Device, inode and change time: another file has another one. */
  identity: string;
}

/** Starts tracing. Throws TracefsUnavailable where the kernel's tracing is not to be had. */
export function openTracefsSensor(options: TracefsSensorOptions): TracefsSensor {
  const instance = createInstance(options.startTicks);
  try {
    return startSensor(instance, options);
  } catch (error) {
    instance.remove();
    if (error instanceof TracefsUnavailable) throw error;
    throw new TracefsUnavailable(`tracing could not be started: ${(error as Error).message}`, { cause: error });
  }
}

function startSensor(instance: Instance, options: TracefsSensorOptions): TracefsSensor {
  const cpus = fs.readdirSync(path.join(instance.folder, 'per_cpu')).sort();
  const bufferKbPerCpu = Math.max(64, Math.floor(options.bufferTotalBytes / 1024 / cpus.length));
  instance.write('buffer_size_kb', String(bufferKbPerCpu));
  instance.write('trace_clock', 'boot');
  // Wake the reader at the first record, not at a buffer half full.
  instance.write('buffer_percent', '0');

  const pageFormat = parseEventFormat(fs.readFileSync(path.join(instance.folder, '../../events/header_page'), 'utf8'));
  const layout = {
    commitOffset: fieldOf(pageFormat, 'commit').offset,
    dataOffset: fieldOf(pageFormat, 'data').offset,
  };
  const pageBytes = layout.dataOffset + fieldOf(pageFormat, 'data').size;

  /** By event id, sparse: ids are small numbers. */
  const decoders: { decode: RecordDecoder; minBytes: number }[] = [];
  const register = (format: EventFormat, decode: RecordDecoder): void => {
    const minBytes = Math.max(...[...format.fields.values()].map((field) => field.offset + field.size));
    decoders[format.id] = { decode, minBytes };
  };
  const counts = { records: 0, lost: 0, malformedPages: 0, undecodable: 0 };

  const required = (system: string, event: string): EventFormat => {
    const format = instance.enable(system, event);
    if (format === undefined) throw new TracefsUnavailable(`this kernel has no trace event ${system}:${event}`);
    return format;
  };
  const newTask = instance.enable('task', 'task_newtask');
  if (newTask) register(newTask, decodeNewTask(newTask));
  else {
    const fork = required('sched', 'sched_process_fork');
    register(fork, decodeFork(fork));
  }
  const exit = required('sched', 'sched_process_exit');
  register(exit, decodeExit(exit));
  const exec = required('sched', 'sched_process_exec');
  register(exec, decodeExec(exec));

  const attempts: string[] = [];
  let attemptReason: string | undefined = options.argvOfEveryExec ? undefined : 'switched off by configuration';
  if (options.argvOfEveryExec) {
    for (const systemCall of ['execve', 'execveat'] as const) {
      try {
        const format = instance.addProbe(attemptProbe(instance.group, systemCall, systemCall), systemCall);
        register(format, decodeAttempt(format));
        attempts.push(systemCall);
      } catch (error) {
        attemptReason = `this kernel takes no event probe on ${systemCall} (${(error as Error).message})`;
      }
    }
  }

  const probed = new Map<string, ProbedProgram>();
  const unprobed = new Map<string, string>();
  let probeSerial = 0;
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
    const identity = `${stat.dev}:${stat.ino}:${stat.ctimeMs}`;
    if (existing?.identity === identity) return;
    try {
      // The kernel follows symlinks itself, but its answer to a change of the link is silence: name the file.
      const file = fs.realpathSync.native(program);
      if (!canBeProbed(file)) throw new Error('its path has characters that the kernel does not read');
      const offset = elfEntryOffset(readHead(file));
      if (offset === undefined) throw new Error('not a 64-bit ELF program');
      const event = `${path.basename(program).replaceAll(/\W/g, '_')}_${probeSerial++}`;
      const format = instance.addProbe(entryProbe(instance.group, event, file, offset), event);
      register(format, decodeArgv(format, program));
      // What the old probe saw is read with the old decoder's twin before its number can be given to another event.
      if (existing) {
        drain();
        instance.removeProbe(existing.event);
      }
      probed.set(program, { event, identity });
      unprobed.delete(program);
    } catch (error) {
      drop((error as Error).message);
      options.onFault(`the arguments of ${program} cannot be probed: ${(error as Error).message}`);
    }
  };

  const fds = cpus.map((cpu) =>
    fs.openSync(
      path.join(instance.folder, 'per_cpu', cpu, 'trace_pipe_raw'),
      fs.constants.O_RDONLY | fs.constants.O_NONBLOCK,
    ),
  );
  const pollSet = openPollSet(fds);
  const page = Buffer.alloc(pageBytes);
  /** Records newer than the moment at which their turn began: another CPU may still have older ones. */
  let held: ProcessRecord[] = [];

  const readCpu = (fd: number, into: ProcessRecord[]): void => {
    for (;;) {
      const size = readInto(fd, page);
      if (size <= 0) return;
      let lastNs = 0;
      const { lost, malformed } = visitPage(page, size, layout, (data, offset, length, timeNs) => {
        lastNs = timeNs;
        const known = length >= 2 ? decoders[data.readUInt16LE(offset)] : undefined;
        if (known === undefined) return;
        if (length < known.minBytes) {
          counts.undecodable++;
          return;
        }
        try {
          const record = known.decode(data, offset, length, timeNs);
          if (record) into.push(record);
        } catch {
          counts.undecodable++;
        }
      });
      if (malformed) counts.malformedPages++;
      if (lost > 0) {
        counts.lost += lost;
        into.push({ kind: 'lost', timeNs: lastNs, count: lost } satisfies LostRecord);
      }
    }
  };

  function drain(): void {
    const untilNs = readBootNs();
    const batch = held;
    for (const fd of fds) readCpu(fd, batch);
    if (batch.length === 0) return;
    batch.sort((a, b) => a.timeNs - b.timeNs);
    let due = batch.length;
    while (due > 0 && (batch[due - 1] as ProcessRecord).timeNs > untilNs) due--;
    held = batch.splice(due);
    counts.records += batch.length;
    if (batch.length > 0) options.onRecords(batch);
  }

  for (const program of options.probedPrograms) refreshProbe(program);

  let stopping = false;
  const run = async (): Promise<void> => {
    let turns = burstTurns;
    let lastTurnMs = performance.now();
    while (!stopping) {
      if (held.length === 0) await pollSet.wait(pollMs);
      if (stopping) break;
      try {
        drain();
      } catch (error) {
        options.onFault(`a batch of records was not handled: ${(error as Error).stack ?? String(error)}`);
      }
      const nowMs = performance.now();
      turns = Math.min(burstTurns, turns + (nowMs - lastTurnMs) / turnRecoveryMs);
      lastTurnMs = nowMs;
      if (turns >= 1) turns--;
      else await new Promise((resolve) => setTimeout(resolve, busyGapMs));
    }
  };
  const running = run().catch((error: unknown) => options.onFault(`the exec sensor stopped: ${String(error)}`));

  return {
    state: () => ({
      instance: instance.group,
      probed: [...probed.keys()],
      unprobed: Object.fromEntries(unprobed),
      attempts,
      ...(attemptReason === undefined ? {} : { attemptReason }),
      bufferBytesPerCpu: bufferKbPerCpu * 1024,
      ...counts,
    }),
    refreshProbes: () => options.probedPrograms.forEach(refreshProbe),
    drain,
    async stop() {
      stopping = true;
      await running;
      drain();
      for (const fd of fds) fs.closeSync(fd);
      instance.remove();
    },
  };
}

function readHead(file: string): Buffer {
  const fd = fs.openSync(file, 'r');
  try {
    const head = Buffer.alloc(4096);
    return head.subarray(0, fs.readSync(fd, head, 0, head.length, 0));
  } finally {
    fs.closeSync(fd);
  }
}
