// A /proc in memory, and records as a sensor gives them.

import type { ProcessDetails } from '../../collectors/proc/inspect-process.ts';
import { onHost, type Place } from '../../collectors/proc/place.ts';
import type { ExecRecord, ExitRecord, ForkRecord } from '../../collectors/process/process-record.ts';
import type { ProcView } from '../../collectors/process/process-table.ts';
import type { ProgramStart, StartCredentials } from '../../collectors/process/program-start.ts';

/** A process of root on the host itself, a child of 1 in a session and group of its own. */
export const detailsOf = (pid: number, change: Partial<ProcessDetails> = {}): ProcessDetails => ({
  pid,
  startTicks: 100,
  parentPid: 1,
  sessionId: pid,
  groupId: pid,
  tty: 0,
  userId: 0,
  realUserId: 0,
  savedUserId: 0,
  userGroupId: 0,
  realUserGroupId: 0,
  savedUserGroupId: 0,
  supplementalGroupIds: [],
  supplementalGroupsTruncated: false,
  loginUserId: undefined,
  exe: `/no/p${pid}`,
  filename: change.exe ?? `/no/p${pid}`,
  inferredFrom: undefined,
  args: [`p${pid}`],
  argsTruncated: false,
  workingDirectory: '/no',
  cgroupPath: undefined,
  place: onHost,
  ...change,
});

export const inChroot: Place = { kind: 'chroot', root: '/srv/chroot', containerId: undefined };
export const inContainer: Place = { kind: 'container', root: '/', containerId: 'c0ffee' };

export interface ProcDouble extends ProcView {
  processes: Map<number, ProcessDetails>;
  /** Thread ids by process. */
  threads: Map<number, number[]>;
  /** The pids that were read, in order. */
  inspected: number[];
  argsRead: number[];
  /** `NAME=value` by process. */
  environments: Map<number, string[]>;
}

export function procDouble(...details: ProcessDetails[]): ProcDouble {
  const processes = new Map(details.map((one) => [one.pid, one]));
  const threads = new Map<number, number[]>();
  const inspected: number[] = [];
  const argsRead: number[] = [];
  const environments = new Map<number, string[]>();
  return {
    processes,
    threads,
    inspected,
    argsRead,
    environments,
    inspect(pid) {
      inspected.push(pid);
      return processes.get(pid);
    },
    readArgs(pid, maxBytes) {
      argsRead.push(pid);
      const args = processes.get(pid)?.args;
      return (
        args && {
          args: args.map((arg) => arg.slice(0, maxBytes)),
          truncated: args.some((arg) => arg.length > maxBytes),
        }
      );
    },
    readEnvironment(pid) {
      const environment = environments.get(pid);
      return environment && { environment, truncated: false };
    },
    readCwd: (pid) => processes.get(pid)?.workingDirectory,
    placeOfRoot: (directory) => ({ ...inChroot, root: directory }),
    processOfThread: (tid) => (processes.has(tid) ? tid : [...threads].find(([, tids]) => tids.includes(tid))?.[0]),
    startTicks: (pid) => processes.get(pid)?.startTicks,
    listPids: () => [...processes.keys()],
    listThreads: (pid) => (processes.has(pid) ? [pid, ...(threads.get(pid) ?? [])] : []),
  };
}

/** A fork at `timeNs` 1e9, with 100 ticks in /proc. */
export const fork = (creator: number, pid: number, change: Partial<ForkRecord> = {}): ForkRecord => ({
  kind: 'fork',
  timeNs: 1e9,
  pid,
  creator,
  thread: false,
  sibling: false,
  ...change,
});

export const exec = (pid: number, filename: string, change: Partial<ExecRecord> = {}): ExecRecord => ({
  kind: 'exec',
  timeNs: 1e9 + 1000,
  pid,
  formerTid: pid,
  filename,
  ...change,
});

export const exit = (pid: number, groupDead: boolean | undefined = true): ExitRecord => ({
  kind: 'exit',
  timeNs: 2e9,
  pid,
  groupDead,
});

/** What a probe at the dynamic linker shows of a program with these ids. */
export const startWith = (credentials: StartCredentials | undefined): ProgramStart => ({
  args: [],
  argc: 0,
  truncated: false,
  credentials,
  environment: '',
  environmentTruncated: false,
  probe: '/no/ld.so',
});
