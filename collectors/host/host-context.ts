// Reads the fields of the host, which are part of every event, and the names of users and groups.

import os from 'node:os';
import type { StepparentEvent } from '../event/event.ts';
import type { Host } from './host.ts';
import { tryRead } from './read-faults.ts';
import { maxDatabaseBytes, readText } from './read-file.ts';

/** The values that all events of this host share, and the functions that describe an event needs. */
export interface HostContext {
  host: Host;
  hostFields: StepparentEvent['host'];
  agent: StepparentEvent['agent'];
  bootId: string;
  /** `tracefs` or `procfs`: event.provider. */
  sensor: string;
  /** Returns another number at each call, so that two file changes in one microsecond have different ids. */
  nextSerial(): number;
  /** Name of a user in /etc/passwd; undefined: the id has no entry. */
  userName(id: number): string | undefined;
  /** Name of a group in /etc/group; undefined: the id has no entry. */
  groupName(id: number): string | undefined;
}

const readOptional = (host: Host, file: string): string | undefined =>
  tryRead(() => readText(host.open(file), maxDatabaseBytes));

/** `KEY=value` and `KEY="value"` lines, as in os-release(5). */
const shellValue = (text: string, key: string): string | undefined =>
  new RegExp(`^${key}=(?:"([^"]*)"|(.*))$`, 'm')
    .exec(text)
    ?.slice(1)
    .find((value) => value !== undefined);

/**
 * Returns a function that finds names by id in /etc/passwd or /etc/group, and reads the file again after a change.
 * Directory services are not asked.
 */
export function openIdNames(host: Host, file: string): (id: number) => string | undefined {
  let names = new Map<number, string>();
  let identity = '';
  let checkedMs = 0;
  return (id) => {
    const nowMs = host.clock.nowMs();
    if (nowMs - checkedMs > 1000) {
      checkedMs = nowMs;
      const stat = host.stat(file);
      const current = stat ? `${stat.ino}:${stat.mtimeNs}:${stat.size}` : '';
      if (current !== identity) {
        const text = readOptional(host, file);
        // The file exists but could not be read: use the earlier names until it can.
        if (text === undefined && stat !== undefined) return names.get(id);
        identity = current;
        names = new Map();
        for (const line of (text ?? '').split('\n')) {
          const [name, , nameId] = line.split(':');
          // If an id has several names, tools show the first one.
          if (name && nameId && !names.has(Number(nameId))) names.set(Number(nameId), name);
        }
      }
    }
    return names.get(id);
  };
}

/** Reads the values that all events of one run share. `agent.id` is the same after restarts. */
export function readHostContext(host: Host, agent: { id: string; version: string }, sensor: string): HostContext {
  const release = readOptional(host, '/etc/os-release') ?? readOptional(host, '/usr/lib/os-release') ?? '';
  const machineId = readOptional(host, '/etc/machine-id')?.trim();
  const name = shellValue(release, 'NAME');
  const version = shellValue(release, 'VERSION_ID');
  const kernel = (name: string): string => host.readText(`/proc/sys/kernel/${name}`).trim();
  const hostname = kernel('hostname');
  const bootId = host.proc.readBootId();
  let serial = 0;
  return {
    host,
    hostFields: {
      hostname,
      name: hostname,
      ...(machineId ? { id: machineId } : {}),
      architecture: os.arch() === 'x64' ? 'x86_64' : os.arch() === 'arm64' ? 'aarch64' : os.arch(),
      boot: { id: bootId },
      os: {
        type: 'linux',
        platform: shellValue(release, 'ID') ?? 'linux',
        ...(name ? { name } : {}),
        ...(version ? { version } : {}),
        kernel: kernel('osrelease'),
      },
    },
    agent: { id: agent.id, type: 'stepparent', version: agent.version, name: hostname },
    bootId,
    sensor,
    nextSerial: () => serial++,
    userName: openIdNames(host, '/etc/passwd'),
    groupName: openIdNames(host, '/etc/group'),
  };
}
