// What an exception would have hidden of the alerts that are stored.

import { readPath } from '../../collectors/event/read-path.ts';
import { compileConditions, type Exception } from '../../detectors/exceptions.ts';
import type { AlertRecord, AlertState } from '../../storage/records.ts';
import type { StoreReader } from '../../storage/store.ts';

export interface WouldHide {
  /** Stored alerts of its rules. */
  stored: number;
  /** Those that it covers, by state. */
  states: Partial<Record<AlertState, number>>;
  /** Matches that these alerts count. */
  matches: number;
  /** The newest of them, newest last. */
  newest: AlertRecord[];
}

const newestShown = 5;

/** Compares the exception with the stored alerts of the exception's rules, whether or not it has expired. */
export function previewException(store: Pick<StoreReader, 'listAlerts'>, { rules, when }: Exception): WouldHide {
  const covers = compileConditions(when);
  const found: WouldHide = { stored: 0, states: {}, matches: 0, newest: [] };
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
