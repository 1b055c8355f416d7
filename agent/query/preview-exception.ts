// Counts the stored alerts that an exception, or a pattern in the baseline, would suppress.

import { readPath } from '../../collectors/event/read-path.ts';
import { compileConditions, type Exception } from '../../detectors/exceptions.ts';
import type { AlertRecord, AlertState } from '../../storage/records.ts';
import type { StoreReader } from '../../storage/store.ts';

/** The stored alerts that would be suppressed. */
export interface SuppressionPreview {
  /** Number of stored alerts of the rules. */
  stored: number;
  /** Number of alerts that are covered, by state. */
  states: Partial<Record<AlertState, number>>;
  /** Sum of the matches of these alerts. */
  matches: number;
  /** The newest of these alerts, newest last. */
  newest: AlertRecord[];
}

const newestShown = 5;

/** Compares the exception with the stored alerts of its rules, whether or not it has expired. */
export function previewException(
  store: Pick<StoreReader, 'listAlerts'>,
  { rules, when }: Exception,
): SuppressionPreview {
  const covers = compileConditions(when);
  return previewSuppression(store, rules, ({ document }) => covers((field) => readPath(document, field)));
}

/** Calls `covers` with each stored alert of the rules. */
export function previewSuppression(
  store: Pick<StoreReader, 'listAlerts'>,
  rules: readonly string[],
  covers: (alert: AlertRecord) => boolean,
): SuppressionPreview {
  const found: SuppressionPreview = { stored: 0, states: {}, matches: 0, newest: [] };
  for (const ruleId of new Set(rules)) {
    for (const alert of store.listAlerts({ ruleId })) {
      found.stored++;
      if (!covers(alert)) continue;
      found.states[alert.state] = (found.states[alert.state] ?? 0) + 1;
      found.matches += alert.count;
      found.newest.push(alert);
      found.newest.sort((a, b) => a.lastMs - b.lastMs);
      if (found.newest.length > newestShown) found.newest.shift();
    }
  }
  return found;
}
