// Runs one hunt in the child process for SQL statements.

import { findingSql, type Hunt } from '../../detectors/hunts/hunt.ts';
import { type AnswerValue, SqlError } from '../../storage/query-database.ts';
import { askQuery, type QueryResult, type QuerySource } from './ask-query.ts';

/** The hunt could not be run. `message` is one line; it names the hunt's file if the SQL is wrong. */
export class HuntError extends Error {
  override name = 'HuntError';
}

/** The source, time window and limits of one run. `runHunt` does not read the hunt's own window and limit. */
export interface HuntRun {
  source: QuerySource;
  /** The beginning of the window, in milliseconds since 1970. */
  sinceMs: number;
  nowMs: number;
  limit: number;
  timeoutMs: number;
  /** Returns only rows that count as findings, and runs at low priority. */
  forFindings?: boolean;
  signal?: AbortSignal;
}

/** What comes from other hosts. */
const gatheredNames = { journal: 'journals', gathered: 'gathered events' } as const;

const isGathered = (source: QuerySource): source is Extract<QuerySource, { kind: keyof typeof gatheredNames }> =>
  source.kind in gatheredNames;

/** Runs a hunt and returns its rows. Throws a HuntError, a QueryEnded or a StoreError. */
export async function runHunt(hunt: Hunt, run: HuntRun): Promise<QueryResult> {
  if (isGathered(run.source) && hunt.source === 'host') {
    throw new HuntError(
      `the hunt ${hunt.id} reads files of this host, which ${gatheredNames[run.source.kind]} do not contain`,
    );
  }
  const { source, sinceMs, nowMs, limit, timeoutMs, forFindings = false, signal } = run;
  try {
    const result = await askQuery(
      {
        source,
        sql: forFindings ? findingSql(hunt) : hunt.sql,
        since: sinceMs,
        now: nowMs,
        limit,
        inBackground: forFindings,
      },
      { timeoutMs, ...(signal && { signal }) },
    );
    result.notes.unshift(...hunt.notes);
    return result;
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const keys = `\`hunt.${hunt.language}\`${forFindings && hunt.finding?.unless !== undefined ? ' or `hunt.finding.unless`' : ''}`;
    throw new HuntError(`${hunt.file}: ${keys}: ${error.message}`, { cause: error });
  }
}

/** The row as an object with its columns as keys. */
export function rowObject(columns: readonly string[], row: readonly AnswerValue[]): Record<string, AnswerValue> {
  return Object.fromEntries(columns.map((column, i) => [column, row[i] ?? null]));
}
