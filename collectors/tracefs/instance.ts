// The tracing instance of an agent: its directory under tracefs, its events and probes, and their removal.

import fs from 'node:fs';
import path from 'node:path';
import { errorCode, errorMessage } from '../error-message.ts';
import { mountFilesystem } from '../linux/libc.ts';
import { type EventFormat, parseEventFormat } from './event-format.ts';
import { type InstanceSettings, openInstanceSettings } from './instance-settings.ts';

const mountPoint = '/sys/kernel/tracing';

/** The kernel's tracing cannot be used. `message` has the reason and, if there is one, the remedy. */
export class TracefsUnavailable extends Error {
  override name = 'TracefsUnavailable';
}

/**
 * The handle of a tracing instance and its group of probes. After an incomplete removal the kernel may have only one of
 * the two. Functions throw the errors of their system calls.
 */
export interface Instance {
  /** Path of the instance. */
  directory: string;
  /** Name of its group of probes. */
  group: string;
  write(file: string, text: string): void;
  /** What the control files are to have. An instance of a killed agent has none. */
  settings: Pick<InstanceSettings, 'restore' | 'directories'>;
  /** Undefined: the kernel has no such event. */
  formatOf(system: string, event: string): EventFormat | undefined;
  /**
   * Enables an event and returns its format. `filter`: the records that the kernel keeps (Linux:
   * Documentation/trace/events, "Event filtering"). Undefined: the kernel has no such event.
   */
  enable(system: string, event: string, filter?: string): EventFormat | undefined;
  /** The probes of the group in the kernel; `program`: the file of an entry probe. */
  probes(): { event: string; program?: string }[];
  /**
   * Defines a probe in the group and enables it. Throws an error with the kernel's message if the kernel rejects it.
   */
  addProbe(definition: string, event: string): EventFormat;
  removeProbe(event: string): void;
  /**
   * Removes the probes and the instance. Every reader of its files must be closed: while another process has one open
   * (`trace_pipe`), rmdir(2) fails with EBUSY. Every step is tried; throws one error that names the directory and the
   * failed steps.
   */
  remove(): void;
}

/** Mounts tracefs if it is not mounted. Throws TracefsUnavailable. */
function mountTracefs(): void {
  if (fs.existsSync(path.join(mountPoint, 'instances'))) return;
  if (!fs.existsSync(mountPoint)) {
    throw new TracefsUnavailable(`${mountPoint} does not exist: this kernel was built without tracing`);
  }
  const { mounted, errno } = mountFilesystem('tracefs', mountPoint);
  if (!mounted) {
    throw new TracefsUnavailable(
      `tracefs is not mounted on ${mountPoint} and mounting it failed (${errno}): run as root, outside a container`,
    );
  }
}

/**
 * Throws TracefsUnavailable in another pid namespace than the first: the pids in trace records are those of the first
 * one.
 */
function requireFirstPidNamespace(): void {
  // The first namespace's inode number is fixed (Linux: include/linux/proc_ns.h, PROC_PID_INIT_INO).
  const ownPidNamespace = fs.readlinkSync('/proc/self/ns/pid');
  if (ownPidNamespace !== 'pid:[4026531836]') {
    throw new TracefsUnavailable(
      `this is not the host's pid namespace (${ownPidNamespace}): trace records name other pids`,
    );
  }
}

const probeFile = (): string => {
  const dynamic = path.join(mountPoint, 'dynamic_events');
  return fs.existsSync(dynamic) ? dynamic : path.join(mountPoint, 'uprobe_events');
};

