// `stepparent query`: one statement in SQL over events, alerts and tables of the host.

import { escapeText } from '../../collectors/event/escape-text.ts';
import { SqlError } from '../../storage/query-database.ts';
import { StoreError } from '../../storage/store-error.ts';
import { resolvePaths } from '../configuration/paths.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';
import { printAnswer } from '../output/print-answer.ts';
import { askQuery, type QueryRequest, type QueryResult } from '../query/ask-query.ts';

export interface QueryOptions {
  config?: string;
  json?: boolean;
  /** Rows. */
  limit: number;
  timeoutMs: number;
  /** `:since` in the statement, in milliseconds since 1970; seven days ago when it is not given. */
  sinceMs?: number | undefined;
}

const dayMs = 86_400_000;
const messageChars = 1000;

/** Prints the answer. False when the statement was refused; throws StoreError, QueryEnded and ConfigurationError. */
export async function queryCommand(sql: string, options: QueryOptions): Promise<boolean> {
  const { configuration } = readConfiguration(options.config);
  const now = Date.now();
  const { json, limit, timeoutMs, sinceMs = now - 7 * dayMs } = options;
  const path = resolvePaths(configuration, process.env).database;
  const request: QueryRequest = { source: { kind: 'database', path }, sql, since: sinceMs, now, limit };
  try {
    printAnswer(await askEither(request, timeoutMs), { json, limit });
    return true;
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    console.error(`stepparent: ${escapeText(error.message, messageChars)}`);
    return false;
  }
}

/** The tables of the host can be asked before the agent has ever run. */
async function askEither(request: QueryRequest, timeoutMs: number): Promise<QueryResult> {
  try {
    return await askQuery(request, { timeoutMs });
  } catch (error) {
    if (!(error instanceof StoreError) || error.trouble !== 'missing') throw error;
    const result = await askQuery({ ...request, source: { kind: 'host' } }, { timeoutMs });
    result.notes.push('there is no database yet: events and alerts are empty');
    return result;
  }
}
