// The fallback sensor, which polls /proc. It misses processes that start and end between two polls.

import { errorMessage } from '../error-message.ts';
import type { Host } from '../host/host.ts';
import { maxDetailArgsBytes } from '../proc/inspect-process.ts';
import { hasShebang, scriptOfInterpreter } from '../proc/script-of-interpreter.ts';
import type { BootNs, ProcessRecord } from '../process/process-record.ts';

/** The part of /proc that polling reads. */
export interface ProcPoll {
  listPids(): number[];
  readStat(pid: number): { startTicks: number; parentPid: number } | undefined;
  /** The current program of a process; undefined: it has ended, or is a kernel thread. */
  readProgram(pid: number): Program | undefined;
  beginsWithShebang(file: string): boolean;
}

/** The program of a process: the mapped file, and the first `maxDetailArgsBytes` bytes of the arguments. */
export interface Program {
  exe: string;
  args: string[];
  argsTruncated?: boolean;
  workingDirectory: string | undefined;
}

interface Watched {
  startTicks: number;
  program: Program | undefined;
  /**
   * Number of further turns in which the process is read every time. After that it counts as settled, and is read less
   * often.
   */
  youngTurns: number;
}

/** Number of turns within which a new process is expected to call execve. */
const youngTurns = 20;
/** Number of turns between two reads of a settled process. */
const settledEvery = 10;

const sameProgram = (a: Program | undefined, b: Program | undefined): boolean =>
  a?.exe === b?.exe && a?.args.length === b?.args.length && (a?.args.every((arg, i) => arg === b?.args[i]) ?? true);

/** Returns a function that compares /proc with its previous call. The first call returns no forks and execs. */
export function createProcComparison(proc: ProcPoll): (nowNs: BootNs) => ProcessRecord[] {
  const watched = new Map<number, Watched>();
  let turn = 0;
  let first = true;

  const execOf = (pid: number, program: Program, timeNs: BootNs): ProcessRecord => {
    const script = scriptOfInterpreter(program.exe, program.args, program.workingDirectory, proc.beginsWithShebang);
    return {
      kind: 'exec',
      timeNs,
      pid,
      formerTid: pid,
      filename: script ?? program.exe,
      args: program.args,
      ...(program.argsTruncated ? { argsTruncated: true } : {}),
      ...(script === undefined ? {} : { inferredFrom: 'interpreter_argument' }),
    };
  };

  return (nowNs) => {
    turn++;
    const records: ProcessRecord[] = [];
    const alive = new Set(proc.listPids());
    const arrivals: { pid: number; startTicks: number; parentPid: number }[] = [];
    const readSettled = turn % settledEvery === 0;

    const end = (pid: number): void => {
      watched.delete(pid);
      records.push({ kind: 'exit', timeNs: nowNs, pid, groupDead: true });
    };
    const check = (pid: number, process: Watched): void => {
      const program = proc.readProgram(pid);
      if (program === undefined || sameProgram(program, process.program)) return;
      process.program = program;
      process.youngTurns = youngTurns;
      if (!first) records.push(execOf(pid, program, nowNs));
    };

    for (const pid of watched.keys()) if (!alive.has(pid)) end(pid);
    for (const pid of alive) {
      const process = watched.get(pid);
      if (process !== undefined && !readSettled) {
        if (process.youngTurns === 0) continue;
        process.youngTurns--;
        // The program has changed. Check below whether another process has the pid now.
        const program = proc.readProgram(pid);
        if (program === undefined || sameProgram(program, process.program)) continue;
      }
      const stat = proc.readStat(pid);
      if (stat === undefined) continue;
      if (process !== undefined && process.startTicks === stat.startTicks) {
        check(pid, process);
        continue;
      }
      if (process !== undefined) end(pid);
      arrivals.push({ pid, ...stat });
    }
    // Report parents before their children.
    arrivals.sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
    for (const { pid, startTicks, parentPid } of arrivals) {
      // A child runs the program of its parent until it calls execve.
      const process: Watched = { startTicks, program: watched.get(parentPid)?.program, youngTurns };
      watched.set(pid, process);
      if (!first) {
        const timeNs = startTicks * 1e7;
        records.push({ kind: 'fork', timeNs, pid, creator: parentPid, thread: false, sibling: false });
      }
      check(pid, process);
    }
    first = false;
    return records;
  };
}

const procPoll = (host: Host): ProcPoll => ({
  listPids: host.proc.listPids,
  readStat: host.proc.readStat,
  beginsWithShebang: (file) => hasShebang(host, file),
  readProgram(pid) {
    const { proc } = host;
    const exe = proc.readExe(pid);
    const cmdline = exe === undefined ? undefined : proc.readCmdline(pid, maxDetailArgsBytes);
    return exe === undefined || cmdline === undefined
      ? undefined
      : { exe, args: cmdline.args, argsTruncated: cmdline.truncated, workingDirectory: proc.readCwd(pid) };
  },
});

type OnRecords = (records: ProcessRecord[]) => void;

/** The host to poll, the minimum interval, and the function that reports a failed poll. */
export interface ProcfsSensorOptions {
  host: Host;
  /**
   * Minimum time between two polls. The interval grows on a busy or slow host, so that polling costs at most 5 % of a
   * core.
   */
  pollIntervalMs: number;
  onFault(fault: string): void;
}

/** The polling sensor. `state`: the current interval, and the numbers of turns and records so far. */
export interface ProcfsSensor {
  /** Begins to poll. `onRecords` receives the records of each turn in the order of their time. */
  start(onRecords: OnRecords): void;
  state(): { intervalMs: number; turns: number; records: number };
  stop(): Promise<void>;
}

/** Maximum share of one core for polling. */
const maxShare = 1 / 20;
const maxIntervalMs = 2000;

/** Reads the processes that exist now, so that later polls report only changes. Throws if /proc cannot be listed. */
export function openProcfsSensor({ host, ...options }: ProcfsSensorOptions): ProcfsSensor {
  const compare = createProcComparison(procPoll(host));
  compare(host.clock.bootNs());
  const state = { intervalMs: options.pollIntervalMs, turns: 0, records: 0 };
  let timer: NodeJS.Timeout | undefined;
  let onRecords: OnRecords = () => {};

  const check = (): void => {
    const begun = process.cpuUsage();
    try {
      const records = compare(host.clock.bootNs());
      state.turns++;
      state.records += records.length;
      if (records.length > 0) onRecords(records);
    } catch (error) {
      options.onFault(`/proc could not be polled: ${errorMessage(error)}`);
    }
    // CPU time, not elapsed time: the agent must not poll less often because other programs use the CPU.
    const { user, system } = process.cpuUsage(begun);
    const tookMs = (user + system) / 1000;
    state.intervalMs = Math.min(
      Math.max(options.pollIntervalMs, Math.round(tookMs / maxShare)),
      Math.max(maxIntervalMs, options.pollIntervalMs),
    );
    timer = setTimeout(check, state.intervalMs);
  };
  return {
    start(receive) {
      onRecords = receive;
      check();
    },
    state: () => ({ ...state }),
    async stop() {
      clearTimeout(timer);
    },
  };
}
