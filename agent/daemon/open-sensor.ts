// Chooses the process sensor: kernel tracing, or polling /proc if tracing is not available.

import fs from 'node:fs';
import path from 'node:path';
import { errorCode } from '../../collectors/error-message.ts';
import type { Host } from '../../collectors/host/host.ts';
import { linkedPrograms, probedPrograms } from '../../collectors/packages/tools.ts';
import { noStartProbes, type StartProbes } from '../../collectors/process/exec-collector.ts';
import type { ProcessRecord } from '../../collectors/process/process-record.ts';
import { openProcfsSensor } from '../../collectors/procfs/procfs-sensor.ts';
import { takeEvery } from '../../collectors/take-steps.ts';
import type { Unprobed } from '../../collectors/tracefs/entry-probes.ts';
import { TracefsUnavailable } from '../../collectors/tracefs/instance.ts';
import { openTracefsSensor, type TracefsSensor } from '../../collectors/tracefs/tracefs-sensor.ts';
import type { Configuration } from '../configuration/configuration.ts';
import type { Log } from './log.ts';

/** The report of a sensor in `status`. */
export interface SensorReport {
  name: 'tracefs' | 'procfs';
  /** The sources of arguments, one line each. */
  args: string[];
  /** The limits of the sensor, and why the agent does not use a better one. */
  reasons: string[];
  /** Installed package tools that are not probed, one line each: short runs may lack arguments. */
  unprobed: string[];
  /** Files of librpm whose transactions are seen. */
  transactions: string[];
  /** Files of librpm whose transactions are not seen, or only in part, one line each. */
  unseen_transactions: string[];
  records: number;
  lost_events: number;
  malformed_pages: number;
  undecodable_records: number;
  /** Records recovered from the kernel buffer of an agent that was killed. */
  recovered_records: number;
  buffer_bytes_per_cpu?: number;
  poll_interval_ms?: number;
}

/** The source of process records: kernel tracing or polling of /proc, with the same methods. */
export interface Sensor {
  name: 'tracefs' | 'procfs';
  /** Why the better sensor is not on; undefined: it is, or was not asked for. */
  degraded: string | undefined;
  /** Whether records of connections come; otherwise the open sockets in /proc have to do. */
  tracesConnections: boolean;
  /** From now on records are handed on, in the order of their time; first those from before. */
  start(onRecords: (records: ProcessRecord[]) => void): void;
  report(): SensorReport;
  /** Nanoseconds since boot: what happened until then has been handed on, as far as it was seen. */
  readUntilNs(): number;
  /** Hands on what has happened until now, as far as the sensor can see that at once. */
  readNow(): void;
  /** Which probes report the start of a program. */
  probes: StartProbes;
  /** The tracing instance; undefined: the kernel is not traced. */
  instance: TracefsSensor['instance'] | undefined;
  /** A number that changes after each poll. */
  progress(): number;
  stop(): Promise<void>;
}

interface SensorDeps {
  host: Host;
  settings: Configuration['sensor'];
  onFault(fault: string, error?: unknown): void;
  log: Pick<Log, 'warn'>;
}

/** File watchers can miss changes: the probed programs are also checked at this interval. */
const refreshEveryMs = 30_000;
const notWatched = 'the package tools cannot be watched';

/** What is lost if connections are not traced, for `status`. */
const untracedConnections = (reason: string): string =>
  `only connections that are still open at the end of a package transaction are seen: ${reason}`;

const unseenLine = ({ path: library, reason }: Unprobed): string =>
  `rpm transactions of programs that use ${library} are not seen completely: ${reason}`;

/** Opens the configured sensor. Throws TracefsUnavailable if the configuration requires `tracefs` and the kernel cannot be traced. */
export function openSensor(deps: SensorDeps): Sensor {
  if (deps.settings.mode === 'procfs') return openPolling(deps, undefined);
  try {
    return openTracing(deps);
  } catch (error) {
    if (!(error instanceof TracefsUnavailable) || deps.settings.mode === 'tracefs') throw error;
    deps.log.warn('cannot trace the kernel, polling /proc: short processes can be missed', {
      reason: error.message,
    });
    return openPolling(deps, error.message);
  }
}

