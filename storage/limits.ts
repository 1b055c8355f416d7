// Every bound and window of the store, in one place.

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const mebibyte = 1024 * 1024;

/**
 * The bounds and windows, in the unit that the name ends in. `PruneLimits` has those that a caller of `prune` can
 * change.
 */
export const limits = {
  /**
   * Maximum number of alerts of one rule that are delivered in any `rateLimitWindowMs`. Alerts over the limit are
   * stored and reported in a summary.
   */
  rateLimitAlerts: 100,
  rateLimitWindowMs: 5 * minuteMs,
  /** How long an alert whose terms were not observed counts its repeats, from its first event on. */
  unobservedWindowMs: hourMs,
  /** How long after the end of learning an event from before the end still counts as learning. */
  learningLagMs: hourMs,
  /** How long before the start of learning an event may have happened and still count as learning. */
  learningLeadMs: dayMs,
  /** A stored time this far in the future comes from a clock that was wrong when it was stored. */
  clockSlackMs: dayMs,
  /** A delivery that is postponed by more than this is due at once, because the clock was set back. */
  longestDelayMs: hourMs,
  termsPerRule: 100_000,
  /** Each match of a rule is compared with all its patterns. */
  patternsPerRule: 64,
  /** How long a row of a hunt counts as known after the hunt last found it. */
  huntRowMs: 90 * dayMs,
  eventDays: 14,
  alertDays: 365,
  alerts: 10_000,
  maxBytes: 200 * mebibyte,
  /** Maximum size of all stored contents of package scripts. */
  scriptBytes: 50 * mebibyte,
  /** Maximum size of all last seen contents of watched files; at most this share of `maxBytes`. */
  contentBytes: 16 * mebibyte,
  contentShare: 1 / 8,
  /** How long the package ledger keeps a row, and how many: some 30 MiB, with the longest names several times as much. */
  ledgerDays: 5 * 365,
  ledgerRows: 100_000,
  /** Number of runs of the agent that are kept. */
  agentRuns: 100,
  /** Maximum length of a reviewer's name and reason, in UTF-16 units. */
  reviewChars: 500,
  /** Maximum length of a value in the ledger, in UTF-16 units. */
  ledgerChars: 512,
  /** Maximum number of digests of packages, some 45 MiB; those of former lists are deleted first. */
  packageDigests: 1_000_000,
  /** How long the digests of former package lists are kept. */
  supersededDigestDays: 730,
  /**
   * The share of `maxBytes` from which on the oldest rows are deleted. The rest is for free pages and the write-ahead
   * log.
   */
  fullAt: 0.95,
  /**
   * The share of all events that those of other users, and those of unobserved users, may each have. Above it, the
   * oldest events of that class are deleted first.
   */
  othersShare: 1 / 8,
  /** Maximum length of a value in a column, in UTF-16 units; the document holds the whole value. */
  columnChars: 4_096,
  /** Maximum number of rows of one kind that one call of `prune` deletes, which takes some milliseconds. */
  pruneRows: 250,
  /** The same for rows that events share; without indexes they are deleted several times as fast as events. */
  pruneSharedRows: 2_000,
  prunePages: 256,
  /**
   * Up to this size the whole database is checked when it is opened; of a larger one all tables but those of the
   * events.
   */
  wholeCheckBytes: 64 * mebibyte,
  busyTimeoutMs: 5_000,
  /** The same for the agent once it runs: it answers nothing while it waits, and keeps what is refused. */
  agentBusyTimeoutMs: 100,
  cacheKiB: 2_048,
  /** Cache of a connection for SQL queries, which has a process of its own. */
  queryCacheKiB: 65_536,
  /** Of a database that gathered events are put into: the keys of one host are close together. */
  gatherCacheKiB: 16_384,
  walPages: 1_000,
  walBytes: 8 * mebibyte,
} as const;

export { dayMs };
