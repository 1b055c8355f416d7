// The type of a loaded hunt: a query that the agent runs on a schedule and people run by hand.

import type { Threat } from '../rules/rule.ts';

/**
 * The source of a hunt's rows: stored events, alerts (also those of other hosts, from journals), or the present state
 * of this host.
 */
type HuntSource = 'events' | 'alerts' | 'host';

/** A hunt as its file has it, checked, with its query as SQL. */
export interface Hunt {
  /** Also the name of its file without `.toml`. */
  id: string;
  name: string;
  description: string;
  /** How to investigate a row, Markdown. */
  note: string;
  source: HuntSource;
  /** The language of `query`. */
  language: 'sql' | 'esql';
  /** The query as the file has it. */
  query: string;
  /** What the translation of an ES|QL query says about it, each a clause for people: that a list is compared, say. */
  notes: readonly string[];
  /**
   * The SQL statement that runs; it is read-only. `:since` in it is the start of the window, in milliseconds since
   * 1970.
   */
  sql: string;
  /** Length of the window when the command line gives none. */
  windowMs: number;
  /** Maximum number of rows that the command shows. */
  limit: number;
  /** The columns that identify a row from one run of the hunt to the next. */
  identity: readonly string[];
  /** Undefined: the command prints the rows, and the agent never reports them as findings. */
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
  /** An SQL condition over the row's columns: rows for which it holds are expected and not reported. */
  unless: string | undefined;
}

/** The rule id of a hunt's findings in alerts and in the baseline. */
export const huntRuleId = (huntId: string): string => `hunt:${huntId}`;

/** The statement for the rows that the agent reports: all but the expected ones. */
export function findingSql({ sql, finding }: Hunt): string {
  // The statement is on lines of its own, because it may end in a comment.
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
