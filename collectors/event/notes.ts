// The notes that an event carries: which of its fields were not observed, are a conclusion, or were cut. Types only.

/** Notes of what was not read, by ECS field, or by field of one process. */
export interface Notes {
  unobserved: Record<string, string>;
  inferred: Record<string, string>;
  truncated: Record<string, number>;
}
