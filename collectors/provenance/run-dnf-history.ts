// Reads the history that dnf keeps of its transactions, in a process of its own, which is killed when it takes too long.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The transaction that is looked for. Seconds since 1970. */
export interface DnfHistoryRequest {
  /** dnf did not begin it before: the process started then. */
  sinceS: number;
  /** When rpm began: between the begin and the end of dnf's transaction. */
  startS: number;
}

/** One package of a transaction. A hostile file can have values of any type. */
export interface DnfHistoryRow {
  name: unknown;
  epoch: unknown;
  version: unknown;
  release: unknown;
  architecture: unknown;
  /** Id of the repository; `@commandline` of a local file, `@System` of a package that is removed. */
  repository: unknown;
}

/** Reads the packages of the last such transaction in a history. Rejects if the file cannot be read in time. */
export type ReadDnfHistory = (file: string, request: DnfHistoryRequest, timeoutMs?: number) => Promise<DnfHistoryRow[]>;

/** More than rpm has packages in one transaction. */
export const maxHistoryItems = 16_384;

const worker = fileURLToPath(new URL('dnf-history-worker.ts', import.meta.url));
/** Shorter than the event waits. */
const usualTimeoutMs = 3500;
const maxAnswerBytes = 8 * 1024 * 1024;

/** `ReadDnfHistory` for the running host. */
export const runDnfHistory: ReadDnfHistory = async (file, request, timeoutMs = usualTimeoutMs) => {
  const args = [...process.execArgv, worker, file, JSON.stringify(request)];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/proc/no-home' },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: maxAnswerBytes,
  });
  const rows: unknown = JSON.parse(stdout);
  if (!Array.isArray(rows)) throw new Error(`${file}: no rows`);
  return rows as DnfHistoryRow[];
};
