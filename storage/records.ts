// The rows of the local store as the rest of the program sees them.

import type { AlertState, StepparentEvent } from '../collectors/event/event.ts';

export type { AlertState };

export interface AlertRecord {
  id: string;
  ruleId: string;
  scope: string;
  terms: (string | null)[];
  state: AlertState;
  /** Milliseconds since 1970 of the first and last event counted into this alert, never later than their commit. */
  firstMs: number;
  lastMs: number;
  /** Events counted into it, the first included. */
  count: number;
  document: StepparentEvent;
}

/**
 * How a term came to be known: an alert, learning mode, a known-terms list, `baseline allow`, a container, or, of hunts, the
 * first run on this database.
 */
export type TermOrigin = 'alert' | 'learning' | 'known' | 'allowed' | 'container' | 'first-run';

export interface TermRecord {
  ruleId: string;
  scope: string;
  terms: (string | null)[];
  firstMs: number;
  lastMs: number;
  count: number;
  origin: TermOrigin;
}

/** One delivery still to make: an alert, or a summary of rate-limited ones. */
export interface OutboxItem {
  id: number;
  sink: string;
  document: StepparentEvent;
  /** Deliveries tried without success. */
  attempts: number;
}