function openTracing({ host, settings, onFault, log }: SensorDeps): Sensor {
  const startTicksOf = (pid: number) => host.proc.readStat(pid)?.startTicks;
  const sensor = openTracefsSensor({
    bufferTotalBytes: settings.buffer_total_mib * 1024 * 1024,
    captureAllArgs: settings.capture_all_args === 'auto',
    probedPrograms,
    linkedPrograms,
    startTicks: startTicksOf(process.pid) ?? 0,
    isRunning: (pid, startTicks) => startTicksOf(pid) === startTicks,
    onFault,
    // Logged once; the report lists the program while it is not probed.
    onUnprobed: (program, reason) => log.warn('the arguments of a program cannot be probed', { program, reason }),
    onUnseenTransactions: (library, reason) =>
      log.warn('rpm transactions are not seen completely', { library, reason }),
  });
  const probed = new Set(probedPrograms.map((program) => host.realPath(program) ?? program));
  const stopWatching = watchPrograms(sensor, onFault);
  return {
    name: 'tracefs',
    degraded: undefined,
    tracesConnections: sensor.state().connectReason === undefined,
    start: sensor.start,
    readUntilNs: sensor.readUntilNs,
    readNow: sensor.readNow,
    instance: sensor.instance,
    probes: {
      isProbed: (executable) => probed.has(executable),
      expectsStart: sensor.probes.expectsStart,
      beginsAt: sensor.probes.beginsAt,
      noticeUnstarted: sensor.probes.noticeUnstarted,
      coversLinkers: sensor.probes.coversLinkers,
    },
    progress: sensor.readUntilNs,
    report() {
      const state = sensor.state();
      const lineOf = ({ path: program, reason }: Unprobed) => `${program} is not probed: ${reason}`;
      return {
        name: 'tracefs',
        args: [
          ...state.probed.map((program) => `entry probe on ${program}`),
          ...state.linkers.map((linker) => `entry probe on ${linker}, for every program that it starts`),
          ...(state.statics === 0 ? [] : [`entry probes on ${state.statics} static programs and other linkers`]),
          ...state.attempts.map((systemCall) => `event probe on ${systemCall}`),
          '/proc for every other process, while it runs',
        ],
        reasons: [
          ...state.unprobed.map(lineOf),
          ...(state.attemptReason === undefined ? [] : [state.attemptReason]),
          ...(state.connectReason === undefined ? [] : [untracedConnections(state.connectReason)]),
        ],
        unprobed: state.unprobed.filter(({ path: program }) => fs.existsSync(program)).map(lineOf),
        transactions: state.libraries,
        unseen_transactions: state.unseenTransactions.map(unseenLine),
        records: state.records,
        lost_events: state.lost,
        malformed_pages: state.malformedPages,
        undecodable_records: state.undecodable,
        recovered_records: state.recovered,
        buffer_bytes_per_cpu: state.bufferBytesPerCpu,
      };
    },
    stop: () =>
      takeEvery([
        ['watch of the package tools', stopWatching],
        ['tracing', () => sensor.stop()],
      ]),
  };
}

/** Renews the probes when a probed file is installed, replaced or removed. Returns what ends the watch. */
function watchPrograms({ probes }: TracefsSensor, onFault: (fault: string, error?: unknown) => void): () => void {
  const refresh = (): void => {
    try {
      probes.refresh();
    } catch (error) {
      onFault('the probes could not be refreshed', error);
    }
  };
  const watchers = probes.directories().flatMap((directory) => {
    try {
      // An upgrade changes hundreds of other files there; each costs one callback and no directory listing.
      const watcher = fs.watch(directory, (_, name) => {
        if (name === null || probes.isProbedFile(path.join(directory, name))) refresh();
      });
      return [watcher.on('error', (error) => onFault(notWatched, error))];
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') onFault(notWatched, error);
      return [];
    }
  });
  const timer = setInterval(refresh, refreshEveryMs);
  return () => {
    clearInterval(timer);
    for (const watcher of watchers) watcher.close();
  };
}

function openPolling({ host, settings, onFault }: SensorDeps, degraded: string | undefined): Sensor {
  const sensor = openProcfsSensor({
    host,
    pollIntervalMs: settings.poll_interval_ms,
    onFault,
  });
  return {
    name: 'procfs',
    degraded,
    tracesConnections: false,
    start: sensor.start,
    readUntilNs: host.clock.bootNs,
    readNow() {},
    probes: noStartProbes,
    instance: undefined,
    progress: () => sensor.state().turns,
    report() {
      const state = sensor.state();
      return {
        name: 'procfs',
        args: ['/proc, at the time of the poll'],
        reasons: [
          ...(degraded === undefined ? [] : [degraded]),
          'processes that start and end between two polls of /proc are not seen',
          untracedConnections('the kernel is not traced'),
          'rpm transactions of dnf and other programs that use librpm themselves are not seen',
        ],
        unprobed: [],
        transactions: [],
        unseen_transactions: [],
        records: state.records,
        lost_events: 0,
        malformed_pages: 0,
        undecodable_records: 0,
        recovered_records: 0,
        poll_interval_ms: state.intervalMs,
      };
    },
    stop: sensor.stop,
  };
}