/** The kernel's reason for rejecting the last definition: the last message in `error_log`. */
function lastTracingError(): string | undefined {
  try {
    return /error: (.+)\n(?:[^[]*)$/.exec(fs.readFileSync(path.join(mountPoint, 'error_log'), 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

const instanceName = (pid: number, startTicks: number): string => `stepparent_${pid}_${startTicks}`;

const directoryOf = (name: string): string => path.join(mountPoint, 'instances', name);

/** Opens the handle of an instance, existing or not yet. */
function instanceAt(name: string): Instance {
  const directory = directoryOf(name);
  const settings = openInstanceSettings(directory);
  const eventDirectory = (system: string, event: string) => path.join(directory, 'events', system, event);
  const formatOf = (system: string, event: string): EventFormat | undefined => {
    if (!fs.existsSync(eventDirectory(system, event))) return undefined;
    return parseEventFormat(fs.readFileSync(path.join(eventDirectory(system, event), 'format'), 'utf8'));
  };
  const enable = (system: string, event: string, filter?: string): EventFormat | undefined => {
    const format = formatOf(system, event);
    if (format) settings.enable(path.join(system, event), filter);
    return format;
  };
  const write = (file: string, text: string): void => fs.writeFileSync(path.join(directory, file), text, { flag: 'w' });
  const removeProbe = (event: string): void => {
    settings.forget(path.join(name, event));
    if (fs.existsSync(eventDirectory(name, event))) write(path.join('events', name, event, 'enable'), '0');
    fs.appendFileSync(probeFile(), `-:${name}/${event}\n`);
  };
  return {
    directory,
    group: name,
    write: settings.write,
    settings,
    formatOf,
    enable,
    probes: () => probesOf(name),
    addProbe(definition, event) {
      try {
        fs.appendFileSync(probeFile(), `${definition}\n`);
      } catch (error) {
        const code = errorCode(error) || String(error);
        throw new Error(`${code}${code === 'EINVAL' ? `: ${lastTracingError() ?? 'no reason given'}` : ''}`);
      }
      const format = enable(name, event);
      if (format === undefined) throw new Error('the kernel took the probe but shows no event for it');
      return format;
    },
    removeProbe,
    remove() {
      const failures: string[] = [];
      const attempt = (action: () => void): boolean => {
        try {
          action();
          return true;
        } catch (error) {
          failures.push(errorMessage(error));
          return false;
        }
      };
      if (fs.existsSync(directory)) attempt(() => write('tracing_on', '0'));
      attempt(() => {
        for (const { event } of probesOf(name)) attempt(() => removeProbe(event));
      });
      if (fs.existsSync(directory) && !attempt(() => fs.rmdirSync(directory))) {
        // Disable its events: an instance that is left then records nothing and costs nothing.
        attempt(() => write('events/enable', '0'));
      }
      if (failures.length === 0) return;
      throw new Error(
        `${directory} could not be removed; the next start of stepparent tries again: ${failures.join('; ')}`,
      );
    },
  };
}

/** The probes defined in a group, even if its instance no longer exists. */
function probesOf(group: string): { event: string; program?: string }[] {
  const listed = fs.readFileSync(probeFile(), 'utf8').matchAll(/^\w+:(\w+)\/(\w+) (?:(\/\S+):0x[0-9a-f]+ )?/gm);
  return [...listed].flatMap(([, probeGroup, event = '', program]) =>
    probeGroup === group ? [{ event, ...(program === undefined ? {} : { program }) }] : [],
  );
}

/** Creates the instance of this process. Throws TracefsUnavailable. */
export function createInstance(startTicks: number): Instance {
  requireFirstPidNamespace();
  mountTracefs();
  const name = instanceName(process.pid, startTicks);
  try {
    fs.mkdirSync(directoryOf(name));
  } catch (error) {
    const code = errorCode(error);
    throw new TracefsUnavailable(
      code === 'EPERM' || code === 'EACCES'
        ? 'tracefs may not be written: run as root; kernel lockdown in confidentiality mode also forbids it'
        : `the tracing instance could not be made (${code})`,
      { cause: error },
    );
  }
  return instanceAt(name);
}

/**
 * Instances and probes of agents that were killed before they could remove them. `isRunning`: whether a process with
 * that pid and start time (clock ticks since boot, field 22 of proc_pid_stat(5)) lives.
 */
export function leftoverInstances(isRunning: (pid: number, startTicks: number) => boolean): Instance[] {
  const names = new Set(fs.readdirSync(path.join(mountPoint, 'instances')));
  for (const [, group] of fs.readFileSync(probeFile(), 'utf8').matchAll(/^\w+:(\w+)\//gm)) {
    if (group !== undefined) names.add(group);
  }
  return [...names].flatMap((name) => {
    const match = /^stepparent_(\d+)_(\d+)$/.exec(name);
    return match && !isRunning(Number(match[1]), Number(match[2])) ? [instanceAt(name)] : [];
  });
}
