// What a check of rule or hunt files found.

/** What is wrong, on one line, and the line of the file with a caret under it, printable; '' when there is none. */
export interface CheckFault {
  line: string;
  excerpt: string;
}

export interface CheckReport {
  /** Rules or hunts that the agent would load. */
  valid: number;
  rejected: CheckFault[];
  warnings: CheckFault[];
  /** What could not be checked. */
  notes: string[];
}
