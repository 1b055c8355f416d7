// The notes that an event carries: which of its fields were not observed, are a conclusion, or were cut. Types only.

import type { InferredBasis, UnobservedReason } from './reasons.ts';

/** Notes by the name of a field, either of the event (`process.parent.args`) or of one process (`args`). */
export interface Notes {
  unobserved: Record<string, UnobservedReason>;
  inferred: Record<string, InferredBasis>;
  /** The bound at which the field was cut: bytes, or the number of entries. */
  truncated: Record<string, number>;
}
