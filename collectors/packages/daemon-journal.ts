// Reads in the journal of a daemon who has asked it for changes of packages. Pure.

import type { Origin } from './origins.ts';

/** One line that the daemon wrote. */
export interface DaemonEntry {
  /** When journald received the line. */
  timeMs: number;
  message: string;
}

/** The process whose lines count. */
interface DaemonIdentity {
  pid: number;
  executable: string;
  /** Start of the process: an earlier line is of another process that had the pid. */
  sinceMs: number;
}

/** /proc gives the start of a process in units of 10 ms. */
const startToleranceMs = 20;
/**
 * Parses lines of `journalctl -o json`. Only those count whose trusted fields (systemd.journal-fields(7)) are of root and of that process
 * and program: every user can write lines with the daemon's name.
 */
export function parseDaemonEntries(text: string, { pid, executable, sinceMs }: DaemonIdentity): DaemonEntry[] {
  const entries: DaemonEntry[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const entry = parseLine(line);
    if (entry === undefined) continue;
    const { MESSAGE, _PID, _UID, _EXE, __REALTIME_TIMESTAMP } = entry;
    if (_PID !== String(pid) || _UID !== '0' || _EXE !== executable) continue;
    const timeMs = Number(__REALTIME_TIMESTAMP) / 1000;
    if (typeof MESSAGE !== 'string' || !(timeMs >= sinceMs - startToleranceMs)) continue;
    entries.push({ timeMs, message: MESSAGE });
  }
  return entries;
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The ids of the users who have asked the daemon for a change of packages since it started, up to that time. One: it is that user's
 * request. Of several it is not known whose is carried out: the ends of transactions do not say, since a simulation ends with the same
 * line. Undefined: the lines since the start of the daemon are not complete.
 */
export function callersUntil(
  entries: readonly DaemonEntry[],
  { started, callers }: NonNullable<Origin['callerLines']>,
  atMs: number,
): number[] | undefined {
  if (!entries.some(({ message }) => started.test(message))) return undefined;
  const uids = entries.flatMap(({ timeMs, message }) =>
    timeMs > atMs ? [] : callers.flatMap((caller) => caller.exec(message)?.groups?.uid ?? []),
  );
  return [...new Set(uids.map(Number))];
}
