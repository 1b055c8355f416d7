// Runs one SQL statement in a child process, which is killed when it takes too long.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type AnswerValue, SqlError } from '../../storage/query-database.ts';
import { StoreError, type StoreTrouble } from '../../storage/store-error.ts';
import { environmentOfChild } from '../daemon/service-manager.ts';

/**
 * Where the rows come from: the agent's database, the alerts in a directory of journals, a database of gathered events, or only the
 * tables of the host.
 */
export type QuerySource =
  | { kind: 'database'; path: string }
  | { kind: 'journal'; directory: string }
  | { kind: 'gathered'; path: string }
  | { kind: 'host' };

/** One SQL statement with its source and limits. The worker process reads it as JSON from standard input. */
export interface QueryRequest {
  source: QuerySource;
  sql: string;
  /** The values of `:since` and `:now` in the SQL, in milliseconds since 1970. */
  since: number;
  now: number;
  /** Maximum number of rows. */
  limit: number;
  /** Run at low priority. */
  inBackground?: boolean;
}

/** One line of the worker's output, as JSON. */
export type QueryMessage =
  | { columns: string[] }
  | { rows: AnswerValue[][] }
  | { end: { truncated: boolean; notes: string[] } }
  | {
      error: {
        message: string;
        /** The statement is at fault. */
        sql: boolean;
        trouble: StoreTrouble | undefined;
      };
    };

/**
 * The rows of a statement, each with its values in the order of `columns`. `notes` are remarks on the rows for the
 * user, one line each, such as failed reads.
 */
export interface QueryResult {
  columns: string[];
  rows: AnswerValue[][];
  /** Rows are missing: there are more than `limit`, or their values take more than 64 Mi characters. */
  truncated: boolean;
  notes: string[];
}

/** Maximum memory of the worker process. SQLite has no bound of its own: it gathers groups, lists and texts in memory. */
const maxMemoryKiB = 1024 * 1024;
const memoryCheckMs = 50;

/** The query timed out or took too much memory, its source cannot be read, or the worker process died. `message` is one line. */
export class QueryEnded extends Error {
  override name = 'QueryEnded';
}

const worker = fileURLToPath(new URL('query-worker.ts', import.meta.url));

/**
 * Runs the statement. Rejects with a SqlError, a StoreError, or a QueryEnded, also after `timeoutMs` and when `signal` aborts.
 * The worker process has been killed or has ended by then.
 */
export async function askQuery(
  request: QueryRequest,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
): Promise<QueryResult> {
  const child = spawn(process.execPath, [...process.execArgv, worker], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environmentOfChild(process.env),
  });
  const closed = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, killSignal) => resolve(code === 0 ? undefined : `it ended with ${killSignal ?? code}`));
  });
  // Without a free descriptor (EMFILE), the child has no streams either.
  if (child.pid === undefined) throw new QueryEnded(`the query process could not be started: ${await closed}`);
  let endReason: string | undefined;
  const end = (reason: string): void => {
    endReason ??= reason;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => end(`no answer after ${timeoutMs / 1000} s; --timeout allows more`), timeoutMs);
  const { pid } = child;
  const memoryTimer = setInterval(() => {
    if (readMemoryKiB(pid) > maxMemoryKiB) end(`the answer takes more than ${maxMemoryKiB / 1024} MiB of memory`);
  }, memoryCheckMs);
  const onAbort = (): void => end('stopped');
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted) onAbort();

  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = `${stderr}${text}`.slice(0, 2000);
  });
  // Writing fails if the worker has already ended.
  child.stdin.on('error', () => {});
  child.stdin.end(JSON.stringify(request));

  const result: QueryResult = { columns: [], rows: [], truncated: false, notes: [] };
  let isWhole = false;
  let failure: Error | undefined;
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
      // The last line of a killed worker may be cut.
      if (endReason !== undefined) break;
      const message = parseMessage(line);
      // Another process killed the worker: the line is cut, and no `end` follows.
      if (message === undefined) continue;
      if ('columns' in message) result.columns = message.columns;
      else if ('rows' in message) result.rows.push(...message.rows);
      else if ('error' in message) failure = errorOf(message.error);
      else {
        isWhole = true;
        Object.assign(result, message.end);
      }
    }
    const trouble = await closed;
    if (failure !== undefined) throw failure;
    if (endReason !== undefined && !isWhole) throw new QueryEnded(endReason);
    if (!isWhole) throw new QueryEnded(`the query process died: ${stderr.trim() || trouble || 'no output'}`);
    return result;
  } finally {
    clearTimeout(timer);
    clearInterval(memoryTimer);
    signal?.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
  }
}

/** Private memory of a process, without the pages of the database file. 0 if the process has ended. */
function readMemoryKiB(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    // Linux before 4.5 has no RssAnon.
    return Number((/^RssAnon:\s+(\d+)/m.exec(status) ?? /^VmRSS:\s+(\d+)/m.exec(status))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Undefined if the line is cut. */
function parseMessage(line: string): QueryMessage | undefined {
  try {
    return JSON.parse(line) as QueryMessage;
  } catch {
    return undefined;
  }
}

function errorOf({ message, sql, trouble }: Extract<QueryMessage, { error: object }>['error']): Error {
  if (trouble !== undefined) return new StoreError(trouble, message);
  return sql ? new SqlError(message) : new QueryEnded(message);
}
