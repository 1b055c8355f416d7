// Formats an exception as lines for a terminal, and the stored alerts that it would suppress.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { Exception } from '../../detectors/exceptions.ts';
import type { StoreReader } from '../../storage/store.ts';
import { conditionText, expiryText } from '../configuration/exception-text.ts';
import { previewException, type SuppressionPreview } from '../query/preview-exception.ts';
import { labelLines } from './label-lines.ts';
import { localTime } from './local-time.ts';
import { shownMessage } from './shown-message.ts';

const lineChars = 1000;

/** The exception as lines of label and text, escaped. */
export function describeException(exception: Exception): string[] {
  const { id, rules, when, reason, owner } = exception;
  const pairs: [string, string][] = [
    ['id', id],
    ['rule', escapeText(rules.join(', '), lineChars)],
    ...when.map((condition, index): [string, string] => [index === 0 ? 'when' : 'and', conditionText(condition)]),
    ['reason', escapeText(reason, lineChars)],
    ['owner', escapeText(owner, lineChars)],
    ['expires', expiryText(exception)],
  ];
  return labelLines(pairs, { width: 10 });
}

/** The number of stored alerts that the exception would suppress, by state, and the newest five of them, escaped. */
export const describeSuppressed = (store: StoreReader, exception: Exception): string[] =>
  describePreview(previewException(store, exception));

/** A preview as lines, escaped. */
export function describePreview({ stored, states, matches, newest }: SuppressionPreview): string[] {
  const covered = Object.values(states).reduce((sum, count) => sum + count, 0);
  const byState = Object.entries(states).map(([state, count]) => `${count} ${state}`);
  return [
    `  would suppress ${covered} of ${stored} stored alerts of its rule${
      covered === 0 ? '' : ` (${byState.join(', ')}), ${matches} ${matches === 1 ? 'match' : 'matches'}; the newest:`
    }`,
    ...newest.map((alert) => `    ${localTime(alert.lastMs)}  ${alert.state}  ${shownMessage(alert.document)}`),
  ];
}
