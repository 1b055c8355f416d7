// The sentence of an alert, safe to show.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';

/** The most of a message that is shown, in characters; alerts are built with at most 1,024 bytes. */
const messageChars = 2048;

/**
 * `message`, on one line. Alerts are built with it escaped, so its backslashes stand as they are; all else that would
 * move a cursor or start a line is escaped here again, since a stored document may come from anywhere.
 */
export function shownMessage(document: StepparentEvent): string {
  return (document.message ?? '(no message)')
    .split('\\')
    .map((part) => escapeText(part, messageChars))
    .join('\\')
    .slice(0, messageChars);
}
