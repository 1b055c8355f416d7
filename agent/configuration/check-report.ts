// The result of a check of rule or hunt files.

/** A fault on one line, and the excerpt: the line of the file with a caret under it, printable; '' without one. */
export interface CheckFault {
  line: string;
  excerpt: string;
}

/** The counts and faults of a check. */
export interface CheckReport {
  /** Number of rules or hunts that the agent would load. */
  valid: number;
  rejected: CheckFault[];
  warnings: CheckFault[];
  /** What could not be checked, one line each. */
  notes: string[];
}
