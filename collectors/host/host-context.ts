// Reads the host's fields, which every event has, and the names of users.

import os from 'node:os';
import type { StepparentEvent } from '../event/event.ts';
import type { Host } from './host.ts';
import { tryRead } from './read-faults.ts';
import { maxDatabaseBytes, readText } from './read-file.ts';

/** What every event of this host has in common, and what it takes to name things. */
export interface HostContext {
  host: Host;
  hostFields: StepparentEvent['host'];
  agent: StepparentEvent['agent'];
  bootId: string;
  /** `tracefs` or `procfs`: event.provider. */
  sensor: string;
  /** Another number at each call: two changes of files in one microsecond differ in it. */
  nextSerial(): number;
  /** From /etc/passwd; undefined: not there. */
  userName(id: number): string | undefined;
  /** From /etc/group. */
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

/** Names by id out of /etc/passwd or /etc/group, read again when it has changed; what a directory service has is not among them. */
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
        // Of one that is there and could not be read the names of before hold, until it can be.
        if (text === undefined && stat !== undefined) return names.get(id);
        identity = current;
        names = new Map();
        for (const line of (text ?? '').split('\n')) {
          const [name, , nameId] = line.split(':');
          // The first of several names of one id is the one that tools show.
          if (name && nameId && !names.has(Number(nameId))) names.set(Number(nameId), name);
        }
      }
    }
    return names.get(id);
  };
}

/** What is the same in all events of one run. `agentId` outlives restarts. */
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
