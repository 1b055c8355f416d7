// A tracing instance of our own: its directory under tracefs, its events and probes, and the removal of all of it.

import fs from 'node:fs';
import path from 'node:path';
import { errorCode, errorMessage } from '../error-message.ts';
import { mountFilesystem } from '../linux/libc.ts';
import { type EventFormat, parseEventFormat } from './event-format.ts';

const mountPoint = '/sys/kernel/tracing';

/** The kernel's tracing cannot be used here. `message` says why and what to do. */
export class TracefsUnavailable extends Error {
  override name = 'TracefsUnavailable';
}

export interface Instance {
  /** The instance's directory. */
  directory: string;
  /** The name of its group of probes. */
  group: string;
  write(file: string, text: string): void;
  /** Undefined when the kernel has no such event. */
  formatOf(system: string, event: string): EventFormat | undefined;
  /** Turns an event on and returns its format; undefined when the kernel has no such event. */
  enable(system: string, event: string): EventFormat | undefined;
  /** The probes of our group that the kernel has; `program` is the file of an entry probe. */
  probes(): { event: string; program?: string }[];
  /** Defines a probe in our group and turns it on. Throws with the kernel's answer when it is refused. */
  addProbe(definition: string, event: string): EventFormat;
  removeProbe(event: string): void;
  /**
   * Removes the probes and the instance. Every reader of its files must be closed: while another process holds one open
   * (`trace_pipe`), rmdir(2) answers EBUSY. Whatever can be removed is; throws one line that names what is left, and where.
   */
  remove(): void;
}

/** Mounts tracefs where it is not mounted, if that is allowed. Throws TracefsUnavailable. */
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

/** Pids in trace records are those of the first pid namespace: in another one they mean nothing. */
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

/** The kernel's reason why it refused the last definition: the last line of `error_log` that is a message. */
function lastTracingError(): string | undefined {
  try {
    return /error: (.+)\n(?:[^[]*)$/.exec(fs.readFileSync(path.join(mountPoint, 'error_log'), 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

const instanceName = (pid: number, startTicks: number): string => `stepparent_${pid}_${startTicks}`;

/** Opens the handle of an instance, existing or not yet. */
function instanceAt(name: string): Instance {
  const directory = path.join(mountPoint, 'instances', name);
  const write = (file: string, text: string): void => fs.writeFileSync(path.join(directory, file), text, { flag: 'w' });
  const eventDirectory = (system: string, event: string) => path.join(directory, 'events', system, event);
  const formatOf = (system: string, event: string): EventFormat | undefined => {
    if (!fs.existsSync(eventDirectory(system, event))) return undefined;
    return parseEventFormat(fs.readFileSync(path.join(eventDirectory(system, event), 'format'), 'utf8'));
  };
  const enable = (system: string, event: string): EventFormat | undefined => {
    const format = formatOf(system, event);
    if (format) write(path.join('events', system, event, 'enable'), '1');
    return format;
  };
  const removeProbe = (event: string): void => {
    if (fs.existsSync(eventDirectory(name, event))) write(path.join('events', name, event, 'enable'), '0');
    fs.appendFileSync(probeFile(), `-:${name}/${event}\n`);
  };
  return {
    directory,
    group: name,
    write,
    formatOf,
    enable,
    probes: () => probesOf(name),
    addProbe(definition, event) {
      try {
        fs.appendFileSync(probeFile(), `${definition}\n`);
      } catch (error) {
        const code = errorCode(error) || String(error);
        throw new Error(`${code}${code === 'EINVAL' ? `: ${lastTracingError() ?? 'not understood'}` : ''}`);
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
        // What is left records nothing, and its events cost nothing.
        attempt(() => write('events/enable', '0'));
      }
      if (failures.length === 0) return;
      throw new Error(
        `${directory} could not be removed; the next start of stepparent tries again: ${failures.join('; ')}`,
      );
    },
  };
}

/** The probes defined in a group, whether or not its instance is still there. */
function probesOf(group: string): { event: string; program?: string }[] {
  const listed = fs.readFileSync(probeFile(), 'utf8').matchAll(/^\w+:(\w+)\/(\w+) (?:(\/\S+):0x[0-9a-f]+ )?/gm);
  return [...listed].flatMap(([, probeGroup, event = '', program]) =>
    probeGroup === group ? [{ event, ...(program === undefined ? {} : { program }) }] : [],
  );
}

/** Creates this process's own instance. Throws TracefsUnavailable. */
export function createInstance(startTicks: number): Instance {
  requireFirstPidNamespace();
  mountTracefs();
  const instance = instanceAt(instanceName(process.pid, startTicks));
  try {
    fs.mkdirSync(instance.directory);
  } catch (error) {
    const code = errorCode(error);
    throw new TracefsUnavailable(
      code === 'EPERM' || code === 'EACCES'
        ? 'tracefs may not be written: run as root; kernel lockdown in confidentiality mode also forbids it'
        : `the tracing instance could not be made (${code})`,
      { cause: error },
    );
  }
  return instance;
}

/**
 * Instances and probes of agents that were killed before they could remove them. `isRunning` decides by pid and start
 * time (clock ticks since boot, field 22 of proc_pid_stat(5)) whether their process lives.
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
