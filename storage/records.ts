// The types of the rows that the local store returns.

import type { AlertState, StepparentEvent } from '../collectors/event/event.ts';

export type { AlertState };

/**
 * An alert with the key that its repeats have: rule, scope (collectors/event/scope.ts) and terms. A term is null if it
 * was not observed.
 */
export interface AlertRecord {
  id: string;
  ruleId: string;
  scope: string;
  terms: (string | null)[];
  state: AlertState;
  /** Times of the first and last event of this alert, in milliseconds since 1970, never later than their commit. */
  firstMs: number;
  lastMs: number;
  /** Number of events of this alert, the first included. */
  count: number;
  /** Undefined: it was never reviewed, or was opened again, or has matched again since it was closed. */
  review?: AlertReview | undefined;
  document: StepparentEvent;
}

/** What a person decided about an alert. */
export interface AlertReview {
  state: 'acknowledged' | 'closed';
  /** Milliseconds since 1970. */
  timeMs: number;
  /** The person's name, as the command knew it. */
  by: string;
  reason: string | undefined;
}

/**
 * How a term got into the baseline: by an alert, learning mode, a known-terms list or the baseline of another rule (`known`),
 * `baseline allow`, a match in a container, or the first run of a hunt on this database. A `pattern` is allowed by `baseline allow`
 * for each term that it covers.
 */
export type TermOrigin = 'alert' | 'learning' | 'known' | 'allowed' | 'pattern' | 'container' | 'first-run';

/**
 * One row of the baseline. Times are those of the first and last sighting, or of `baseline allow` if the term was never
 * seen, in milliseconds since 1970; `count` is the number of sightings, 0 for a term that was never seen.
 */
export interface TermRecord {
  ruleId: string;
  scope: string;
  terms: (string | null)[];
  firstMs: number;
  lastMs: number;
  count: number;
  origin: TermOrigin;
}

/** One pending delivery: an alert, or a summary of rate-limited alerts. */
export interface OutboxItem {
  id: number;
  sink: string;
  document: StepparentEvent;
  /** Number of failed attempts. */
  attempts: number;
}
