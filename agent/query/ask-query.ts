// Runs one SQL statement in a child process, which is killed when it takes too long.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type AnswerValue, SqlError } from '../../storage/query-database.ts';
import { StoreError, type StoreTrouble } from '../../storage/store-error.ts';
import { environmentOfChild } from '../daemon/service-manager.ts';

/** What is asked: the agent's database, alerts in a directory of journals, or the tables of the host alone. */
export type QuerySource =
  | { kind: 'database'; path: string }
  | { kind: 'journal'; directory: string }
  | { kind: 'host' };

export interface QueryRequest {
  source: QuerySource;
  sql: string;
  /** `:since` and `:now` in the SQL, in milliseconds since 1970. */
  since: number;
  now: number;
  /** Rows. */
  limit: number;
  /** It may take longer, and runs at low priority. */
  inBackground?: boolean;
}

/** One line of the worker's. */
export type QueryMessage =
  | { columns: string[] }
  | { rows: AnswerValue[][] }
  | { end: { truncated: boolean; notes: string[] } }
  | {
      error: {
        message: string;
        /** It is the statement's fault. */
        sql: boolean;
        trouble: StoreTrouble | undefined;
      };
    };

export interface QueryResult {
  columns: string[];
  rows: AnswerValue[][];
  /** There are more rows than `limit`. */
  truncated: boolean;
  notes: string[];
}

/** The question was not answered in time, what it is about cannot be read, or the process that should have answered is gone. */
export class QueryEnded extends Error {
  override name = 'QueryEnded';
}

const worker = fileURLToPath(new URL('query-worker.ts', import.meta.url));

/**
 * Asks. Rejects with a SqlError, a StoreError, or a QueryEnded after `timeoutMs` and when `signal` aborts; the
 * process is gone then.
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
  // Without a descriptor left (EMFILE) it has not even streams.
  if (child.pid === undefined) throw new QueryEnded(`the process that answers could not be started: ${await closed}`);
  let endReason: string | undefined;
  const end = (reason: string): void => {
    endReason ??= reason;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => end(`no answer after ${timeoutMs / 1000} s; --timeout allows more`), timeoutMs);
  const onAbort = (): void => end('stopped');
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted) onAbort();

  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = `${stderr}${text}`.slice(0, 2000);
  });
  // A worker that has ended already does not read.
  child.stdin.on('error', () => {});
  child.stdin.end(JSON.stringify(request));

  const result: QueryResult = { columns: [], rows: [], truncated: false, notes: [] };
  let isWhole = false;
  let failure: Error | undefined;
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
      // A line of a worker that was killed may be cut.
      if (endReason !== undefined) break;
      const message = parseMessage(line);
      // The same holds for a worker that another process killed: then no end follows.
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
    if (!isWhole)
      throw new QueryEnded(`the process that answers is gone: ${stderr.trim() || trouble || 'it said nothing'}`);
    return result;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
  }
}

/** Undefined: it is cut. */
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
