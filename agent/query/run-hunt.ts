// Runs one hunt, in the process that answers questions in SQL.

import { findingSql, type Hunt, inFindingSql } from '../../detectors/hunts/hunt.ts';
import { locateInHunt } from '../../detectors/hunts/load-hunts.ts';
import { readSource } from '../../detectors/rules/read-source.ts';
import { TomlFileError } from '../../detectors/rules/toml-file.ts';
import { type AnswerValue, SqlError } from '../../storage/query-database.ts';
import { askQuery, type QueryResult, type QuerySource } from './ask-query.ts';

/** The hunt could not be run. `message` is one line, with the place in the hunt's file when its SQL is wrong. */
export class HuntError extends Error {
  override name = 'HuntError';
  /** The line at fault and a caret under it, printable; '' when there is none. */
  readonly excerpt: string;

  constructor(message: string, excerpt = '', options?: ErrorOptions) {
    super(message, options);
    this.excerpt = excerpt;
  }
}

export interface HuntRun {
  source: QuerySource;
  /** The beginning of the window, in milliseconds since 1970. */
  sinceMs: number;
  nowMs: number;
  limit: number;
  timeoutMs: number;
  /** Only rows that would be told as findings, and in nobody's way. */
  forFindings?: boolean;
  signal?: AbortSignal;
}

/** Throws a HuntError, a QueryEnded or a StoreError. */
export async function runHunt(hunt: Hunt, run: HuntRun): Promise<QueryResult> {
  if (run.source.kind === 'journal' && hunt.source === 'host') {
    throw new HuntError(`${hunt.id} looks at this host's own files: journals do not have them`);
  }
  const { source, sinceMs, nowMs, limit, timeoutMs, forFindings = false, signal } = run;
  try {
    return await askQuery(
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
  } catch (error) {
    throw error instanceof SqlError ? huntError(hunt, error, forFindings) : error;
  }
}

/** What is wrong with a hunt's statement, at its place in the hunt's file. `forFindings`: with the condition of its findings. */
export function huntError(hunt: Hunt, error: SqlError, forFindings: boolean): HuntError {
  const { place } = error;
  if (place === undefined) {
    return new HuntError(`${hunt.file}: \`hunt.sql\`: ${error.message}`, '', { cause: error });
  }
  try {
    const at = forFindings ? inFindingSql(hunt, place) : ({ key: 'sql', place } as const);
    const source = readSource(hunt.file);
    const { message, line, column, excerpt } = locateInHunt(hunt, source, error.message, at.key, at.place);
    return new HuntError(`${hunt.file}:${line}:${column}: ${message}`, excerpt, { cause: error });
  } catch (again) {
    // The file has changed meanwhile.
    if (!(again instanceof TomlFileError) && !(again instanceof Error && 'code' in again)) throw again;
    return new HuntError(`${hunt.file}: \`hunt.sql\`: ${error.message}`, '', { cause: error });
  }
}

/** A row by its columns. */
export function rowObject(columns: readonly string[], row: readonly AnswerValue[]): Record<string, AnswerValue> {
  return Object.fromEntries(columns.map((column, i) => [column, row[i] ?? null]));
}
