// The notes that an event carries: which of its fields were not observed, are a conclusion, or were cut. Types only.

import type { InferredBasis, UnobservedReason } from './reasons.ts';

/** Notes of what was not read, by ECS field, or by field of one process. */
export interface Notes {
  unobserved: Record<string, UnobservedReason>;
  inferred: Record<string, InferredBasis>;
  truncated: Record<string, number>;
}
