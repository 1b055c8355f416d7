// An alert's severity by name, and as a priority of syslog(3) and journald.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import { severityNumbers } from '../../detectors/alert.ts';
import type { Severity } from '../../detectors/rules/rule.ts';

/** syslog(3): notice, warning, error, critical. */
export const severityPriority: Readonly<Record<Severity, number>> = { low: 5, medium: 4, high: 3, critical: 2 };

/** The colour of each severity on a terminal, for util.styleText: none is dimmed. */
export const severityColours: Readonly<Record<Severity, 'cyan' | 'yellow' | 'red' | 'magenta'>> = {
  low: 'cyan',
  medium: 'yellow',
  high: 'red',
  critical: 'magenta',
};

/** The name of a value of `event.severity`; for an unknown number, the next higher name. */
export const severityNamed = (number: number): Severity =>
  (['low', 'medium', 'high'] as const).find((name) => number <= severityNumbers[name]) ?? 'critical';

/** The name of the document's `event.severity`. */
export const severityOf = ({ event }: StepparentEvent): Severity => severityNamed(event.severity ?? 0);
