// Counts the stored alerts that an exception would suppress.

import { readPath } from '../../collectors/event/read-path.ts';
import { compileConditions, type Exception } from '../../detectors/exceptions.ts';
import type { AlertRecord, AlertState } from '../../storage/records.ts';
import type { StoreReader } from '../../storage/store.ts';

/** The stored alerts that an exception would suppress. */
export interface ExceptionPreview {
  /** Number of stored alerts of the exception's rules. */
  stored: number;
  /** Number of alerts that the exception covers, by state. */
  states: Partial<Record<AlertState, number>>;
  /** Sum of the matches of these alerts. */
  matches: number;
  /** The newest of these alerts, newest last. */
  newest: AlertRecord[];
}

const newestShown = 5;

/** Compares the exception with the stored alerts of its rules, whether or not it has expired. */
export function previewException(store: Pick<StoreReader, 'listAlerts'>, { rules, when }: Exception): ExceptionPreview {
  const covers = compileConditions(when);
  const found: ExceptionPreview = { stored: 0, states: {}, matches: 0, newest: [] };
  for (const ruleId of new Set(rules)) {
    for (const alert of store.listAlerts({ ruleId })) {
      found.stored++;
      if (!covers((field) => readPath(alert.document, field))) continue;
      found.states[alert.state] = (found.states[alert.state] ?? 0) + 1;
      found.matches += alert.count;
      found.newest.push(alert);
      found.newest.sort((a, b) => a.lastMs - b.lastMs);
      if (found.newest.length > newestShown) found.newest.shift();
    }
  }
  return found;
}
