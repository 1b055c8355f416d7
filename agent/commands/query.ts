// `stepparent query`: one statement in SQL or ES|QL over events, alerts and tables of the host.

import { type Command, Option } from 'commander';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { StoreError } from '../../storage/store-error.ts';
import type { QueryRequest, QueryResult } from '../query/ask-query.ts';
import {
  action,
  defineCommand,
  eventsOption,
  type GlobalOptions,
  jsonOption,
  limitOption,
  sinceOption,
  timeoutOption,
} from './define-command.ts';

interface QueryOptions extends GlobalOptions {
  language?: 'sql' | 'esql';
  /** The value of `:since` in the statement, in milliseconds since 1970. Default: seven days ago. */
  since?: number;
  /** Maximum number of rows. */
  limit: number;
  /** Milliseconds. */
  timeout: number;
  /** A directory of events that hosts have exported, instead of what this host's agent has stored. */
  events?: string;
  json?: boolean;
}

export const command = (): Command =>
  defineCommand('query')
    .description('query events, alerts and host tables with SQL or ES|QL, read-only')
    .argument('<query>', 'one SQL statement, or one ES|QL query')
    .addOption(
      new Option('--language <language>', 'query language (default: by the first word of the query)').choices([
        'sql',
        'esql',
      ]),
    )
    .addOption(sinceOption('value of :since in the query: 10m, 7d, or a date (default: 7d)'))
    .addOption(limitOption('maximum number of rows').default(10_000))
    .addOption(timeoutOption())
    .addOption(eventsOption())
    .addOption(jsonOption())
    .action(action(printQuery));

const dayMs = 86_400_000;
const messageChars = 1000;

/** Prints the result. Returns false if the statement was rejected. Throws StoreError, QueryEnded and ConfigurationError. */
async function printQuery(options: QueryOptions, given: string): Promise<boolean> {
  const { resolvePaths } = await import('../configuration/paths.ts');
  const { readConfiguration } = await import('../configuration/read-configuration.ts');
  const { SqlError } = await import('../../storage/query-database.ts');
  const { isEsql, translateEsql, withoutBlockName } = await import('../../detectors/query/esql.ts');
  const { QueryError } = await import('../../detectors/query/query.ts');
  const { formatQueryError } = await import('../../detectors/query/query-error-excerpt.ts');
  const { printAnswer } = await import('../output/print-answer.ts');
  const { askEvents } = await import('../query/ask-hosts.ts');
  const { configuration } = readConfiguration(options.config);
  const now = Date.now();
  const { json, limit, timeout: timeoutMs, since = now - 7 * dayMs, events } = options;
  const path = resolvePaths(configuration, process.env).database;
  const query = withoutBlockName(given);
  const { language = isEsql(query) ? 'esql' : 'sql' } = options;
  try {
    const { sql, notes } = language === 'esql' ? translateEsql(query) : { sql: query, notes: [] };
    const request = { sql, since, now, limit };
    const result =
      events === undefined
        ? await askWithFallback({ ...request, source: { kind: 'database', path } }, timeoutMs)
        : await askEvents(events, request, timeoutMs);
    result.notes.unshift(...notes);
    printAnswer(result, { json, limit });
    return true;
  } catch (error) {
    if (error instanceof QueryError) {
      console.error(`stepparent: line ${error.line}, column ${error.column}: ${error.message}`);
      console.error(formatQueryError(query, error));
      return false;
    }
    if (!(error instanceof SqlError)) throw error;
    console.error(`stepparent: ${escapeText(error.message, messageChars)}`);
    return false;
  }
}

/** Without a database, queries the tables of the host only: they are available before the agent has ever run. */
async function askWithFallback(request: QueryRequest, timeoutMs: number): Promise<QueryResult> {
  const { askQuery } = await import('../query/ask-query.ts');
  try {
    return await askQuery(request, { timeoutMs });
  } catch (error) {
    if (!(error instanceof StoreError) || error.trouble !== 'missing') throw error;
    const result = await askQuery({ ...request, source: { kind: 'host' } }, { timeoutMs });
    result.notes.push('no database yet: the tables of events and alerts are empty');
    return result;
  }
}
