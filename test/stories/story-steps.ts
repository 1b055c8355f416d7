// The steps of a story during its recording: events of this machine, with their pids and times converted to those of the story.

import { lstatSync } from 'node:fs';
import { systemClock } from '../../collectors/host/clock.ts';
import { openHost } from '../../collectors/host/host.ts';
import { findVariable } from '../../collectors/packages/environment-variables.ts';
import { openProcView } from '../../collectors/proc/inspect-process.ts';
import type { ProcessRecord } from '../../collectors/process/process-record.ts';
import { plainHost, type RecordedFile, type RecordedProcess, recordedEnvironment } from '../recorded-host.ts';
import type { Step } from './play-story.ts';
import { recordFile } from './remembered-files.ts';

/** The story begins ten minutes after the boot of its host. */
const storyStartNs = 600e9;
const storyEpochMs = Date.parse('2026-01-02T03:04:05Z');
const firstPid = 701;
const sameStepNs = 1e6;
/** Paths that are not recorded: files of `plainHost`, files particular to this machine, and files that no rule or fact uses. */
const leftOut = new RegExp(
  `^/(?:proc|sys|dev|etc/(?:os-release|machine-id|passwd|group)|usr/lib/os-release)(?:/|$)|^${process.cwd()}/|\\.md5sums$|/updates/tmp\\.i$`,
);

const maxEnvironmentBytes = 65_536;
/** The variables that an event can have; shells add others, with values of this machine. */
const variablesOf = (environment: readonly string[]): string[] =>
  environment.filter((text) => findVariable(text.slice(0, text.indexOf('='))) !== undefined);

export interface StorySteps {
  steps: readonly Step[];
  /** Nanoseconds since boot in the story. */
  now(): number;
  /** Adds a process of this machine, and its later descendants, to the story. */
  addProcess(pid: number): void;
  /** The pid in the story; 1 for a process that is not in it. */
  pidOf(pid: number): number;
  /** The record with the story's pids and times; undefined for a process that is not in the story. */
  recordOf(record: ProcessRecord): ProcessRecord | undefined;
  add(what: Omit<Step, 'ns'>): void;
  /** Records the present state of a file, or of the process of `/proc/PID`, in the first step at which it had that state. */
  remember(file: string): void;
}

/** `unit` returns the systemd unit of the running act. */
export function openStorySteps(unit: () => string): StorySteps {
  const startMs = systemClock.nowMs();
  const shiftNs = systemClock.bootNs() - storyStartNs;
  const shiftMs = systemClock.bootEpochMs() + shiftNs / 1e6 - storyEpochMs;
  const storyNs = (ns: number): number => Math.round((ns - shiftNs) / 1e3) * 1e3;
  const now = (): number => storyNs(systemClock.bootNs());

  const pids = new Map<number, number>();
  const pidOf = (pid: number): number => pids.get(pid) ?? 1;
  const addProcess = (pid: number): void => void pids.set(pid, pids.get(pid) ?? firstPid + pids.size);
  const recordOf = (record: ProcessRecord): ProcessRecord | undefined => {
    if (record.kind === 'lost') throw new Error('records were lost: record again');
    if (record.kind === 'fork' && pids.has(record.creator)) addProcess(record.pid);
    if (!pids.has('tid' in record ? record.tid : record.pid)) return undefined;
    const timeNs = storyNs(record.timeNs);
    switch (record.kind) {
      case 'fork':
        return { ...record, timeNs, pid: pidOf(record.pid), creator: pidOf(record.creator) };
      case 'exec':
        return { ...record, timeNs, pid: pidOf(record.pid), formerTid: pidOf(record.formerTid) };
      case 'attempt':
      case 'connect':
      case 'rpm':
        return { ...record, timeNs, tid: pidOf(record.tid) };
      default:
        return { ...record, timeNs, pid: pidOf(record.pid) };
    }
  };

  const proc = openProcView(openHost());
  const processNow = (pid: number): RecordedProcess | null => {
    const found = proc.inspect(pid);
    if (found?.exe === undefined) return null;
    const environment = variablesOf(proc.readEnvironment(pid, maxEnvironmentBytes)?.environment ?? []);
    return {
      parentPid: pidOf(found.parentPid),
      exe: found.exe,
      args: found.args ?? [],
      startTicks: found.startTicks - Math.round(shiftNs / 1e7),
      sessionId: pidOf(found.sessionId),
      groupId: pidOf(found.groupId),
      ...(found.userId !== 0 && { userId: found.userId }),
      ...(found.realUserId !== found.userId && { realUserId: found.realUserId }),
      workingDirectory: found.workingDirectory ?? '/',
      ...(environment.join('\0') !== recordedEnvironment.join('\0') && { environment }),
      cgroup: `/system.slice/${unit()}`,
    };
  };

  const steps: Step[] = [{ ns: now() }];
  const add = (what: Omit<Step, 'ns'>): Step => {
    const step = { ns: now(), ...what };
    steps.push(step);
    return step;
  };
  /** The last step, if it is recent, or a new one. A removed file or ended process is recorded here, as it may have existed before. */
  const stepNow = (): Step => {
    const last = steps.at(-1);
    return last && now() - last.ns < sameStepNs ? last : add({});
  };
  /** The last recorded state of each file and process, as JSON. */
  const known = new Map(Object.entries(plainHost).map(([file, value]) => [file, JSON.stringify(value)]));
  const isChanged = (file: string, value: unknown): boolean => {
    const before = known.get(file);
    const text = JSON.stringify(value);
    if (text === before || (value === null && before === undefined)) return false;
    known.set(file, text);
    return true;
  };
  const rememberFile = (file: string): void => {
    const value: RecordedFile | null | undefined = recordFile(file, startMs, shiftMs);
    if (value === undefined || !isChanged(file, value)) return;
    const changedMs = lstatSync(file, { throwIfNoEntry: false })?.ctimeMs ?? Number.POSITIVE_INFINITY;
    const changedNs = storyNs((changedMs - systemClock.bootEpochMs()) * 1e6);
    const step = (value !== null && steps.find(({ ns }) => ns >= changedNs)) || stepNow();
    step.files = { ...step.files, [file]: value };
  };
  const rememberProcess = (pid: number, file: string): void => {
    const value = processNow(pid);
    if (!isChanged(file, value)) return;
    const own = pidOf(pid);
    const isStart = (record: ProcessRecord): boolean =>
      (record.kind === 'fork' || record.kind === 'exec') && record.pid === own;
    const step = (value !== null && steps.findLast(({ records = [] }) => records.some(isStart))) || stepNow();
    step.processes = { ...step.processes, [own]: value };
  };

  return {
    steps,
    now,
    addProcess,
    pidOf,
    recordOf,
    add,
    remember(file) {
      const pid = Number(/^\/proc\/(\d+)$/.exec(file)?.[1] ?? 0);
      if (pids.has(pid)) rememberProcess(pid, file);
      else if (pid === 0 && !leftOut.test(file)) rememberFile(file);
    },
  };
}
