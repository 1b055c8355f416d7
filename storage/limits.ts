// Every bound and window of the store, in one place.

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const mebibyte = 1024 * 1024;

export const limits = {
  /** Alerts of one rule that are sent in any `rateLimitWindowMs`; what is over is kept and reported in a summary. */
  rateLimitAlerts: 100,
  rateLimitWindowMs: 5 * minuteMs,
  /** How long an alert whose terms were not observed counts its repeats, from its first event. */
  unobservedWindowMs: hourMs,
  /** How late an event from learning time may be committed and still count as such. */
  learningLagMs: hourMs,
  /** How far before its start an event may lie and still count as seen while learning. */
  learningLeadMs: dayMs,
  /** A stored time this far in the future comes from a clock that was wrong. */
  clockSlackMs: dayMs,
  /** A delivery put off further than this from now is due at once: the clock was stepped back. */
  longestDelayMs: hourMs,
  termsPerRule: 100_000,
  /** How long a row of a hunt counts as known after it was last there. */
  huntRowMs: 90 * dayMs,
  eventDays: 14,
  alertDays: 365,
  alerts: 10_000,
  maxBytes: 200 * mebibyte,
  /** Contents of packages' scripts that are kept. */
  scriptBytes: 50 * mebibyte,
  /** The part of `maxBytes` at which the oldest go; between it and the whole lie free pages and the write-ahead log. */
  fullAt: 0.95,
  /** Where the oldest events go: of those of others than root, all over this part of all go first. */
  othersShare: 1 / 8,
  /** The most of a value that a column takes, in UTF-16 units; the document has all of it. */
  columnChars: 4_096,
  /** Rows of one kind that one call of `prune` deletes at most, and pages that it gives back: some milliseconds each. */
  pruneRows: 250,
  /** The same for rows that events share: they have no index, and are deleted several times as fast as events. */
  pruneSharedRows: 2_000,
  prunePages: 256,
  /** At open, a database up to this size is checked whole; of a larger one all but the events. */
  wholeCheckBytes: 64 * mebibyte,
  busyTimeoutMs: 5_000,
  /** The same for the agent once it runs: it answers nothing while it waits, and keeps what is refused. */
  agentBusyTimeoutMs: 500,
  cacheKiB: 2_048,
  /** Of a connection that is asked in SQL, in a process of its own. */
  queryCacheKiB: 65_536,
  walPages: 1_000,
  walBytes: 8 * mebibyte,
} as const;

export { dayMs };
