// The type of a loaded hunt: a query that people run, and the agent on a schedule.

import type { Threat } from '../rules/rule.ts';

/** What a hunt asks: stored events, alerts (also those of other hosts, from journals), or this host as it is now. */
type HuntSource = 'events' | 'alerts' | 'host';

export interface Hunt {
  /** Also the name of its file without `.toml`. */
  id: string;
  name: string;
  description: string;
  /** How to go on from a row, Markdown. */
  note: string;
  source: HuntSource;
  /** The language of `query`. */
  language: 'sql' | 'esql';
  /** As the file has it. */
  query: string;
  /** The statement that runs, which only reads. `:since` in it is the beginning of the window, in milliseconds since 1970. */
  sql: string;
  /** How far back `:since` is by default. */
  windowMs: number;
  /** Rows that a person is shown. */
  limit: number;
  /** The columns that make a row the same row when the hunt runs again. */
  identity: readonly string[];
  /** Undefined: rows are only printed by the command, and never reported as findings. */
  finding: HuntFinding | undefined;
  threat: readonly Threat[];
  references: readonly string[];
  tags: readonly string[];
  /** The file it was read from. */
  file: string;
}

/** How the agent reports a new row. */
interface HuntFinding {
  /** Who did what, with `{column}` filled in; the message is this, a dash and the reason. Undefined: the reason is the message. */
  what: string | undefined;
  /** Why the row is worth attention: one clause, with `{column}` filled in. */
  reason: string;
  /** A condition over the row's columns: rows for which it holds are expected and not reported. */
  unless: string | undefined;
}

/** The id under which a hunt's findings stand among alerts and in the baseline. */
export const huntRuleId = (huntId: string): string => `hunt:${huntId}`;

/** The statement for the rows that are reported: without the expected ones. */
export function findingSql({ sql, finding }: Hunt): string {
  // On lines of their own: the statement may end in a comment.
  const rows = `SELECT * FROM (\n${sql}\n)`;
  return finding?.unless === undefined ? rows : `${rows} WHERE NOT coalesce((\n${finding.unless}\n), 0)`;
}

/** A row's identity: the values of these columns as text; null where a row has none. */
export function rowIdentity({ identity }: Hunt, row: Readonly<Record<string, string | number | null>>) {
  return identity.map((column) => {
    const value = row[column];
    return value === undefined || value === null ? null : String(value);
  });
}
